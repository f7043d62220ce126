"""``sym``: symbols."""

from __future__ import annotations

from crashdrive.commands._checked import place
from crashdrive.commands.base import call, flag, line
from crashdrive.errors import UsageError
from crashdrive.parsers.sym import Boundary, Count, Symbol
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def sym(
    crash: Runner,
    *what: int | str,
    previous: bool = False,
    following: bool = False,
    containing: str | None = None,
    module: str | None = None,
    everything: bool = False,
) -> Answer[Symbol | Boundary]:
    """Symbols by name or by address, with the one before or after if wanted.

    ``containing``: all whose name holds this; ``module``: all of a module, with the boundaries of its memory;
    ``everything``: all of kernel and modules. CommandFailedError for a name or address that isn't one.
    Source: crash's ``sym``.
    """
    if not (what or containing or module or everything):
        raise UsageError("sym needs a symbol, an address, or what to list")
    return call(
        crash,
        line(
            "sym",
            flag("p", previous),
            flag("n", following),
            flag("l", everything),
            f"-q {arguments.symbol(containing)}" if containing else "",
            f"-m {arguments.word(module)}" if module else "",
            *map(place, what),
        ),
    )


def sym_count(crash: Runner, containing: str) -> Answer[Count]:
    """How many symbols hold this in their names (``sym -Q``)."""
    return call(crash, f"sym -Q {arguments.symbol(containing)}")
