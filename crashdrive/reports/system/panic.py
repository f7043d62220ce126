r"""Why the kernel died: the verdict, what was reported, and the stack that it happened on.

\b
Examples:
  crashdrive report panic vmcore
  crashdrive report panic --log vmcore       with the messages of the report
  crashdrive report panic --format json vmcore | jq '.tables.verdict[0]'

Equal crashes have the same bucket. corrupted: the log is mixed up or cut; a value that couldn't be told for
sure is absent. The stack is that of the task which the verdict names: the one that stalled, not the one that
noticed; of a hung task the sleeper. A frame with ? may be stale.

Fault: the access that failed: its address and what that is (null, poison, user, vmalloc, freed module...),
the instruction, its operand, the registers in it, and the structure's member where debug data tells. Code:
the instructions around it, the faulting one marked.

owner: by the lines MODULE[!FUNCTION] = WHO of the file that CRASHDRIVE_OWNERS names, else of
~/.config/crashdrive/owners; the module of built-in code is kernel.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from crashdrive.errors import KernelError, UnknownSymbolError, UsageError
from crashdrive.kernel.debuginfo.places import REGISTERS
from crashdrive.linux import oops
from crashdrive.linux.areas import areas
from crashdrive.linux.modules.details import module_rows
from crashdrive.linux.oops import Event, Verdict
from crashdrive.linux.oops.addresses import Area, address_class
from crashdrive.linux.oops.code import Access, Code, access_of, code_lines, code_of, value_of
from crashdrive.linux.oops.faults import Fault, fault_of
from crashdrive.linux.oops.machinery import plain
from crashdrive.linux.oops.rows import LoadedInTrace, Register, reported
from crashdrive.linux.printk.messages import found
from crashdrive.linux.sched.arguments import Argument, FrameRegisters, arguments, asleep
from crashdrive.linux.sched.source_places import SourcePlaces, holder_of, shown_calls, shown_line
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
    Option(
        name="arguments",
        flags=("-a", "--arguments"),
        help="Parameters and variables of each frame, as far as registers and the stack tell.",
    ),
    Option(name="versions", flags=("--versions",), help="Versions of the modules, as modinfo has them."),
)


class VerdictFrame(Record, frozen=True):
    """A frame of the stack that the verdict is about; see `crashdrive.linux.sched.frames.StackFrame`.

    ``blamed``: it is the culprit of the verdict. ``source``: file and line, ``inlined_calls``: the
    functions that are inlined there, the innermost first, where debug data tells.
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
    source: str | None = None
    inlined_calls: tuple[str, ...] = ()


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
    sources = SourcePlaces(survey.kernel)
    verdict = _owned(survey, _lined(sources, _placed(survey.kernel, judgement.verdict), cause))
    stack = _stack(survey, verdict) if cause else None
    title = _verdict_title(judgement) if survey.kernel.live else "Verdict"
    tables = [Table(name="verdict", rows=[verdict], layout="fields", title=title)]
    if cause:
        tables += _what_happened(survey, sources, cause, text.split("\n")[cause.line - 1 : cause.end_line])
    tables += [
        Table(name="events", rows=[reported(event, cause) for event in events], title="Reported"),
        Table(name="backtrace", rows=_frames(sources, stack, verdict), columns=_FRAME, title=_title(stack)),
    ]
    if asked["arguments"] and stack and cause:
        rows = list(_arguments(survey, sources, stack, cause))
        tables.append(Table(name="arguments", rows=rows, columns=_ARGUMENT, title="Arguments and variables"))
    if cause:
        tables += _what_was_there(survey, cause, versions=asked["versions"])
    if cause and asked["log"]:
        lines = [LogText(text=line) for line in text.split("\n")[cause.line - 1 : cause.end_line]]
        tables.append(Table(name="log", rows=lines, layout="lines", title="Log"))
    return judged(report_of(NAME, survey, tables), "system")


def _verdict_title(judgement: oops.Judgement) -> str:
    """What is judged of a kernel that didn't die."""
    if judgement.cause is None:
        return "No verdict: a live kernel didn't crash, and its log reports nothing"
    return "No crash: a live kernel; the worst that its log reports is judged"


def _what_happened(survey: Survey, sources: SourcePlaces, cause: Event, lines: Sequence[str]) -> list[Table]:
    """The access that failed, and the instructions around it."""
    code = code_of(cause)
    fault = _fault(survey, sources, cause, lines, code)
    rows = list(code_lines(cause, code)) if code else []
    tables = [
        Table(name="fault", rows=[fault] if fault else [], layout="fields", title="Fault"),
        Table(name="code", rows=rows, columns=("faulting", "place", "instruction", "data"), title="Code"),
    ]
    return [table for table in tables if table.rows]


def _fault(
    survey: Survey, sources: SourcePlaces, cause: Event, lines: Sequence[str], code: Code | None
) -> Fault | None:
    if cause.kind not in _FAULTS:
        return None
    known = survey.attempt("the areas of its addresses", partial(areas, survey))
    access = access_of(cause, code) if code else None
    member = _member(survey.kernel, sources, cause, access) if access else None
    return _of_modules(survey.kernel, fault_of(cause, lines, code, known, member), known)


def _member(kernel: Machine, sources: SourcePlaces, cause: Event, access: Access) -> str | None:
    """What the operand is in C: ``member next of struct item, item in %rdi is NULL``."""
    pointer = cause.pointer
    if pointer is None or pointer.function is None or access.how == "execute":
        return None
    try:
        starts = kernel.symbols.addresses(pointer.function)
    except UnknownSymbolError:
        return None
    if len(starts) != 1:
        return None
    address = starts[0] + (pointer.offset or 0)
    place = sources.of(address, pointer.module, pointer.function, pointer.offset, exact=True)
    holder = holder_of(place, access.base)
    told = holder.member(access.displacement) if holder else None
    if holder is None or told is None:
        return None
    value = dict(access.registers).get(access.base or "")
    said = "unknown" if value is None else address_class(value).meaning if value else "NULL"
    return f"member {told[1]} of {told[0]}, {holder.name} in %{access.base} is {said}"


def _of_modules(kernel: Machine, fault: Fault, known: Sequence[Area]) -> Fault:
    """The fault, its address in a freed module where it lies in the modules' area and in no loaded module."""
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


# kinds of crashes in which an instruction faulted
_FAULTS = frozenset(
    {"null", "paging", "gpf", "bug", "divide", "invalid-opcode", "bad-ip", "double-fault", "stack", "unknown"}
)
_FRAME = ("level", "segment", "function", "offset", "module", "address", "source", "inlined_calls", "doubt")
_ARGUMENT = ("level", "function", "inlined", "type", "name", "value", "place")


def log_text(messages: Sequence[Message]) -> str:
    """The log as dmesg prints it; each line of a message has its time. Lost messages are left out."""
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


def _lined(sources: SourcePlaces, verdict: Verdict, cause: Event | None) -> Verdict:
    """The verdict with the culprit's line of source, which not all logs tell."""
    if cause is None or verdict.file is not None or verdict.address is None or verdict.offset is None:
        return verdict
    pointer, culprit = cause.pointer, cause.culprit
    exact = pointer is not None and culprit is not None and pointer.offset == culprit.offset
    place = sources.of(int(verdict.address), verdict.module, verdict.function, verdict.offset, exact=exact)
    if place is None or place.line is None:
        return verdict
    return msgspec.structs.replace(verdict, file=place.line.file, line=place.line.line)


def _owned(survey: Survey, verdict: Verdict) -> Verdict:
    """The verdict with its owner; an owners file that can't be read hides no verdict."""
    try:
        who = owners().owner(verdict.module, verdict.function)
    except UsageError as error:
        survey.miss([Notice(kind="owners", message=str(error))], complete=True)
        return verdict
    return msgspec.structs.replace(verdict, owner=who)


def _stack(survey: Survey, verdict: Verdict) -> TaskStack | None:
    """The stack of the task that the verdict names."""
    if verdict.pid is None:
        return None

    def wanted(task: Task) -> bool:
        return task.pid == verdict.pid and (verdict.pid != 0 or task.cpu == verdict.cpu)

    try:
        stacks = survey.attempt("the stack", partial(read_stacks, survey, wanted=wanted))
    except KernelError as error:  # stacks of this architecture aren't unwound here
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


def _frames(sources: SourcePlaces, stack: TaskStack | None, verdict: Verdict) -> list[VerdictFrame]:
    frames = stack.frames if stack else ()
    places = sources.of_frames(frames)
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
            source=shown_line(place),
            inlined_calls=shown_calls(place),
        )
        for frame, place in zip(frames, places, strict=True)
    ]


def _arguments(survey: Survey, sources: SourcePlaces, stack: TaskStack, cause: Event) -> Iterator[Argument]:
    """The parameters and variables of the frames that aren't in doubt."""
    frames, places = stack.frames, sources.of_frames(stack.frames)
    registers = FrameRegisters(survey.kernel, _first_registers(stack, cause))
    if not stack.running and frames:
        registers = FrameRegisters(survey.kernel, asleep(survey.kernel, int(frames[0].sp), registers))
    saved = [
        sources.saved(int(one.address), one.module, one.function, one.offset, exact=not one.level)
        for one in frames
    ]
    for frame, place, (known, cfa) in zip(frames, places, registers.of(frames, saved), strict=True):
        if frame.sure:
            yield from arguments(frame, place, known, cfa, registers)


def _first_registers(stack: TaskStack, cause: Event) -> dict[str, int]:
    """The registers that the log shows, if the stack begins at the instruction that they belong to; else
    none.
    """
    pointer, first = cause.pointer, next(iter(stack.frames), None)
    if (
        pointer is None
        or first is None
        or (pointer.function, pointer.offset) != (first.function, first.offset)
    ):
        return {}
    found = {name: value_of(cause.register_values, name) for name in REGISTERS}
    return {name: value for name, value in found.items() if value is not None}


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
