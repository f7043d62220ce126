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

_SYMBOL = re.compile(r"[A-Za-z_][\w.]*")


MOST = 16 << 20
"""Bytes of what a page shows, at most."""


class Structure(NamedTuple):
    """What stands at the address; ``cpus``: those that have one of their own."""

    address: int
    type: str
    size: int
    members: Members
    place: str | None
    cpus: list[int]


def page(asked: Asked, desk: Desk) -> Reply:
    """``structure?type=task_struct&address=ffff...``; without both, the form alone.

    ``symbol`` and ``cpu`` in place of the address: a CPU's own variable.
    """
    wanted, symbol = asked.text("type"), asked.text("symbol")
    if not wanted or not (symbol or asked.text("address")):
        return exchange.page(
            "serve_structure.html", asked, title="Structure", found=None, type=wanted,
            address=asked.text("address"),
        )  # fmt: skip
    found = _of_cpu(asked, desk, wanted, symbol) if symbol else _at(asked, desk, wanted)
    whose = f"{symbol} of CPU {asked.number('cpu')}" if symbol else f"{found.address:x}"
    return exchange.page(
        "serve_structure.html", asked, title=f"{found.type} at {whose}", found=found, type=found.type,
        address=f"{found.address:x}", symbol=symbol, cpu=asked.number("cpu", 0),
    )  # fmt: skip


def _at(asked: Asked, desk: Desk, wanted: str) -> Structure:
    at = asked.address("address")

    def look(crash: Crash) -> Structure:
        return _structure(asked, crash.kernel, wanted, at)

    return desk.ask(f"structure {wanted} {at:x}", f"{wanted} at {at:x}", look, short=True)


def _of_cpu(asked: Asked, desk: Desk, wanted: str, symbol: str) -> Structure:
    cpu = asked.number("cpu")
    if not _SYMBOL.fullmatch(symbol):
        raise UsageError(f"{symbol!a} is no name of a symbol")

    def look(crash: Crash) -> Structure:
        kernel = crash.kernel
        if cpu not in kernel.cpus:
            raise UsageError(f"{symbol} of CPU {cpu}: there is no such CPU")
        found = _structure(asked, kernel, wanted, kernel.per_cpu_address(symbol, cpu))
        return found._replace(cpus=list(kernel.cpus))

    return desk.ask(f"structure {wanted} {symbol} {cpu}", f"{symbol} of CPU {cpu}", look, short=True)


def _structure(asked: Asked, kernel: Kernel, wanted: str, at: int) -> Structure:
    kind = type_of(kernel, wanted)
    value = kernel.object(kind, at)
    if value.size_ > MOST:
        raise UsageError(f"{type_name(kind)}: {value.size_} bytes; {MOST} are shown of one address, at most")
    members = members_of(asked, kernel, value)
    return Structure(at, type_name(kind), value.size_, members, place_of(kernel, at), [])


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
