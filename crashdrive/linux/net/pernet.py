"""Modules' data for each network namespace: ``net_generic(net, ID)`` of include/net/netns/generic.h."""

from __future__ import annotations

from crashdrive.errors import UnknownMemberError
from crashdrive.linux.survey import Survey


def own_memory(survey: Survey, net: int, symbol: str) -> int | None:
    """The address of a module's data for a namespace; ``symbol``: the variable with its id.

    None where the namespace has no such data: it was made without the module, or is half torn down.
    """
    kernel = survey.kernel
    if not kernel.has_member("struct net_generic", "s.len"):
        raise UnknownMemberError("struct net_generic has no s.len")
    generic = kernel.object("struct net", net).gen
    number = int(kernel.symbol_as(symbol, "unsigned int"))
    if number >= int(generic.s.len):
        return None
    place = int(generic) + kernel.offset("struct net_generic", "ptr") + number * kernel.pointer_size
    return kernel.read_pointer(place) or None
