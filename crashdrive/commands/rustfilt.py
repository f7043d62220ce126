"""``rustfilt``: readable names of Rust's symbols."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.rustfilt import RustSymbol
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def rustfilt(crash: Runner, symbol: str) -> Answer[RustSymbol]:
    """The name that a symbol has in Rust's source; a marked answer without records for one that isn't Rust's.

    CommandFailedError where crash is older than 9.0.1 and has no such command. Source: crash's ``rustfilt``.
    """
    return call(crash, line("rustfilt", arguments.symbol(symbol)))
