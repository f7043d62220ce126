"""``ps``: the tasks of the system.

Source in crash: ``show_ps()`` and the ``show_...()`` functions around it (task.c).

As crash prints it::

    crash> ps
          PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM
            0       0   0  ffffffff9f61aa40  RU   0.0        0        0  [swapper/0]
            0       0   1  ffff8c3b01270000  RU   0.0        0        0  [swapper/1]
    >     398      -1   0  ffff8c3b1f3d20c0  RU   0.0     1104       48  spinner
    >     876      -1   1  ffff8c3b1f024180  RU   0.3     3692     1504  finish
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec import structs

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers._ps_arguments import (
    Arguments,
    Limit,
    Limits,
    arguments,
    check_arguments,
    check_limits,
    limits,
)
from crashdrive.parsers._ps_details import (
    Ancestry,
    LastRun,
    StateCount,
    TaskTimes,
    ancestries,
    check_ancestries,
    check_counts,
    last_runs,
    state_counts,
    times,
)
from crashdrive.parsers._ps_families import (
    Children,
    ThreadGroup,
    check_children,
    check_threads,
    children,
    thread_groups,
)
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.columns import ELIDED, HEX, Cell, Column, often, or_none
from crashdrive.parsers.grammar.makers import Derived
from crashdrive.parsers.grammar.speech import is_message
from crashdrive.parsers.grammar.states import LETTERS
from crashdrive.records import Address, Record

__all__ = [
    "EXAMPLES",
    "SHAPES",
    "Ancestry",
    "Arguments",
    "Children",
    "LastRun",
    "Limit",
    "Limits",
    "Process",
    "StateCount",
    "TaskTimes",
    "ThreadGroup",
]


class Process(Record, frozen=True, kw_only=True):
    """One row of ``ps``; ``ppid`` is None where crash doesn't know the parent.

    ``task``: the address of the task_struct; with ``-s`` it is None, and ``kstackp`` is the kernel stack
    pointer (None for a running task). ``state``: crash's two letters, None for ``??``. ``mem_percent``: of
    physical memory, rounded to a tenth by crash. ``vsz`` and ``rss``: bytes (whole pages, exactly). ``comm``:
    the command's name, without the brackets of kernel threads. ``active``: the task was running on its CPU;
    ``cpu_offline``: that CPU is offline. ``kernel``: it is a kernel thread; None where crash's text doesn't
    tell (then ``comm`` is as printed). ``policy`` and ``priority`` come with ``-Y``.
    """

    pid: int
    ppid: int | None
    cpu: int | None
    task: Address | None = None
    kstackp: Address | None = None
    state: str | None = None
    mem_percent: float | None = None
    vsz: int | None = None
    rss: int | None = None
    policy: str | None = None
    priority: int | None = None
    comm: str
    kernel: bool | None
    active: bool = False
    cpu_offline: bool = False

    @property
    def state_letter(self) -> str | None:
        """The kernel's letter for the state, as in /proc (``D`` for crash's ``UN``); None without one."""
        return LETTERS.get(self.state or "")


# A line that may be the beginning or the end (RSS, COMM) of a damaged row.
_PIECE = expression(r"[>-]?[ \d]*+|(?:[^\n]* )?\d++ {2}[^\n]*+", re.ASCII)
# The most bytes of a name: TASK_COMM_LEN is 16, with the NUL at its end.
_LONGEST_NAME = 15


def _tasks() -> g.ParserElement:
    """A row for each task; ``>`` marks one that was running on its CPU, ``-`` one whose CPU is offline, too::

         PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM
    >      0       0   0  ffffffff8221b940  RU   0.0        0        0  [swapper/0]
           1       0   1  ffff8904411fc180  IN   0.2     1540     1196  init
    """
    kilobytes = Cell(r"-?+\d{1,20}+", lambda text: int(text) * 1024)
    return g.table(
        Process,
        Column("PID", "pid", Cell(r"\d{1,10}+", int)),
        Column("PPID", "ppid", often(or_none(Cell(r"\d{1,10}+", int), "-1"))),
        Column("CPU", "cpu", often(or_none(Cell(r"\d{1,6}+", int), r"\?"))),
        Column("TASK", "task", HEX),
        Column("KSTACKP", "kstackp", or_none(HEX, "--")),
        Column("ST", "state", often(or_none(Cell(r"[A-Z]{2,4}+"), r"\?\?"))),
        Column("%MEM", "mem_percent", Cell(r"\d{1,20}+\.\d", float)),
        Column("VSZ", "vsz", kilobytes),
        Column("RSS", "rss", kilobytes),
        Column("POLICY", "policy", Cell(r"[A-Z]{1,16}+")),
        Column("PRIO", "priority", Cell(r"-?+\d{1,4}+", int)),
        Column("COMM", "comm", Cell(r"[^\n]{0,80}?"), last=True, joined="error"),
        lead=Column("", "mark", Cell("[>-]"), blank=True),
        what="ps",
        derived=(
            Derived(("comm", "kernel"), of=("comm", "state", "vsz"), by=_name),
            Derived(("active", "cpu_offline"), of=("mark",), by=lambda mark: (mark is not None, mark == "-")),
        ),
        required=("PID", "PPID", "CPU", frozenset({"TASK", "KSTACKP"}), "COMM"),
        together=(frozenset({"ST", "%MEM", "VSZ", "RSS"}), frozenset({"POLICY", "PRIO"})),
        usual=_headless,
        least=0,
        continued=_goes_on,
    )


def _headless(source: Source) -> Sequence[str]:
    """The titles of a table without header (``-H``); none without that option."""
    if not source.command.has("H"):
        return ()
    if source.command.has("Y"):
        return ("PID", "PPID", "CPU", "TASK", "POLICY", "PRIO", "COMM")
    address = "KSTACKP" if source.command.has("s") else "TASK"
    return ("PID", "PPID", "CPU", address, "ST", "%MEM", "VSZ", "RSS", "COMM")


def _name(comm: str, state: str | None, vsz: int | None) -> tuple[str, bool | None]:
    """The name without crash's brackets, and whether it is a kernel thread's.

    A user task may call itself ``[kswapd0]``: one with memory of its own is no kernel thread. A zombie, and a
    row without memory, may be either: None.
    """
    if comm[:1] != "[" or vsz or comm[-1] != "]" or len(comm) < 2:
        return comm, False
    return (comm, None) if vsz is None or state == "ZO" else (comm[1:-1], True)


def _goes_on(text: g.Text, place: int, line: str, row: Process) -> Process | None:
    """The row with the rest of its name, which may hold a newline; None where this line isn't part of a name.

    Leaves a notice, which marks the answer where the line may be the rest of a damaged row.
    """
    name = f"{row.comm}\n{line}"
    bare = line.strip()
    brackets = 2 * (name[0] == "[" and bare[-1:] == "]")
    # a kernel thread's name has its closing bracket already
    if row.kernel or not bare or _length(name) > _LONGEST_NAME + brackets:
        return None
    if is_message(text.source, line) or ELIDED.fullmatch(bare):
        return None
    # below the last row: it may be other text that somebody added
    doubtful = not text[place + len(line) :].strip() or _PIECE.fullmatch(line) is not None
    text.note(place, "name", "a command's name holds a newline", text=line, incomplete=doubtful)
    comm, kernel = _name(name, row.state, row.vsz)
    return structs.replace(row, comm=comm, kernel=kernel)


def _length(name: str) -> int:
    r"""The bytes of a name; \xNN counts as one, blanks at its end are the row's padding."""
    return len(re.sub(r"\\x[0-9a-f]{2}", "x", name.rstrip()).encode("utf-8", "surrogatepass"))


def _check_tasks(source: Source, found: list[Process]) -> list[Process]:
    """The tasks. A header alone is an answer where tasks were selected (``ps -k`` on a dump without kernel
    threads).
    """
    selected = source.command.arguments or source.command.has("kuGyA")
    return found if selected and not source.warnings else demand_records(source, found)


def _given(letters: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letters)


SHAPES = (
    Shape(
        name="parents",
        record=Ancestry,
        grammar=ancestries,
        finish=check_ancestries,
        options="-p",
        when=_given("p"),
    ),
    Shape(
        name="children",
        record=Children,
        grammar=children,
        finish=check_children,
        options="-c",
        when=_given("c"),
    ),
    Shape(
        name="times", record=TaskTimes, grammar=times, finish=demand_records, options="-t", when=_given("t")
    ),
    Shape(
        name="last-run",
        record=LastRun,
        grammar=last_runs,
        finish=demand_records,
        options="-l -m",
        when=_given("lm"),
    ),
    Shape(
        name="arguments",
        record=Arguments,
        grammar=arguments,
        finish=check_arguments,
        options="-a",
        when=_given("a"),
    ),
    Shape(
        name="threads",
        record=ThreadGroup,
        grammar=thread_groups,
        finish=check_threads,
        options="-g",
        when=_given("g"),
    ),
    Shape(name="limits", record=Limits, grammar=limits, finish=check_limits, options="-r", when=_given("r")),
    Shape(
        name="states",
        record=StateCount,
        grammar=state_counts,
        finish=check_counts,
        options="-S",
        when=_given("S"),
    ),
    Shape(
        name="tasks",
        record=Process,
        grammar=_tasks,
        finish=_check_tasks,
        options="(none) -k -u -s -A -G -H -Y",
    ),
)

EXAMPLES = (
    *("ps", "ps -k", "ps -u", "ps -s", "ps -p", "ps -c", "ps -a", "ps -g", "ps -t", "ps -l", "ps -m"),
    *("ps -r", "ps -S", "ps -A", "ps -G", "ps -H", "ps -us", "ps {pid}", "ps {task}", "ps -p {pid}"),
    *("ps -c {pid}", "ps -t {pid}", "ps -r {pid}", "ps -m -C all", "ps -l -C0", "ps 999999", "ps -y FIFO"),
    *("ps -y NORMAL {pid}", "ps init"),
)
