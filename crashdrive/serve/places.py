"""What lies at an address, by the symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.errors import CrashdriveError, UnknownSymbolError
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.linux.kernel import Kernel


def is_per_cpu(kernel: Kernel, address: int) -> bool:
    """Whether a symbol's address is that of a per-CPU variable: of the original, that no CPU uses."""
    try:
        ends = [kernel.symbols.address(name) for name in ("__per_cpu_start", "__per_cpu_end")]
    except UnknownSymbolError:
        return False  # a kernel without SMP
    return ends[0] <= address < ends[1]


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
