"""Words of futexes in user memory, and who holds a lock that is a futex without priority inheritance.

The kernel doesn't know such a holder. A word may be anything: that it has a thread's number is sure only
where the thread has the word on its robust list (as exit_robust_list() in kernel/futex/core.c believes it).
glibc's ``pthread_mutex_t`` has its holder's number behind the word: evidence, as the memory may be something
else.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.futexes.queued import futex_kind, user_address
from crashdrive.linux.mm.user_memory import Wanted, physical_addresses, user_memory
from crashdrive.linux.sched.cpu_stacks import thread_size
from crashdrive.linux.sched.pid_numbers import inner_pids
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_TASK, _REGS = "struct task_struct", "struct pt_regs"
_WAITER = {"stack": ("stack",), "pid": ("pid",), "tgid": ("tgid",), "comm": ("group_leader->comm",)}
_CALL = ("orig_ax", "di", "r8", "r10")
_FUTEX = 202  # __NR_futex of x86-64
_TID = 0x3FFF_FFFF  # FUTEX_TID_MASK
_MOST_ENTRIES = 256  # of a robust list; ROBUST_LIST_LIMIT is 2048
# pthread_mutex_t: __lock __count __owner __nusers __kind
_MUTEX, _MUTEX_SIZE = "IIIIi", 20
# robust_list_head: list.next, futex_offset, list_op_pending
_HEAD, _HEAD_SIZE = "QqQ", 24
_WORD = 4
_CONTENDED = 2  # of a word that is a glibc lock with waiters
_KINDS = 0x7F | 0x300  # types of mutexes, and whether locks are elided


class Word(NamedTuple):
    """The futex that a task waits for.

    ``process``: pid and comm of the waiter's thread group; ``address``: in the waiter's memory, None where
    that isn't sure; ``value``: the word, None where it can't be read, and ``reason`` says why; ``owner``: the
    ``task_struct`` of the holder; ``by``: ``robust`` or ``glibc``, who says so; ``has_timeout``: the waiter
    gives up some time (None: not known).
    """

    process: tuple[int | None, str | None]
    address: int | None
    value: int | None
    reason: str | None
    owner: int | None = None
    by: str | None = None
    has_timeout: bool | None = None


class _Thread(NamedTuple):
    """A task, its process, and its robust list's head in user memory."""

    task: int
    tgid: int | None
    robust: int | None


def words(survey: Survey, waiters: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[int, Word]:
    """The words that these waiters (see `crashdrive.linux.futexes.queued.queued`) wait for, by the addresses
    of their ``futex_q``.
    """
    tasks = list(dict.fromkeys(row["task"] for _, row in waiters if row["task"]))
    known = dict(survey.addressed(Fields(survey.kernel, _TASK, _WAITER), tasks, "waiters for futexes"))
    calls = _calls(survey, {task: row["stack"] for task, row in known.items() if row["stack"]})
    found = {place: _word(survey, row, known.get(row["task"], {}), calls) for place, row in waiters}
    places = [place for place, _ in waiters if found[place].address is not None]
    rows = dict(waiters)
    wanted = [Wanted(rows[place]["task"], found[place].address or 0, _MUTEX_SIZE) for place in places]
    memory = dict(zip(places, user_memory(survey, wanted), strict=True))
    for place, (data, reason) in memory.items():
        value = _integer(survey, data[:_WORD]) if len(data) >= _WORD else None
        found[place] = found[place]._replace(value=value, reason=reason if value is None else None)
    without = {
        place: data for place, (data, _) in memory.items() if found[place].value and not rows[place]["pi"]
    }
    if without:
        for place, task, by in _owners(survey, rows, known, found, without):
            found[place] = found[place]._replace(owner=task, by=by)
    return found


def _calls(survey: Survey, stacks: Mapping[int, int]) -> dict[int, dict[str, Any]]:
    """Arguments of the system calls that tasks are in, on x86-64: registers at the ends of their stacks."""
    kernel = survey.kernel
    if not all(kernel.has_member(_REGS, name) for name in _CALL):
        return {}
    offset = thread_size(kernel) - kernel.sizeof(_REGS)
    fields = Fields(kernel, _REGS, {name: (name,) for name in _CALL})
    rows = survey.rows(fields, [stack + offset for stack in stacks.values()], "arguments of system calls")
    return dict(zip(stacks, rows, strict=True))


def _word(
    survey: Survey, row: Mapping[str, Any], who: Mapping[str, Any], calls: Mapping[int, Mapping[str, Any]]
) -> Word:
    """What the key and the system call's arguments say: both have to agree."""
    size = survey.kernel.page_size
    key, call = user_address(row["page"], row["offset"], size), calls.get(row["task"], {})
    process = (who.get("tgid"), who.get("comm"))
    if call.get("orig_ax") != _FUTEX:
        call = {}
    asked = [call[name] for name in ("di", "r8") if call.get(name)]
    timeout = None if not call else bool(call["r10"]) and row["pi"] is not None
    if futex_kind(row["offset"]) == "file":
        # of a file the key has the place in the file alone
        asked = [one for one in asked if key is not None and one % size == key % size][:1]
        address = asked[0] if asked else None
    else:
        address = key
    reason = None if address is not None else "its address isn't known"
    return Word(process, address, None, reason, has_timeout=timeout)


def _owners(
    survey: Survey,
    rows: Mapping[int, Mapping[str, Any]],
    known: Mapping[int, Mapping[str, Any]],
    found: Mapping[int, Word],
    memory: Mapping[int, bytes],
) -> Iterator[tuple[int, int, str]]:
    """The holders by the words, each with who says so."""
    threads = _threads(survey)

    def of(tid: int, tgid: int | None) -> list[_Thread]:
        return [one for one in threads.get(tid, ()) if tgid is None or one.tgid == tgid]

    for place, data in memory.items():
        row, word = rows[place], found[place]
        private = futex_kind(row["offset"]) == "private"
        # of the same process, where no other can have it
        tgid = known.get(row["task"], {}).get("tgid") if private else None

        here = Wanted(row["task"], word.address or 0, _WORD)
        sure = [one for one in of((word.value or 0) & _TID, tgid) if _on_robust_list(survey, one, here)]
        if len(sure) == 1:
            yield place, sure[0].task, "robust"
        elif len(data) == _MUTEX_SIZE:
            lock, _, owner, users, kind = struct.unpack(survey.kernel.order + _MUTEX, data)
            if lock == _CONTENDED and users and not kind & ~_KINDS and len(those := of(owner, tgid)) == 1:
                yield place, those[0].task, "glibc"


def _threads(survey: Survey) -> dict[int, list[_Thread]]:
    """All tasks by the numbers that they have for themselves."""
    kernel = survey.kernel
    tasks = for_each_task(kernel)
    survey.walked(tasks, "tasks")
    path = kernel.first_path(_TASK, ("thread_pid->level", "pids[0].pid->level"))
    pid = (path or "thread_pid->level").removesuffix("->level")
    columns = survey.gaps(tasks.read(["tgid", "robust_list", "pid", pid, f"{pid}->level"]), "tasks")
    numbers = inner_pids(survey, ((one, level) for *_, one, level in columns if level)).pids
    found: dict[int, list[_Thread]] = {}
    for task, (tgid, robust, number, one, level) in zip(tasks.addresses, columns, strict=True):
        # one for each level below the first, and the last is its own; fewer where one is missing
        inner = numbers.get(one, ())
        own = number if not level else inner[-1] if len(inner) == level else None
        if own is not None:
            found.setdefault(own, []).append(_Thread(task, tgid, robust))
    return found


def _integer(survey: Survey, data: bytes) -> int:
    return int.from_bytes(data, "little" if survey.kernel.order == "<" else "big")


def _on_robust_list(survey: Survey, thread: _Thread, here: Wanted) -> bool:
    """Whether a thread has the word that is ``here`` on its robust list."""
    if not thread.robust:
        return False
    (head,) = user_memory(survey, [Wanted(thread.task, thread.robust, _HEAD_SIZE)])
    if len(head.data) != _HEAD_SIZE:
        return False
    entry, offset, pending = struct.unpack(survey.kernel.order + _HEAD, head.data)
    entries = [pending & ~1] if pending else []
    while len(entries) < _MOST_ENTRIES and entry & ~1 != thread.robust:
        entries.append(entry & ~1)
        (following,) = user_memory(survey, [Wanted(thread.task, entry & ~1, 8)])
        if len(following.data) != 8:
            break
        entry = _integer(survey, following.data)
    mine = [Wanted(thread.task, entry + offset, _WORD) for entry in entries if entry + offset >= 0]
    first, *others = physical_addresses(survey, [here, *mine])
    return first is not None and first in others
