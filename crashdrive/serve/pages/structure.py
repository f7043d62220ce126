"""A structure at an address, member by member; pointers lead on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.errors import UnknownTypeError, UsageError
from crashdrive.kernel.types.model import type_name
from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.members import Members, members_of
from crashdrive.serve.places import place_of

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.kernel.types.model import Type
    from crashdrive.linux.kernel import Kernel


# what is asked of gdb: words, asterisks, dimensions, and nothing else
_TYPE = re.compile(r"[A-Za-z_]\w*(?: [A-Za-z_]\w*){0,4} ?\*{0,4}(?: ?\[[0-9]{1,6}\]){0,3}")


class Structure(NamedTuple):
    """What stands at the address."""

    type: str
    size: int
    members: Members
    place: str | None


def page(asked: Asked, desk: Desk) -> Reply:
    """``structure?type=task_struct&address=ffff...``; without both, the form alone."""
    wanted, address = asked.text("type"), asked.text("address")
    if not wanted or not address:
        return exchange.page(
            "serve_structure.html", asked, title="Structure", found=None, type=wanted, address=address
        )
    at = asked.address("address")

    def look(crash: Crash) -> Structure:
        kernel = crash.kernel
        kind = type_of(kernel, wanted)
        value = kernel.object(kind, at)
        return Structure(type_name(kind), value.size_, members_of(asked, kernel, value), place_of(kernel, at))

    found = desk.ask(f"structure {wanted} {at:x}", f"{wanted} at {at:x}", look, short=True)
    return exchange.page(
        "serve_structure.html", asked, title=f"{found.type} at {at:x}", found=found, type=found.type,
        address=f"{at:x}",
    )  # fmt: skip


def type_of(kernel: Kernel, name: str) -> Type:
    """A type by its name in C, the keyword may be missing; UnknownTypeError, UsageError for no name."""
    if not _TYPE.fullmatch(name):
        raise UsageError(f"{name!a} is no name of a type (such as struct task_struct)")
    try:
        return kernel.type(name)
    except UnknownTypeError as error:
        for keyword in ("struct", "union"):
            if kernel.has_type(f"{keyword} {name}"):
                return kernel.type(f"{keyword} {name}")
        raise error from None
