"""``rd``: memory."""

from __future__ import annotations

from typing import Literal, overload

from crashdrive.commands._checked import place
from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.grammar.hexdump import Words
from crashdrive.parsers.rd import SymbolicWords, Text
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner

Space = Literal["kernel", "user", "physical"]
_SPACES = {"kernel": "", "user": "-u", "physical": "-p"}


@overload
def rd(
    crash: Runner,
    address: int | str,
    count: int = ...,
    *,
    bits: Literal[8, 16, 32, 64] | None = ...,
    space: Space = ...,
    symbols: Literal[False] = False,
) -> Answer[Words]: ...
@overload
def rd(
    crash: Runner, address: int | str, count: int = ..., *, space: Space = ..., symbols: Literal[True]
) -> Answer[SymbolicWords]: ...
def rd(
    crash: Runner,
    address: int | str,
    count: int = 1,
    *,
    bits: Literal[8, 16, 32, 64] | None = None,
    space: Space = "kernel",
    symbols: bool = False,
) -> Answer[Words] | Answer[SymbolicWords]:
    """``count`` words of memory from ``address`` (or a symbol's) on, the machine's own words where ``bits``
    is None.

    ``symbols``: addresses in them by name, or by the slab cache that they lie in. CommandFailedError where
    memory can't be read; an answer that lacks words (excluded pages) is marked. For more than a page use
    ``crash.kernel``'s memory. Source: crash's ``rd``.
    """
    if space not in _SPACES or bits not in (None, 8, 16, 32, 64):
        raise ArgumentError(f"rd knows no space {space!a} or no words of {bits!a} bits")
    return call(
        crash,
        line(
            "rd",
            "" if bits is None else f"-{bits}",
            _SPACES[space],
            flag("S", symbols) + ("S" if symbols else ""),
            place(address),
            arguments.number(count, low=1, high=1 << 24),
        ),
    )


def rd_text(crash: Runner, address: int | str, count: int | None = None) -> Answer[Text]:
    """The printable characters from ``address`` (or a symbol's) on, ``count`` at most (``rd -a``)."""
    counted = "" if count is None else arguments.number(count, low=1, high=1 << 24)
    return call(crash, line("rd -a", place(address), counted))
