"""What is different about an architecture's kernels, as far as data and memory go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from crashdrive.kernel.arch.paging import Paging, ReadTables


class Architecture(NamedTuple):
    """One architecture: ``machine`` is ELF's number, ``floor`` the lowest address that can be the kernel's.

    ``paging`` makes the kernel's page tables of VMCOREINFO and a reader of physical pages; None where
    VMCOREINFO doesn't tell them. ``shared``: a process's addresses are those below the kernel's; else each of
    both has an address space of its own.
    """

    machine: int
    floor: int
    paging: Callable[[Mapping[str, str], ReadTables], Paging | None]
    shared: bool = True
