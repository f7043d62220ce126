"""``bt``: kernel stack traces.

Source in crash: ``cmd_bt()``, ``back_trace()`` (kernel.c), ``check_stack_overflow()`` (task.c), and a file
per architecture (see `crashdrive.parsers.grammar.traces`).

As crash prints it::

    crash> bt
    PID: 876      TASK: ffff8c3b1f024180  CPU: 1    COMMAND: "finish"
     #0 [ffffce7f8090fca8] panic at ffffffff9e5cd21a
     #1 [ffffce7f8090fd28] sysrq_handle_crash at ffffffff9e2a8a06
     #2 [ffffce7f8090fd30] __handle_sysrq.cold at ffffffff9e5f4ac9
    ...
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import structs

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.register_values import ExceptionFrame
from crashdrive.parsers.grammar.stack import Frame, StackWord
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.records import Record

if TYPE_CHECKING:
    from crashdrive.parsers.grammar.trace_pieces import Trace


class Backtrace(TaskHeader, frozen=True, kw_only=True):
    """The stack of one task.

    ``frames``: innermost first. With ``-t`` and ``-T`` they are the text addresses found on the stack
    (``level`` is None), and ``start`` is where crash began. ``exception``: registers above the first frame (a
    task in user space, s390's lowcore). ``found``: exception frames that ``-e`` found. ``stack``: all words
    of the stack (``-r``). ``status``: crash's words in place of frames (``(active)``). ``marker``: a stack's
    name below the last frame. ``complete`` is False where a part of the trace is missing or in doubt.
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


class BacktraceMethod(Record, frozen=True):
    """The method of later backtraces, as ``bt -O`` sets it: crash's ``old`` or ``new`` one."""

    method: str


def _methods() -> g.ParserElement:
    """``bt: use old bt method by default``."""
    return g.Row(
        r"bt: use (old|new) bt method by default",
        lambda row: BacktraceMethod(row[1]),
        "bt: use old|new bt method by default",
    )


def _traces() -> g.ParserElement:
    """Each task's header line, and the trace below it::

    PID: 1      TASK: ffff8904411fc180  CPU: 0    COMMAND: "init"
     #0 [ffffcdfe80013c10] __schedule at ffffffffac86c62f
     #1 [ffffcdfe80013f50] entry_SYSCALL_64_after_hwframe at ffffffffad400126
        RIP: 000000000043b1e0  RSP: 00007ffec14a6f18  RFLAGS: 00000202
        ...
    """
    head = g.task_header()
    return g.Many(g.made(head + g.trace(until=head), _backtrace), resume=head, least=0)


def _backtrace(text: g.Text, place: int, found: list[Any]) -> Backtrace:
    task, *pieces = found
    searching = text.source.command.has("eE")
    if not (pieces or searching or text.remarks_since(place)):
        text.note(place, "partial", "crash said nothing of a task's stack", incomplete=True)
    return _of_task(text, place, task, g.make_trace(text, pieces, place, searching=searching))


def _of_task(text: g.Text, place: int, task: TaskHeader, trace: Trace) -> Backtrace:
    return Backtrace(
        pid=task.pid,
        task=task.task,
        cpu=task.cpu,
        comm=task.comm,
        frames=trace.frames,
        exception=trace.exception,
        start=trace.start,
        found=trace.found,
        stack=trace.stack,
        status=trace.status,
        marker=trace.marker,
        complete=not text.marked_since(place),
    )


def _check_traces(source: Source, found: list[Backtrace]) -> list[Backtrace]:
    _mark_twice(source, found)
    return demand_records(source, found, "no task's header line")


def _mark_twice(source: Source, found: list[Backtrace]) -> None:
    """Mark a task that stands twice: its second header splits one trace in two, unless it was asked for
    twice.
    """
    if len(source.command.arguments) > 1:
        return
    seen: set[int] = set()
    for trace in found:
        if trace.task in seen:
            source.note("twice", f"task {trace.task:x} (pid {trace.pid}) stands twice", incomplete=True)
        seen.add(trace.task)


def _fragment() -> g.ParserElement:
    """Frames without a task's header, as help pages and people show them: marked."""

    def trace(text: g.Text, place: int, found: list[Any]) -> Backtrace:
        text.note(place, "partial", "the task's header line is missing", incomplete=True, late=True)
        return _of_task(text, place, TaskHeader(task=0), g.make_trace(text, found, place))

    return g.made(g.Gap() + g.trace(until=g.task_header()), trace)


def _check_fragment(source: Source, found: list[Backtrace]) -> list[Backtrace]:
    if not any(trace.frames for trace in found):
        source.fail(0, "no task's header line")
    return found


_NONE_FOUND = "(none found)"


def _stacks() -> g.ParserElement:
    """Stacks by CPU and name, and the exception frames found on each below it::

    CPU 0 IRQ STACK:
    (none found)

    CPU 1 NMI EXCEPTION STACK: [OFFLINE]

    CPU 1 MCE EXCEPTION STACK:

      KERNEL-MODE EXCEPTION FRAME AT: ffffcdfe80013c70
        RIP: 000000000043b1e0  RSP: 00007ffec14a6f18  RFLAGS: 00000202
        ...
    """
    head = g.Row(
        r"CPU (\d{1,6}+) ([A-Za-z()][\w() ]{0,40}?) STACK:(?:( \[OFFLINE\])| ?(\(none found\)))?+",
        # arm64 and RISC-V say in the stack's own line that there is nothing
        lambda row: (SearchedStack(cpu=int(row[1]), stack=row[2], offline=row[3] is not None), row[4]),
        "a stack: CPU NUMBER NAME STACK:",
    )
    none = g.Row(r" *+\(none found\)", lambda _row: _NONE_FOUND, "(none found)")
    return g.Many(g.made(head + g.trace(head, none), _stack), resume=head)


def _stack(text: g.Text, place: int, found: list[Any]) -> SearchedStack:
    stack: SearchedStack
    (stack, none), *pieces = found
    none = none or _NONE_FOUND in pieces
    trace = g.make_trace(text, [one for one in pieces if one != _NONE_FOUND], place, searching=True)
    if bool(none) == bool(trace.found) and not stack.offline and not text.marked_since(place):
        said = "crash doesn't say what it found on this stack"
        text.note(place, "partial", said, incomplete=True, late=True)
    return structs.replace(stack, found=trace.found)


def _overflows() -> g.ParserElement:
    """Tasks with their problems, or a line that says that there are none. Messages about tasks that crash
    couldn't check may stand above that line::

    PID: 1      TASK: ffff8904411fc180  CPU: 0    COMMAND: "init"
      possible stack overflow: 40ffffffff != STACK_END_MAGIC
    """
    none = g.Titles("No", "stack", "overflows", "detected")
    problem = g.Row(
        r" *+possible stack overflow: (\S[^\n]{0,200}?)",
        lambda row: row[1],
        "possible stack overflow: PROBLEM",
    )
    return g.Gap() + (none | g.blocks(g.task_header(), problem, _overflow, least=1))


def _overflow(task: TaskHeader, problems: tuple[str, ...]) -> StackOverflow:
    return StackOverflow(pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, problems=problems)


def _is_fragment(source: Source) -> bool:
    """Whether left-out lines (``...``) or a frame stand where the first task's header should be."""
    begins = source.text.lstrip()
    return (begins.startswith("...") or _FRAME.match(begins) is not None) and "PID: " not in source.text


_FRAME = expression(r"#\d{1,4} {1,2}\[[0-9a-f]{8,16}\] \S", re.ASCII)

SHAPES = (
    Shape(
        name="method",
        record=BacktraceMethod,
        grammar=_methods,
        options="-O",
        when=lambda source: source.command.has("O") and source.text.startswith("bt: use "),
    ),
    Shape(
        name="overflows",
        record=StackOverflow,
        grammar=_overflows,
        options="-v",
        when=lambda source: source.command.has("v"),
    ),
    Shape(
        name="stacks",
        record=SearchedStack,
        grammar=_stacks,
        options="-E",
        when=lambda source: source.command.has("E"),
    ),
    Shape(
        name="fragment",
        record=Backtrace,
        grammar=_fragment,
        finish=_check_fragment,
        options="(text that begins with ... or a frame)",
        when=_is_fragment,
    ),
    Shape(
        name="traces",
        record=Backtrace,
        grammar=_traces,
        finish=_check_traces,
        options="(none) -a -t -T -l -e -f -F -r ...",
    ),
)
EXAMPLES = (
    *("bt", "bt -a", "bt -s", "bt -sx", "bt -l", "bt -f", "bt -F", "bt -FF", "bt -t", "bt -T", "bt -e"),
    *("bt -E", "bt -r", "bt -v", "bt -o", "bt -g", "bt -p", "bt -c 0", "bt -al", "bt -a -n idle"),
    *("bt {pid}", "bt {task}", "bt -f {pid}", "bt -e {pid}", "bt {pid} 999999", "bt 999999"),
    *("bt -x", "bt -R schedule {pid}", "bt -n idle", "bt -c 0,1", "bt -tf", "bt -A"),
    *(
        "bt -sd",
        "bt -S {sp} -I {ip} {pid}",
        "bt -I {ip} -f {pid}",
        "bt -O {pid}",
        "bt -Of {pid}",
        "bt -D validate",
    ),
)
