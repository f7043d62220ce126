"""Names of locks: variables, or filesystems that they freeze."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.errors import UnknownMemberError
from crashdrive.linux.fs.frozen import Filesystem

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine

_BLOCK = "struct super_block"


class LockName(NamedTuple):
    """A lock's name, and the module whose variable it is."""

    name: str
    module: str | None = None


def lock_names(
    kernel: Machine, locks: Iterable[int], filesystems: Sequence[Filesystem]
) -> dict[int, LockName]:
    """The names of locks that have one: ``SYMBOL+OFFSET``, or ``freeze of MOUNT_POINT``."""
    named = ((lock, variable(kernel, lock) or _freeze(kernel, lock, filesystems)) for lock in locks)
    return {lock: name for lock, name in named if name}


def variable(kernel: Machine, address: int) -> LockName | None:
    """The variable of the kernel or of a module at an address."""
    place = kernel.symbols.lookup(address)
    if place is None:
        return None
    offset = f"+{place.offset:#x}" if place.offset else ""
    return LockName(f"{place.symbol.name}{offset}", place.module)


def _freeze(kernel: Machine, lock: int, filesystems: Sequence[Filesystem]) -> LockName | None:
    """The name of a semaphore in a filesystem's ``super_block.s_writers``."""
    try:
        start, end = kernel.offset(_BLOCK, "s_writers"), kernel.sizeof(_BLOCK)
    except UnknownMemberError:
        return None
    for one in filesystems:
        if start <= lock - one.super_block < end:
            return LockName(f"freeze of {one.mount_point or one.device}")
    return None
