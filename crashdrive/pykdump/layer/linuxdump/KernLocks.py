"""``LinuxDump.KernLocks``: who waits for a mutex, a semaphore, an rwsem, and who owns it."""

from __future__ import annotations

from typing import Any

from crashdrive.pykdump.layer.access import readList, readSU, readSUListFromHead
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.structs import Addr

_SHIFT = 16
# the lowest bits of an owner are flags: of a mutex three, of an rwsem three
_FLAGS = 7


def ticket_spin_is_locked(lock: Any) -> int:
    """Whether a ticket spinlock is held."""
    value = lock.slock
    return int(((value >> _SHIFT) ^ value) & ((1 << _SHIFT) - 1))


spin_is_locked = ticket_spin_is_locked


def get_mutex_waiters(addr: Any) -> list[Any]:
    """The tasks that wait for a mutex."""
    return _waiters(readSU("struct mutex", int(addr)), "struct mutex_waiter")


def get_rwsemaphore_tasks(semaddr: Any) -> list[Any]:
    """The tasks that wait for an rwsem."""
    return _waiters(readSU("struct rw_semaphore", int(semaddr)), "struct rwsem_waiter")


def _waiters(lock: Any, waiter: str) -> list[Any]:
    # with preempt-rt the waiters are in a tree of the rtmutex
    if not lock.hasField("wait_list"):
        return []
    offset = readSU(waiter, 0).fieldOffset("list")
    nodes = readList(Addr(lock.wait_list), inchead=False)
    return [readSU(waiter, node - offset).task for node in nodes]


def _owner(lock: Any) -> Any:
    """The task that owns a lock; None where there is none, or none is known."""
    if not lock.hasField("owner"):
        return None
    owner = lock.owner
    value = int(owner.counter) if hasattr(owner, "counter") else int(owner)
    address = value & 0xFFFFFFFFFFFFFFFF & ~_FLAGS
    return readSU("struct task_struct", address) if address else None


def _print(lock: Any, tasks: list[Any], what: str) -> list[list[Any]]:
    waiting = sorted([task.pid, task.comm] if task else [0, "<bad task!!!>"] for task in tasks)
    if waiting:
        print(f"    Waiters on this {what}:")
    for pid, comm in waiting:
        print(f"\t{pid:8d}  {comm}")
    if (owner := _owner(lock)) is not None:
        print(f"    Owner of this {what}: pid={owner.pid} cmd={owner.comm}")
    return waiting


def decode_mutex(addr: Any) -> None:
    """Print who waits for a mutex, and who owns it."""
    lock = readSU("struct mutex", int(addr))
    print(f" {lock!s:-^40}")
    _print(lock, get_mutex_waiters(lock), "mutex")


def decode_rwsemaphore(semaddr: Any) -> None:
    """Print who waits for an rwsem, and who owns it."""
    lock = readSU("struct rw_semaphore", int(semaddr))
    print(lock)
    _print(lock, get_rwsemaphore_tasks(lock), "rw_semaphore")


def decode_semaphore(semaddr: Any, v: int = 1) -> list[tuple[int, str]]:
    """(pid, name) of those who wait for a semaphore; printed unless ``v`` is 0."""
    lock = readSU("struct semaphore", int(semaddr))
    waiters = readSUListFromHead(Addr(lock.wait_list), "list", "struct semaphore_waiter")
    found = sorted((waiter.task.pid, str(waiter.task.comm)) for waiter in waiters)
    if v:
        print(lock)
        for pid, comm in found:
            print(f"\t{pid:8d}  {comm}")
    return found


def _decode_waitq() -> Any:
    from crashdrive.pykdump.layer.linuxdump.Tasks import decode_waitq

    return decode_waitq


__getattr__ = lazy_names(__name__, {"decode_waitq": _decode_waitq})
