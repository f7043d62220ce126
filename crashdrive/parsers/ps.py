"""``ps``: the tasks of the system.

Source in crash: ``show_ps()`` and the ``show_...()`` functions around it (task.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import structs

from crashdrive.parsers._ps_details import (
    Ancestry,
    Arguments,
    Children,
    LastRun,
    Limit,
    Limits,
    StateCount,
    TaskTimes,
    ThreadGroup,
    parse_arguments,
    parse_children,
    parse_counts,
    parse_groups,
    parse_last_run,
    parse_limits,
    parse_parents,
    parse_times,
    state_of,
)
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.rows import demand_records, is_message, parse_rows, skip_or_reject, words_of
from crashdrive.parsers.grammar.table import ELIDED
from crashdrive.parsers.grammar.tasks import HEX
from crashdrive.records import Address, Record

__all__ = [
    "EXAMPLES",
    "OPTSTRING",
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

    ``task`` is the address of the task_struct; with ``-s`` it is None and ``kstackp`` holds the kernel stack
    pointer (None for a running task). ``state`` is crash's two letters, None for ``??``. ``mem_percent`` is
    a percentage of physical memory, ``vsz`` and ``rss`` are bytes (a multiple of 1024), ``comm`` is the
    command's name without the brackets of kernel threads. ``active``: the task was on its CPU;
    ``cpu_offline``: and that CPU is offline. ``kernel``: a kernel thread; None where crash's text doesn't
    tell (then ``comm`` stands as printed). ``policy`` and ``priority`` come with ``-Y``.
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


OPTSTRING = "HAISgstcpkuGlmarC:y:Y"
EXAMPLES = (
    *("ps", "ps -k", "ps -u", "ps -s", "ps -p", "ps -c", "ps -a", "ps -g", "ps -t", "ps -l", "ps -m"),
    *("ps -r", "ps -S", "ps -A", "ps -G", "ps -H", "ps -us", "ps {pid}", "ps {task}", "ps -p {pid}"),
    *("ps -c {pid}", "ps -t {pid}", "ps -r {pid}", "ps -m -C all", "ps -l -C0", "ps 999999", "ps -y FIFO"),
    *("ps -y NORMAL {pid}", "ps init"),
)

# Title -> what stands in the column. Which columns there are and their order is what the header says.
_CELLS = {
    "PID": r"(?P<pid>\d{1,10})",
    "PPID": r"(?P<ppid>\d{1,10}|-1)",
    "CPU": r"(?P<cpu>\d{1,6}|\?)",
    "TASK": rf"(?P<task>{HEX})",
    "KSTACKP": rf"(?P<kstackp>{HEX}|--)",
    "ST": r"(?P<state>[A-Z]{2,4}|\?\?)",
    "%MEM": r"(?P<mem>\d{1,20}\.\d)",
    "VSZ": r"(?P<vsz>\d{1,20})",
    "RSS": r"(?P<rss>-?\d{1,20})",
    "POLICY": r"(?P<policy>[A-Z]{1,16})",
    "PRIO": r"(?P<prio>-?\d{1,4})",
    "COMM": r"(?P<comm>[^\n]{0,80}?)",
}
_REQUIRED = {"PID", "PPID", "CPU", "COMM"}
_TOGETHER = ({"ST", "%MEM", "VSZ", "RSS"}, {"POLICY", "PRIO"})
_USUAL = ("PID", "PPID", "CPU", "TASK", "ST", "%MEM", "VSZ", "RSS", "COMM")
_USUAL_STACK = ("PID", "PPID", "CPU", "KSTACKP", "ST", "%MEM", "VSZ", "RSS", "COMM")
_POLICIES = ("PID", "PPID", "CPU", "TASK", "POLICY", "PRIO", "COMM")
# A row's beginning, as far as it fits into a name.
_PIECE = re.compile(r"[>-]?[ \d]*+")
# Longest name as crash keeps it, and the brackets around a kernel thread's.
_LONGEST_NAME = 18


def _row_expression(titles: tuple[str, ...]) -> re.Pattern[str]:
    cells = [_CELLS[title] for title in titles]
    return re.compile(r"^ *+(?:(?P<mark>[>-]) *+)?" + " +".join(cells) + r"[ ]*$", re.MULTILINE)


def _header(source: Source) -> tuple[tuple[str, ...], int]:
    """The columns, and where the rows begin."""
    for offset, line in source.lines():
        titles = tuple(words_of(line))
        if titles[:1] == ("PID",):
            _check_header(source, offset, titles)
            return titles, offset + len(line) + 1
        if source.command.has("H") and line.strip() and not is_message(source, line):
            return _headless(source), offset
        skip_or_reject(source, offset, line, "no header of a table of tasks")
    return source.fail(0, "no table of tasks")


def _headless(source: Source) -> tuple[str, ...]:
    if source.command.has("Y"):
        return _POLICIES
    return _USUAL_STACK if source.command.has("s") else _USUAL


def _check_header(source: Source, offset: int, titles: tuple[str, ...]) -> None:
    unknown = [title for title in titles if title not in _CELLS]
    if unknown or len(set(titles)) < len(titles) or titles[-1] != "COMM":
        source.fail(offset, "a header with an unknown column")
    # columns that come together: a header with some of them was damaged
    wanted = _REQUIRED.union(*(group for group in _TOGETHER if group & set(titles)))
    missing = (wanted if "KSTACKP" in titles else wanted | {"TASK"}).difference(titles)
    if missing:
        source.fail(offset, f"a header without the column {min(missing)}")


def _kilobytes(text: str | None) -> int | None:
    return None if text is None else int(text) * 1024


def _maker(titles: tuple[str, ...]) -> Callable[[re.Match[str]], Process]:
    """One function per layout: it knows which columns there are, so that no row has to ask."""
    has_memory, has_stack, has_policy = "VSZ" in titles, "KSTACKP" in titles, "POLICY" in titles

    def make(found: re.Match[str]) -> Process:
        vsz = found["vsz"] if has_memory else None
        comm, kernel = _name(found["comm"], found["state"] if has_memory else "ZO", vsz)
        mark, cpu = found["mark"], found["cpu"]
        stack = found["kstackp"] if has_stack else None
        return Process(
            pid=int(found["pid"]),
            ppid=None if found["ppid"] == "-1" else int(found["ppid"]),
            cpu=None if cpu == "?" else int(cpu),
            task=None if has_stack else int(found["task"], 16),
            kstackp=None if stack is None or stack == "--" else int(stack, 16),
            state=state_of(found["state"]) if has_memory else None,
            mem_percent=float(found["mem"]) if has_memory else None,
            vsz=_kilobytes(vsz),
            rss=_kilobytes(found["rss"]) if has_memory else None,
            policy=found["policy"] if has_policy else None,
            priority=int(found["prio"]) if has_policy else None,
            comm=comm,
            kernel=kernel,
            active=mark is not None,
            cpu_offline=mark == "-",
        )

    return make


def _name(comm: str, state: str, vsz: str | None) -> tuple[str, bool | None]:
    """The name without crash's brackets, and whether it is a kernel thread's.

    A user's task may call itself ``[kswapd0]``: with memory of its own it is no kernel thread. Of a zombie,
    and where the memory isn't shown, nobody can tell.
    """
    if not (comm.startswith("[") and comm.endswith("]") and len(comm) > 1):
        return comm, False
    if vsz is not None and vsz != "0":
        return comm, False
    return (comm, None) if state.startswith("ZO") else (comm[1:-1], True)


def _parse_tasks(source: Source) -> list[Process]:
    titles, start = _header(source)
    names = _BrokenNames(source, _maker(titles))
    rows = parse_rows(source, _row_expression(titles), names.make, start=start, other=names.goes_on)
    found = names.mended(rows)
    # A selection may be empty (``ps -k`` on a dump that lost all kernel threads): a header alone.
    selected = source.command.arguments or source.command.has("kuGyA")
    return found if selected and not source.warnings else demand_records(source, found)


class _BrokenNames:
    """Command names with newlines in them: the rest of the name stands in the next line, and is no row."""

    def __init__(self, source: Source, make: Callable[[re.Match[str]], Process]) -> None:
        self._source = source
        self._make = make
        self._names: dict[int, str] = {}
        self._count = 0
        self._next = -1

    def make(self, found: re.Match[str]) -> Process:
        """The record of a row, which also says where the rest of its name would begin."""
        self._count += 1
        self._next = found.end() + 1
        self._last = found["comm"]
        return self._make(found)

    def goes_on(self, offset: int, line: str) -> bool:
        """Whether this line is the rest of the name in the row above it.

        Told by a notice; marked when it might as well be what damage left of a row.
        """
        name = f"{self._last}\n{line}" if offset == self._next else ""
        if not line.strip() or not name or _length(name) > _LONGEST_NAME or is_message(self._source, line):
            return False
        if ELIDED.fullmatch(line.strip()):
            return False
        self._last, self._next = name, offset + len(line) + 1
        self._names[self._count - 1] = name
        place = self._source.position(offset)[0]
        # Behind the last row it may as well be what somebody wrote below the table.
        last = not self._source.text[offset + len(line) :].strip()
        doubtful = last or _PIECE.fullmatch(line) is not None
        self._source.note(
            "name", "a command's name holds a newline", line=place, text=line, incomplete=doubtful
        )
        return True

    def mended(self, rows: list[Process]) -> list[Process]:
        """The rows with whole names."""
        for index, name in self._names.items():
            row = rows[index]
            comm, kernel = _name(name, row.state or "", None if row.vsz is None else str(row.vsz))
            rows[index] = structs.replace(row, comm=comm, kernel=kernel)
        return rows


def _length(name: str) -> int:
    r"""Characters of a name; a byte that arrived as \xNN counts once."""
    return len(re.sub(r"\\x[0-9a-f]{2}", "x", name))


def _given(letters: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letters)


SHAPES = (
    Shape(name="parents", record=Ancestry, parse=parse_parents, options="-p", when=_given("p")),
    Shape(name="children", record=Children, parse=parse_children, options="-c", when=_given("c")),
    Shape(name="times", record=TaskTimes, parse=parse_times, options="-t", when=_given("t")),
    Shape(name="last-run", record=LastRun, parse=parse_last_run, options="-l -m", when=_given("lm")),
    Shape(name="arguments", record=Arguments, parse=parse_arguments, options="-a", when=_given("a")),
    Shape(name="threads", record=ThreadGroup, parse=parse_groups, options="-g", when=_given("g")),
    Shape(name="limits", record=Limits, parse=parse_limits, options="-r", when=_given("r")),
    Shape(name="states", record=StateCount, parse=parse_counts, options="-S", when=_given("S")),
    Shape(name="tasks", record=Process, parse=_parse_tasks, options="(none) -k -u -s -A -G -H -Y"),
)
