r"""Why the kernel died: the verdict, what was reported, and the stack that it happened on.

\b
Examples:
  crashdrive report panic vmcore
  crashdrive report panic --log vmcore       with the messages of the report
  crashdrive report panic --format json vmcore | jq '.tables.verdict[0]'

Equal crashes have the same bucket. corrupted: the log is mixed up or cut; what couldn't be told for sure is
absent. The stack is that of the task which the verdict names: the one that stalled, not the one that
noticed; of a hung task the sleeper. A frame with ? may be stale.

Fault: what the CPU couldn't do: the address and what that is (null, poison, user, vmalloc, freed module...),
the instruction, its operand, the registers in it. Code: the instructions around it, the faulting one marked.

owner: by the lines MODULE[!FUNCTION] = WHO of the file that CRASHDRIVE_OWNERS names, else of
~/.config/crashdrive/owners; the module of what is built in is kernel.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from crashdrive.errors import KernelError, UnknownSymbolError, UsageError
from crashdrive.linux import oops
from crashdrive.linux.areas import areas
from crashdrive.linux.modules.details import module_rows
from crashdrive.linux.oops import Event, Verdict
from crashdrive.linux.oops.addresses import Area
from crashdrive.linux.oops.code import Code, code_lines, code_of
from crashdrive.linux.oops.faults import Fault, fault_of
from crashdrive.linux.oops.machinery import plain
from crashdrive.linux.oops.rows import LoadedInTrace, Register, Reported
from crashdrive.linux.printk.messages import found
from crashdrive.linux.sched.stacks import TaskStack, read_stacks
from crashdrive.linux.survey import Survey
from crashdrive.linux.system.taint import taints_of_letters
from crashdrive.owners import owners
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
OPTIONS = (
    Option(name="log", flags=("-l", "--log"), help="The messages that the verdict is made of."),
    Option(name="versions", flags=("--versions",), help="Versions of the modules, as modinfo has them."),
)


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
    verdict = _owned(survey, _placed(survey.kernel, judgement.verdict))
    stack = _stack(survey, verdict) if cause else None
    tables = [Table(name="verdict", rows=[verdict], layout="fields", title="Verdict")]
    if cause:
        tables += _what_happened(survey, cause, text.split("\n")[cause.line - 1 : cause.end_line])
    tables += [
        Table(name="events", rows=[_reported(event, cause) for event in events], title="Reported"),
        Table(name="backtrace", rows=_frames(stack, verdict), columns=_FRAME, title=_title(stack)),
    ]
    if cause:
        tables += _what_was_there(survey, cause, versions=asked["versions"])
    if cause and asked["log"]:
        lines = [LogText(text=line) for line in text.split("\n")[cause.line - 1 : cause.end_line]]
        tables.append(Table(name="log", rows=lines, layout="lines", title="Log"))
    return judged(report_of(NAME, survey, tables), "system")


def _what_happened(survey: Survey, cause: Event, lines: Sequence[str]) -> list[Table]:
    """The access that failed, and the instructions around it."""
    code = code_of(cause)
    fault = _fault(survey, cause, lines, code)
    rows = list(code_lines(cause, code)) if code else []
    tables = [
        Table(name="fault", rows=[fault] if fault else [], layout="fields", title="Fault"),
        Table(name="code", rows=rows, columns=("faulting", "place", "instruction", "data"), title="Code"),
    ]
    return [table for table in tables if table.rows]


def _fault(survey: Survey, cause: Event, lines: Sequence[str], code: Code | None) -> Fault | None:
    if cause.kind not in _FAULTS:
        return None
    known = survey.attempt("the areas of its addresses", partial(areas, survey))
    return _of_modules(survey.kernel, fault_of(cause, lines, code, known), known)


def _of_modules(kernel: Machine, fault: Fault, known: Sequence[Area]) -> Fault:
    """The same; an address where modules are loaded, and none is, was that of one that is gone."""
    if fault.address_class != "module" or not known or kernel.symbols.lookup(int(fault.address or 0)):
        return fault
    return msgspec.structs.replace(
        fault, address_class="freed module", meaning="of a module that was unloaded"
    )


def _what_was_there(survey: Survey, cause: Event, *, versions: bool) -> list[Table]:
    """Registers, taints, modules."""
    flags = list(taints_of_letters(cause.taint or ""))
    modules = survey.attempt("modules", partial(_modules, survey, cause, versions=versions))
    return [
        Table(name="registers", rows=list(_registers(survey.kernel, cause)), title="Registers"),
        Table(name="taints", rows=flags, columns=("letter", "meaning"), title="Taint"),
        Table(name="modules", rows=modules, title="Modules in the trace or tainting"),
    ]


# kinds of crashes in which an instruction was refused
_FAULTS = frozenset(
    {"null", "paging", "gpf", "bug", "divide", "invalid-opcode", "bad-ip", "double-fault", "stack", "unknown"}
)
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


def _owned(survey: Survey, verdict: Verdict) -> Verdict:
    """The verdict with its owner; an owners file that can't be read hides no verdict."""
    try:
        who = owners().owner(verdict.module, verdict.function)
    except UsageError as error:
        survey.miss([Notice(kind="owners", message=str(error))], complete=True)
        return verdict
    return msgspec.structs.replace(verdict, owner=who)


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


def _modules(survey: Survey, event: Event, *, versions: bool) -> Iterator[LoadedInTrace]:
    traced = {frame.module for frame in event.frames if frame.module}
    known = {module.name: module.flags for module in event.modules}
    wanted = sorted(traced | {name for name, flags in known.items() if flags})
    loaded = {row.name: row for row in module_rows(survey)} if wanted and versions else {}
    for name in wanted:
        row = loaded.get(name)
        flags = known.get(name) or (row and row.taint) or ""
        yield LoadedInTrace(
            module=name,
            flags=flags,
            in_trace=name in traced,
            out_of_tree="O" in flags,
            proprietary="P" in flags,
            version=row.version if row else None,
            srcversion=row.srcversion if row else None,
        )
