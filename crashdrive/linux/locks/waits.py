"""Blocked tasks, the lock that each waits for, and its owner.

::

    for wait in waits(crash.kernel):
        print(wait.pid, wait.comm, wait.type, wait.lock, wait.owner_pid)

A blocked task is in D, uninterruptible sleep. Its lock is found on its stack, by the functions in which it
waits: see `crashdrive.linux.locks.base`. `crashdrive.linux.locks.sleepers` has tasks in interruptible sleep.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from crashdrive.linux.fs.frozen import Filesystem, frozen
from crashdrive.linux.locks import kinds
from crashdrive.linux.locks.base import Kind, Owner, Stacks, WaitingStack
from crashdrive.linux.locks.names import LockName, lock_names
from crashdrive.linux.locks.objects import Belonging, Objects, kinds_of_objects
from crashdrive.linux.locks.work import Flushed, flushed
from crashdrive.linux.oops.machinery import plain
from crashdrive.linux.sched.cpu_stacks import thread_size
from crashdrive.linux.sched.stacks import TaskStack, read_stacks
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Reading, Survey
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine

_FLUSHED = "work"
_LAST = "waitqueue"  # it takes every queue, and so is tried last
# the purpose of a completion, by the functions that wait for it
_ON_BEHALF = (
    (_FLUSHED, re.compile(r"(__)?flush_work|__cancel_work_timer|cancel_\w*work_sync|(__)?flush_workqueue")),
    ("rcu", re.compile(r"(__)?synchronize_s?rcu\w*|_{0,2}wait_rcu_gp\w*|rcu_barrier\w*")),
)


class Wait(Record, frozen=True):
    """A task that is blocked, or that sleeps until another one acts.

    ``seconds``: how long it has slept. ``function``: the lock's function in which it waits, else as in
    /proc/PID/wchan; ``caller``: the first function that is none of these. ``type``: the kind of lock
    (``mutex`` ``rwsem`` ``semaphore`` ``rtmutex`` ``percpu-rwsem`` ``completion`` ``work`` ``rcu`` ``folio``
    ``bit`` ``waitqueue`` ``futex``, and where a wait queue or a bit is part of one ``journal`` ``buffer``
    ``rpc`` ``unix``), None where that isn't known. ``lock``: its name if it is a variable, or part of an
    object with a name; ``module``: the variable's module; ``address``: the lock's, of unix sockets that of
    the ``unix_sock``, of a futex that in user memory or in its file. ``owner_task``, ``owner_pid``,
    ``owner_comm``: the holder, or the task that has to act, if known; ``owner_reads``: the holder is one of
    perhaps several readers. ``owner_doubt``: why the owner isn't sure: ``threads`` (any thread of its process
    may act), ``glibc`` (told by user memory that looks like glibc's mutex), ``timeout`` (the task gives up
    some time, or may); None where it is sure. ``holder_pids``: the processes that have the peer of a unix
    socket open; ``note``: what else is known.
    """

    pid: int | None
    comm: str | None
    task: Address
    seconds: float | None
    function: str | None
    caller: str | None
    type: str | None
    lock: str | None
    module: str | None
    address: Address | None
    owner_pid: int | None
    owner_comm: str | None
    owner_task: Address | None
    owner_reads: bool
    owner_doubt: str | None
    holder_pids: tuple[int, ...]
    note: str | None


def waits(kernel: Machine) -> Reading[Wait]:
    """The blocked tasks, the longest wait first. KernelError as of `crashdrive.linux.sched.stacks.stacks`."""
    survey = Survey(kernel)
    return survey.reading(read_waits(survey))


def read_waits(survey: Survey, filesystems: Sequence[Filesystem] | None = None) -> list[Wait]:
    """The blocked tasks, gaps noted in a survey; ``filesystems``: the frozen ones, where known."""
    tasks = for_each_task(survey.kernel, idle=True)
    survey.walked(tasks, "tasks")
    blocked = list(read_stacks(survey, wanted=lambda task: task.state_letter == "D", tasks=tasks.addresses))
    return resolved(survey, blocked, filesystems)


def resolved(
    survey: Survey,
    stacks: Sequence[TaskStack],
    filesystems: Sequence[Filesystem] | None = None,
    what: str | None = "blocked",
) -> list[Wait]:
    """What tasks with these stacks wait for, the longest wait first; ``what``: what they are, for the
    notice of those of which it isn't known, which is not given if it is None.
    """
    tasks = for_each_task(survey.kernel, idle=True).addresses
    found = _found(survey, stacks, tasks) if stacks else []
    works = _flushed(survey, [lock for _, kind, lock in found if kind == _FLUSHED and lock is not None])
    found = [(one, kind, works[lock].work if lock in works else lock) for one, kind, lock in found]
    objects = _objects(survey, found)
    found = [(one, *_of_object(objects, kind, lock)) for one, kind, lock in found]
    locks = [(kind, lock) for _, kind, lock in found if lock is not None]
    owners = _owners(survey, locks)
    owners |= {one.work: Owner(one.task) for one in works.values() if one.task is not None}
    owners |= {lock: Owner(part.owner) for lock, (_, part) in objects.items() if part.owner is not None}
    holders = _task_names(survey, sorted({owner.task for owner in owners.values()}))
    if filesystems is None:
        filesystems = survey.attempt("frozen filesystems", partial(frozen, survey)) if locks else []
    names = lock_names(survey.kernel, {lock for _, lock in locks}, filesystems)
    names |= {lock: LockName(part.name) for lock, (_, part) in objects.items()}
    parts = {lock: part for lock, (_, part) in objects.items()}
    rows = [
        _wait(one, kind, lock, owners.get(lock or 0), holders, names, parts.get(lock or 0))
        for one, kind, lock in found
    ]
    unknown = sum(row.type is None for row in rows)
    if unknown and what is not None:
        note = f"what {unknown} of {len(rows)} {what} tasks wait for is not known"
        survey.miss([Notice(kind="unknown", message=note)], complete=True)
    return sorted(rows, key=lambda row: (-(row.seconds or 0), row.pid or 0))


_Found = tuple[TaskStack, str | None, int | None]


def _found(survey: Survey, blocked: Sequence[TaskStack], tasks: Sequence[int]) -> list[_Found]:
    """The type and address of each task's lock. All stacks are fetched together."""
    kernel = survey.kernel
    column = survey.gaps(kernel.read_many("struct task_struct", tasks, ["stack"]), "where stacks lie")[
        "stack"
    ]
    stacks = Stacks(sorted(stack for stack in column if stack), thread_size(kernel))
    kernel.prefetch(_extent(one, stacks, kernel.pointer_size) for one in blocked if one.frames)
    return [(one, *_waits_for(survey, one, stacks)) for one in blocked]


@functools.cache
def lock_kinds() -> tuple[Kind, ...]:
    """The modules of all kinds, the one that takes every queue at the end."""
    names = (name for _, name, _ in pkgutil.iter_modules(kinds.__path__) if not name.startswith("_"))
    found = [cast("Kind", importlib.import_module(f"{kinds.__name__}.{name}")) for name in sorted(names)]
    return tuple(sorted(found, key=lambda kind: kind.TYPE == _LAST))


def _waits_for(survey: Survey, one: TaskStack, stacks: Stacks) -> tuple[str | None, int | None]:
    """The type and address of a task's lock."""
    stack = _waiting(survey, one, stacks)
    if stack is None:
        return None, None
    for kind in lock_kinds():
        if encloses(kind) and stack.is_in(kind.FUNCTIONS):
            return kind.TYPE, _lock(survey, kind, stack)
    for function in stack.functions:
        for kind in lock_kinds():
            if kind.TYPE != _LAST and kind.FUNCTIONS.fullmatch(function):
                return _type(kind.TYPE, stack), _lock(survey, kind, stack)
    lock = _lock(survey, lock_kinds()[-1], stack)
    return (_LAST, lock) if lock is not None else (None, None)


def encloses(kind: Kind) -> bool:
    """Whether its waiters may sleep in functions of another kind, and ``lock`` gives the waiter's address."""
    return bool(getattr(kind, "ENCLOSES", False))


def _type(name: str, stack: WaitingStack) -> str:
    if name != "completion":
        return name
    return next((word for word, pattern in _ON_BEHALF if stack.is_in(pattern)), name)


def _lock(survey: Survey, kind: Kind, stack: WaitingStack) -> int | None:
    """The address that the kind finds; a gap of the dump, or an unknown structure, is noted."""
    return next(iter(survey.attempt(f"what tasks wait for ({kind.TYPE})", lambda: [kind.lock(stack)])), None)


def _extent(one: TaskStack, stacks: Stacks, width: int) -> tuple[int, int]:
    """The used part of a stack, from the saved stack pointer to the stack's end: address and bytes."""
    sp = one.frames[0].sp & -width
    return sp, -sp % stacks.size


def _waiting(survey: Survey, one: TaskStack, stacks: Stacks) -> WaitingStack | None:
    """The words of the stack's used part; None, and noted, where the dump lacks any of it."""
    kernel = survey.kernel
    if not one.frames:
        return None
    sp, size = _extent(one, stacks, kernel.pointer_size)
    gathered = kernel.gather([(sp, size)])
    raw = gathered.get(sp, size)
    if raw is None:
        survey.miss([Notice(kind="hole", message=f"the stack of pid {one.pid} is not all in the dump")])
        return None
    letter = "Q" if kernel.pointer_size == 8 else "I"
    words = struct.unpack(f"{kernel.order}{len(raw) // kernel.pointer_size}{letter}", raw)
    return WaitingStack(kernel, one.task, sp, words, _functions(one), stacks)


def _owners(survey: Survey, locks: Sequence[tuple[str | None, int]]) -> dict[int, Owner]:
    """The owner of each lock, as far as its kind tells."""
    found: dict[int, Owner] = {}
    for kind in lock_kinds():
        mine = sorted({lock for name, lock in locks if name == kind.TYPE})
        if mine and (read := getattr(kind, "owners", None)):
            found.update(survey.attempt(f"owners of {kind.TYPE}", partial(_items, read, survey, mine)))
    return found


def _flushed(survey: Survey, completions: Sequence[int]) -> dict[int, Flushed]:
    """Flushed work by the flusher's completion."""
    if not completions:
        return {}
    found = survey.attempt("work that is flushed", partial(flushed, survey, completions))
    return {one.completion: one for one in found}


def _objects(survey: Survey, found: Sequence[_Found]) -> dict[int, tuple[Objects, Belonging]]:
    """What locks belong to: journals, buffers, calls."""
    known: dict[int, tuple[Objects, Belonging]] = {}
    for kind in kinds_of_objects():
        mine = {
            lock
            for one, name, lock in found
            if name == kind.OF and lock is not None and any(map(kind.FUNCTIONS.fullmatch, _functions(one)))
        }
        if mine:
            what = f"what is of type {kind.TYPE}"
            parts = survey.attempt(what, partial(kind.belonging, survey, sorted(mine)))
            known |= {part.address: (kind, part) for part in parts}
    return known


def _of_object(
    objects: Mapping[int, tuple[Objects, Belonging]], kind: str | None, lock: int | None
) -> tuple[str | None, int | None]:
    """The type and address, by the object. A waiter of no object says nothing of what it waits for."""
    found = objects.get(lock) if lock is not None else None
    if found and kind == found[0].OF:
        return found[0].TYPE, lock
    enclosing = kind is not None and any(encloses(one) for one in lock_kinds() if kind == one.TYPE)
    return kind, None if enclosing else lock


def _items(
    read: Callable[[Survey, Sequence[int]], Mapping[int, Owner]], survey: Survey, locks: Sequence[int]
) -> Iterable[tuple[int, Owner]]:
    return read(survey, locks).items()


def _task_names(survey: Survey, tasks: Sequence[int]) -> dict[int, tuple[int | None, str | None]]:
    columns = survey.gaps(survey.kernel.read_many("struct task_struct", tasks, ["pid", "comm"]), "owners")
    return dict(zip(tasks, zip(columns["pid"], columns["comm"], strict=True), strict=True))


def _wait(
    one: TaskStack,
    kind: str | None,
    lock: int | None,
    owner: Owner | None,
    tasks: Mapping[int, tuple[int | None, str | None]],
    names: Mapping[int, LockName],
    part: Belonging | None,
) -> Wait:
    if owner and owner.task == one.task:
        owner = None  # a journal's thread doesn't wait for itself
    pid, comm = tasks.get(owner.task, (None, None)) if owner else (None, None)
    doubt = part.doubt if part and owner else None
    note = part.note if part else None
    if part and part.holders:
        # a process whose only thread waits doesn't act
        acting = [held for held in part.holders if held.task != one.task or held.threads != 1]
        if not acting:
            note = f"{note}; the waiter alone holds it"
        elif len(acting) == 1:
            (only,) = acting
            owner, pid, comm = Owner(only.task), only.pid, only.comm
            doubt = part.doubt if only.threads == 1 else "threads"
    name = names.get(lock) if lock is not None else None
    place = part.place if part and part.place is not None else lock
    return Wait(
        pid=one.pid,
        comm=one.comm,
        task=one.task,
        seconds=one.off_cpu,
        function=_function(one),
        caller=_caller(one),
        type=kind,
        lock=name.name if name else None,
        module=name.module if name else None,
        address=place,
        owner_pid=pid,
        owner_comm=comm,
        owner_task=owner.task if owner else None,
        owner_reads=bool(owner and owner.reader),
        owner_doubt=doubt,
        holder_pids=tuple(held.pid for held in part.holders) if part else (),
        note=note,
    )


def _functions(one: TaskStack) -> list[str]:
    return [plain(frame.function) for frame in one.frames if frame.function]


def _function(one: TaskStack) -> str | None:
    """The youngest function in which it waits: a lock's function, or one that sleeps by itself."""
    patterns = [kind.FUNCTIONS for kind in lock_kinds() if kind.TYPE != _LAST]
    inner = (name for name in _functions(one) if any(pattern.fullmatch(name) for pattern in patterns))
    return next(inner, one.wait_channel)


def _caller(one: TaskStack) -> str | None:
    """The first function outside the lock's functions."""
    functions = _functions(one)
    patterns = [kind.FUNCTIONS for kind in lock_kinds()]
    inside = (at for at, name in enumerate(functions) if any(p.fullmatch(name) for p in patterns))
    return next(iter(functions[max(inside, default=-1) + 1 :]), None)
