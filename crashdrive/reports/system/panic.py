r"""Why the kernel died: the verdict, what was reported, and the stack that it happened on.

\b
Examples:
  crashdrive report panic vmcore
  crashdrive report panic --log vmcore       with the messages of the report
  crashdrive report panic --format json vmcore | jq '.tables.verdict[0]'

Equal crashes have the same bucket. corrupted: the log is mixed up or cut; what couldn't be told for sure is
absent. The stack is that of the task which the verdict names: the one that stalled, not the one that
noticed; of a hung task the sleeper. A frame with ? may be stale.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from crashdrive.errors import KernelError, UnknownSymbolError
from crashdrive.linux import oops
from crashdrive.linux.oops import Event, Verdict
from crashdrive.linux.oops.machinery import plain
from crashdrive.linux.oops.rows import LoadedInTrace, Register, Reported
from crashdrive.linux.printk.messages import found
from crashdrive.linux.sched.stacks import TaskStack, read_stacks
from crashdrive.linux.survey import Survey
from crashdrive.records import Address, Notice, Record, Report, Table
from crashdrive.reports.base import Option, judged, report_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.printk.message import Message
    from crashdrive.linux.sched.tasks import Task

NAME = "panic"
SUMMARY = "Why the kernel died: kind, culprit and signature, what was reported, the stack."
BTF = True
JUDGED = (NAME,)
OPTIONS = (Option(name="log", flags=("-l", "--log"), help="The messages that the verdict is made of."),)


class VerdictFrame(Record, frozen=True):
    """A frame of the stack that the verdict is about; see `crashdrive.linux.sched.frames.StackFrame`.

    ``blamed``: it is the culprit of the verdict.
    """

    level: int
    segment: str
    function: str | None
    offset: int | None
    address: Address
    module: str | None
    sure: bool
    doubt: str | None
    blamed: bool


class LogText(Record, frozen=True):
    """A line of the cause's report."""

    text: str


def report(crash: Any, **asked: Any) -> Report:
    """The verdict and what it rests on; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    text = log_text(survey.attempt("its log", partial(found, survey)))
    events = oops.events(text)
    judgement = oops.judge(events)
    cause = judgement.cause
    verdict = _placed(survey.kernel, judgement.verdict)
    stack = _stack(survey, verdict) if cause else None
    tables = [
        Table(name="verdict", rows=[verdict], layout="fields", title="Verdict"),
        Table(name="events", rows=[_reported(event, cause) for event in events], title="Reported"),
        Table(name="backtrace", rows=_frames(stack, verdict), columns=_FRAME, title=_title(stack)),
    ]
    if cause:
        tables += [
            Table(name="registers", rows=list(_registers(survey.kernel, cause)), title="Registers"),
            Table(name="modules", rows=list(_modules(cause)), title="Modules in the trace or tainting"),
        ]
    if cause and asked["log"]:
        lines = [LogText(text=line) for line in text.split("\n")[cause.line - 1 : cause.end_line]]
        tables.append(Table(name="log", rows=lines, layout="lines", title="Log"))
    return judged(report_of(NAME, survey, tables), "system")


_FRAME = ("level", "segment", "function", "offset", "module", "address", "doubt")


def log_text(messages: Sequence[Message]) -> str:
    """The log as dmesg prints it; a message's further lines have its time, too. What is lost is left out."""
    return "\n".join(
        f"[{message.timestamp:12.6f}] {line}"
        for message in messages
        if message.text is not None
        for line in message.text.split("\n")
    )


def _placed(kernel: Machine, verdict: Verdict) -> Verdict:
    """The verdict with the culprit's address, which a log doesn't tell."""
    if verdict.function is None or verdict.address is not None:
        return verdict
    try:
        places = kernel.symbols.addresses(verdict.function)
    except UnknownSymbolError:
        return verdict
    if len(places) != 1:
        return verdict
    return msgspec.structs.replace(verdict, address=places[0] + (verdict.offset or 0))


def _reported(event: Event, cause: Event | None) -> Reported:
    frame = event.culprit
    return Reported(
        timestamp=event.time,
        kind=event.kind,
        title=event.title,
        function=frame.function if frame else None,
        module=frame.module if frame else None,
        cpu=event.cpu,
        pid=event.pid,
        comm=event.comm,
        cause=event == cause,
    )


def _stack(survey: Survey, verdict: Verdict) -> TaskStack | None:
    """The stack of the task that the verdict names."""
    if verdict.pid is None:
        return None

    def wanted(task: Task) -> bool:
        return task.pid == verdict.pid and (verdict.pid != 0 or task.cpu == verdict.cpu)

    try:
        stacks = survey.attempt("the stack", partial(read_stacks, survey, wanted=wanted))
    except KernelError as error:  # of a machine whose stacks aren't read here
        survey.miss([Notice(kind="elsewhere", message=f"the stack: {error}")])
        return None
    if not stacks:
        gone = f"the task {verdict.pid} that the verdict names is not among the dump's"
        survey.miss([Notice(kind="gone", message=gone)], complete=True)
    return next(iter(stacks), None)


def _title(stack: TaskStack | None) -> str:
    if stack is None:
        return "Stack"
    return f"Stack of {stack.comm} ({stack.pid}), CPU {stack.cpu}, state {stack.state_letter}"


def _frames(stack: TaskStack | None, verdict: Verdict) -> list[VerdictFrame]:
    return [
        VerdictFrame(
            level=frame.level,
            segment=frame.segment,
            function=frame.function,
            offset=frame.offset,
            address=frame.address,
            module=frame.module,
            sure=frame.sure,
            doubt=frame.doubt,
            blamed=frame.function is not None and plain(frame.function) == verdict.function,
        )
        for frame in (stack.frames if stack else ())
    ]


def _registers(kernel: Machine, event: Event) -> Iterator[Register]:
    for name, value in event.register_values.items():
        place = kernel.symbols.lookup(int(value))
        symbol = f"{place.symbol.name}+{place.offset:#x}" if place else None
        yield Register(register=name, value=value, symbol=symbol)


def _modules(event: Event) -> Iterator[LoadedInTrace]:
    traced = {frame.module for frame in event.frames if frame.module}
    known = {module.name: module.flags for module in event.modules}
    for name in sorted(traced | {name for name, flags in known.items() if flags}):
        yield LoadedInTrace(module=name, flags=known.get(name, ""), in_trace=name in traced)
