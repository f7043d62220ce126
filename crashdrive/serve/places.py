"""What lies at an address, by the symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.errors import CrashdriveError
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.linux.kernel import Kernel


def place_of(kernel: Kernel, address: int) -> str | None:
    """The symbol there, with what is added to it and the module that it is of; None where there is none."""
    try:
        found = kernel.symbols.lookup(address)
    except CrashdriveError:
        return None
    if found is None:
        return None
    offset = f"+{found.offset:#x}" if found.offset else ""
    module = f" [{found.module}]" if found.module else ""
    return printable(f"{found.symbol.name}{offset}{module}")
