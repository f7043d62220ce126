"""``bt``: kernel stack traces.

Source in crash: ``cmd_bt()``, ``back_trace()`` (kernel.c), ``check_stack_overflow()`` (task.c), and a file
per architecture (see `crashdrive.parsers.grammar.traces`).
"""

from __future__ import annotations

import re

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.register_values import ExceptionFrame
from crashdrive.parsers.grammar.rows import demand_records, lines_of, skip_or_reject
from crashdrive.parsers.grammar.stack import Frame, StackWord
from crashdrive.parsers.grammar.tasks import TaskHeader, header_of, split_blocks
from crashdrive.parsers.grammar.traces import TraceReader
from crashdrive.records import Record


class Backtrace(TaskHeader, frozen=True, kw_only=True):
    """The stack of one task.

    ``frames``: innermost first; with ``-t`` and ``-T`` the text addresses found on the stack (their
    ``level`` is None), ``start`` is then where crash began. ``exception``: registers above the first frame
    (a task in user space, s390's lowcore). ``found``: exception frames that ``-e`` found. ``stack``: all
    words of the stack (``-r``). ``status``: what crash says in place of frames (``(active)``). ``marker``: a
    stack's name below the last frame. ``complete`` is False when crash could show only a part.
    """

    frames: tuple[Frame, ...] = ()
    exception: ExceptionFrame | None = None
    start: Frame | None = None
    found: tuple[ExceptionFrame, ...] = ()
    stack: tuple[StackWord, ...] = ()
    status: tuple[str, ...] = ()
    marker: str | None = None
    complete: bool = True


class SearchedStack(Record, frozen=True, kw_only=True):
    """An IRQ or exception stack that ``bt -E`` searched, by crash's name (``NMI EXCEPTION``)."""

    cpu: int
    stack: str
    offline: bool = False
    found: tuple[ExceptionFrame, ...] = ()


class StackOverflow(TaskHeader, frozen=True, kw_only=True):
    """What looks like a stack overflow (``bt -v``), in crash's words."""

    problems: tuple[str, ...]


OPTSTRING = "D:fFI:S:c:n:aAloreEgstTdxR:Ovp"
EXAMPLES = (
    *("bt", "bt -a", "bt -s", "bt -sx", "bt -l", "bt -f", "bt -F", "bt -FF", "bt -t", "bt -T", "bt -e"),
    *("bt -E", "bt -r", "bt -v", "bt -o", "bt -g", "bt -p", "bt -c 0", "bt -al", "bt -a -n idle"),
    *("bt {pid}", "bt {task}", "bt -f {pid}", "bt -e {pid}", "bt {pid} 999999", "bt 999999"),
    *("bt -x", "bt -R schedule {pid}", "bt -n idle", "bt -c 0,1", "bt -tf", "bt -A"),
)


def parse_traces(source: Source) -> list[Backtrace]:
    """One record per task; also what ``foreach bt`` prints."""
    searching = source.command.has("eE")
    found: list[Backtrace] = []
    for head, start, end in split_blocks(source):
        reader = TraceReader(source, searching=searching)
        if not (searching or source.text[head.end() : end].strip()):
            reader.hole(start, "crash said nothing of a task's stack")
        for offset, line in lines_of(source.text, head.end() + 1, end):
            reader.feed(offset, line)
        reader.finish()
        found.append(_backtrace(header_of(head), reader))
    _mark_twice(source, found)
    return demand_records(source, found, "no task's header line")


def _backtrace(task: TaskHeader, reader: TraceReader) -> Backtrace:
    return Backtrace(
        pid=task.pid,
        task=task.task,
        cpu=task.cpu,
        comm=task.comm,
        frames=tuple(reader.frames),
        exception=reader.exception,
        start=reader.start,
        found=tuple(reader.found),
        stack=tuple(reader.stack),
        status=tuple(reader.status),
        marker=reader.marker,
        complete=reader.complete,
    )


def _mark_twice(source: Source, found: list[Backtrace]) -> None:
    """A task's header that stands twice splits one trace in two, unless the task was asked for twice."""
    if len(source.command.arguments) > 1:
        return
    seen: set[int] = set()
    for trace in found:
        if trace.task in seen:
            source.note("twice", f"task {trace.task:x} (pid {trace.pid}) stands twice", incomplete=True)
        seen.add(trace.task)


def _parse_fragment(source: Source) -> list[Backtrace]:
    """Frames without a task's header, as crash's help page shows them: marked."""
    reader = TraceReader(source)
    for offset, line in source.lines():
        reader.feed(offset, line)
    reader.finish()
    if not reader.frames:
        source.fail(0, "no task's header line")
    source.note("partial", "the task's header line is missing", incomplete=True)
    return [_backtrace(TaskHeader(task=0), reader)]


_STACK = re.compile(
    r"CPU (\d{1,6}) ([A-Za-z()][\w() ]{0,40}?) STACK:(?:( \[OFFLINE\])| ?(\(none found\)))?[ ]*+"
)


def _parse_stacks(source: Source) -> list[SearchedStack]:
    heads = [(o, found) for o, line in source.lines() if (found := _STACK.fullmatch(line))]
    if not heads:
        source.fail(0, "no IRQ or exception stack")
    for offset, line in lines_of(source.text, 0, heads[0][0]):
        skip_or_reject(source, offset, line, "no IRQ or exception stack")
    ends = [*(offset for offset, _ in heads[1:]), len(source.text)]
    return [_stack(source, offset, head, end) for (offset, head), end in zip(heads, ends, strict=True)]


def _stack(source: Source, start: int, head: re.Match[str], end: int) -> SearchedStack:
    reader = TraceReader(source, searching=True)
    none = head[4] is not None  # arm64 and RISC-V say so in the stack's own line
    for offset, line in lines_of(source.text, start + head.end() + 1, end):
        if line.strip() == "(none found)":
            none = True
        else:
            reader.feed(offset, line)
    reader.finish()
    if none == bool(reader.found) and not head[3] and reader.complete:
        reader.hole(start, "crash doesn't say what it found on this stack")
    return SearchedStack(
        cpu=int(head[1]), stack=head[2], offline=head[3] is not None, found=tuple(reader.found)
    )


_OVERFLOW = re.compile(r" *+possible stack overflow: (\S[^\n]{0,200}?)[ ]*+")


_NO_OVERFLOW = "No stack overflows detected"


def _no_overflow(source: Source) -> list[StackOverflow]:
    """Before that crash may say of which tasks it couldn't tell."""
    for offset, line in source.lines():
        if line.strip() != _NO_OVERFLOW:
            skip_or_reject(source, offset, line, "nothing about a stack overflow")
    return []


def _parse_overflows(source: Source) -> list[StackOverflow]:
    if source.text.rstrip().endswith(_NO_OVERFLOW):
        return _no_overflow(source)
    found: list[StackOverflow] = []
    for head, start, end in split_blocks(source):
        problems: list[str] = []
        for offset, line in lines_of(source.text, head.end() + 1, end):
            problem = _OVERFLOW.fullmatch(line)
            if problem:
                problems.append(problem[1])
            else:
                skip_or_reject(source, offset, line, "nothing about a stack overflow")
        if not problems:
            source.fail(start, "a task without a problem")
        task = header_of(head)
        found.append(
            StackOverflow(
                pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, problems=tuple(problems)
            )
        )
    return demand_records(source, found)


def _is_fragment(source: Source) -> bool:
    """Left-out lines where the task's header should be."""
    return source.text.lstrip().startswith("...") and "PID: " not in source.text


SHAPES = (
    Shape(
        name="overflows",
        record=StackOverflow,
        parse=_parse_overflows,
        options="-v",
        when=lambda source: source.command.has("v"),
    ),
    Shape(
        name="stacks",
        record=SearchedStack,
        parse=_parse_stacks,
        options="-E",
        when=lambda source: source.command.has("E"),
    ),
    Shape(
        name="fragment",
        record=Backtrace,
        parse=_parse_fragment,
        options="(text that begins with ...)",
        when=_is_fragment,
    ),
    Shape(name="traces", record=Backtrace, parse=parse_traces, options="(none) -a -t -T -l -e -f -F -r ..."),
)
