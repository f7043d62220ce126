"""Tasks as records: the complete list, also of tasks that crash doesn't know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.errors import FaultError, KernelError
from crashdrive.kernel.memory.columns import Columns, Gap, Row, joined
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.parsers.grammar.states import WORDS
from crashdrive.records import Address, Answer, Record

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine

_TASK = "struct task_struct"
_PF_KTHREAD = 0x0020_0000
# TASK_NOLOAD, TASK_RTLOCK_WAIT and TASK_FROZEN of include/linux/sched.h since 4.14, 5.16 and 6.1. Each bit
# was unused before its release (since 4.14), so that they need no detection.
_IDLE = 0x402
_RTLOCK_WAIT = 0x1000
_FROZEN = 0x8000
# a timespec in older kernels, nanoseconds since (as start_time: 3.17, ccbf62d8a284); renamed in 5.5
# (cf25e24db61c)
_START = ("start_boottime", "real_start_time.tv_sec", "real_start_time")
# fs/proc/array.c since 4.14 (8ef9925b02c2, 06eb61844d84), for dumps that lack its page
_LETTERS = "RSDTtXZPI"


class Task(Record, frozen=True):
    """A task. ``task``: the address of its task_struct; ``cpu``: the CPU on which it runs or ran last.

    ``state`` is crash's two letters (``UN``, as in `crash.ps()`), ``state_letter`` what ``/proc/PID/stat``
    would show (R S D T t X Z P I); ``uid`` the real user id;
    ``vsz`` and ``rss`` in bytes, None for kernel threads; ``rss`` as /proc had it from 6.2 to 6.15, without
    pages that CPUs have yet to add to the counter (``report ps`` has all); ``start_time`` in seconds after
    boot; ``mm`` the address of its mm_struct. A value that the dump doesn't hold is None.
    """

    pid: int | None
    tgid: int | None
    ppid: int | None
    cpu: int | None
    task: Address
    state: str | None
    state_letter: str | None
    uid: int | None
    comm: str | None
    kernel_thread: bool | None
    mm: Address | None
    vsz: int | None
    rss: int | None
    start_time: float | None


class _Form(NamedTuple):
    """Members of a task by our own names, and how to read them on this kernel."""

    fields: dict[str, str]
    rss: Sequence[str]
    letters: str
    page_size: int
    start_unit: float


def tasks(kernel: Machine, *, threads: bool = True, idle: bool = False) -> Answer[Task]:
    """All tasks, by `for_each_task`; ``complete`` is False where the list or a value has a hole."""
    found = for_each_task(kernel, threads=threads, idle=idle)
    records, columns = read_tasks(kernel, found.addresses)
    return Answer(
        command="tasks",
        shape="tasks",
        complete=found.complete and columns.complete,
        warnings=found.notices() + columns.notices("tasks"),
        records=tuple(records),
    )


def read_tasks(
    kernel: Machine, addresses: Sequence[int], more: Sequence[str] = ()
) -> tuple[list[Task], Columns]:
    """Tasks at these addresses as records, and their columns, with those of ``more``.

    ``more``: paths of further members, for readers that need these, too.
    """
    known = kernel.kept("tasks", lambda: _Known(kernel))
    records, own = known.read(addresses)
    others = [path for path in dict.fromkeys(more) if path not in own.fields]
    return records, joined(own, kernel.read_many(_TASK, addresses, others)) if others else own


class _Known:
    """What was read of tasks, kept: many readers ask for all of them."""

    def __init__(self, kernel: Machine) -> None:
        self._kernel, self._form = kernel, _form(kernel)
        self._paths = list(dict.fromkeys(self._form.fields.values()))
        self._rows: dict[int, Row] = {}
        self._records: dict[int, Task] = {}
        self._gaps: dict[int, list[Gap]] = {}

    def read(self, addresses: Sequence[int]) -> tuple[list[Task], Columns]:
        """Tasks at these addresses as records, and the columns that they were made of."""
        self._bring(list(dict.fromkeys(one for one in addresses if one not in self._rows)))
        rows = [self._rows[one] for one in addresses]
        columns = zip(*rows, strict=True) if rows else [()] * len(self._paths)
        gaps = [gap._replace(row=row) for row, one in enumerate(addresses) for gap in self._gaps.get(one, ())]
        found = Columns(
            fields=tuple(self._paths), addresses=addresses, columns=tuple(columns), gaps=tuple(gaps)
        )
        return [self._records[one] for one in addresses], found

    def _bring(self, new: list[int]) -> None:
        if not new:
            return
        columns = self._kernel.read_many(_TASK, new, self._paths)
        self._rows.update(zip(new, columns, strict=True))
        for gap in columns.gaps:
            self._gaps.setdefault(new[gap.row], []).append(gap)
        fields = self._form.fields
        named = zip(*(columns[path] for path in fields.values()), strict=True)
        self._records.update(
            (one, _task(self._form, one, dict(zip(fields, row, strict=True))))
            for one, row in zip(new, named, strict=True)
        )


def _form(kernel: Machine) -> _Form:
    kernel.layouts.prefetch([_TASK, "struct cred", "struct mm_struct", "struct thread_info"])
    fields = {
        "pid": "pid",
        "tgid": "tgid",
        "ppid": "real_parent->tgid",
        "comm": "comm",
        # 2f064a59a11f (5.14) renamed state
        "state": kernel.path(_TASK, "__state", "state"),
        "exit_state": "exit_state",
        "flags": "flags",
        "mm": "mm",
        "pages": "mm->total_vm",
        # kuid_t since 3.5
        "uid": kernel.path(_TASK, "real_cred->uid.val", "real_cred->uid"),
        # bcf9033e5449 (5.16) moved task_struct.cpu back to thread_info, which lies in the task since 4.9
        # (c65eacbe290b); before that it is at the end of the stack, and the run queue knows the CPU
        "cpu": kernel.path(_TASK, "cpu", "thread_info.cpu", "se.cfs_rq->rq->cpu"),
        "start": kernel.path(_TASK, *_START),
    }
    rss = _rss_fields(kernel)
    unit = 1.0 if fields["start"].endswith("tv_sec") else 1e-9
    return _Form(fields | rss, list(rss), state_letters(kernel), kernel.page_size, unit)


def _rss_fields(kernel: Machine) -> dict[str, str]:
    """File, anonymous and (since 4.5) shared pages; 1 and 3 around swap entries, which are not resident.

    percpu_counters since 6.2 (f1a7941243c1): as in /proc, without what the CPUs haven't added to them yet.
    """
    form = kernel.first_path(_TASK, ["mm->rss_stat[0].count", "mm->rss_stat.count[0].counter"])
    if form is None:
        return {}
    wanted = {f"rss{i}": form.replace("[0]", f"[{i}]") for i in (0, 1, 3)}
    return {name: path for name, path in wanted.items() if kernel.has_member(_TASK, path)}


def _task(form: _Form, address: int, row: dict[str, object]) -> Task:
    numbers = {name: value for name, value in row.items() if isinstance(value, int)}
    rss = [numbers[name] for name in form.rss if name in numbers]
    comm = row["comm"]
    letter = _state(form.letters, numbers)
    return Task(
        pid=numbers.get("pid"),
        tgid=numbers.get("tgid"),
        ppid=numbers.get("ppid"),
        cpu=numbers.get("cpu"),
        task=address,
        state=WORDS.get(letter or ""),
        state_letter=letter,
        uid=numbers.get("uid"),
        comm=comm if isinstance(comm, str) else None,
        kernel_thread=bool(numbers["flags"] & _PF_KTHREAD) if "flags" in numbers else None,
        mm=numbers.get("mm") or None,
        vsz=numbers["pages"] * form.page_size if "pages" in numbers else None,
        rss=sum(max(pages, 0) for pages in rss) * form.page_size
        if rss and len(rss) == len(form.rss)
        else None,
        start_time=numbers["start"] * form.start_unit if "start" in numbers else None,
    )


def _state(letters: str, numbers: dict[str, int]) -> str | None:
    if "state" not in numbers or "exit_state" not in numbers:
        return None
    return state_letter(letters, numbers["state"], numbers["exit_state"])


def state_letters(kernel: Machine) -> str:
    """The letters of ``task_state_array`` (fs/proc/array.c), one for each bit of a task's state.

    FaultError where the dump lacks them, and their number differs from that of kernels since 4.14.
    """
    try:
        first = kernel.symbols.address("task_state_array")
        end = first + kernel.variable_size("task_state_array")
    except KernelError:
        return _LETTERS
    places = range(first, end, kernel.pointer_size)
    try:
        return "".join(chr(kernel.read(kernel.read_pointer(place), 1)[0]) for place in places)
    except FaultError:
        if len(places) != len(_LETTERS):
            raise
        return _LETTERS


def state_letter(letters: str, state: int, exit_state: int) -> str | None:
    """A task's state as /proc shows it (task_state_index of include/linux/sched.h).

    Bits beyond the letters (wake-kill, no-load, ...) are no states. A frozen task is shown as D, as the
    kernel does since f718faf3940e (in stable kernels, too); 6.1 itself showed R.
    """
    idle = letters.find("I")
    reported = (1 << (idle - 1 if idle > 0 else min(len(letters), 7) - 1)) - 1
    number = (state | exit_state) & reported
    if idle > 0 and state & _IDLE == _IDLE:
        number = 1 << (idle - 1)
    if idle > 0 and state & (_RTLOCK_WAIT | _FROZEN):
        number = 2
    index = number.bit_length()
    return letters[index] if index < len(letters) else None
