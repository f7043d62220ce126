"""The body of a crash report: task, instruction pointers, registers, traces, modules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from crashdrive.linux.oops.frames import frames_in, trace_frames, without_markers
from crashdrive.linux.oops.lines import Line
from crashdrive.linux.oops.records import Frame, Head, LinkedModule, Trace

_HEADING = re.compile(
    r"(?:.{0,40}?\b)?(?P<heading>[Cc]all [Tt]race|(?<!k )[Bb]acktrace|[Ss]tack backtrace|Stack trace|Trace)"
    r"(?: \(crc [0-9a-f]+\))?\s*[:;]\s*(?=[\[<({]|$|\s*[0-9a-f]{8,16} <|\? |\()"
)
_POINTER = re.compile(
    r"\s*(?:>>)?(?:(?:RIP|EIP|IP|PC|NIP|epc|EPC|ERA|TPC|IAOQ\[0\]|pc|Krnl PSW|\[ERET\s*\])(?:\s+is at|"
    r"\s*[:;]|\s+(?=\[))"
    r"|ip is at)\s*(?P<rest>.*)"
)
_LINK = re.compile(
    r"\s*(?:>>)?(?:(?:LR|PR|ra) is at|(?:lr|ra|RA|I7|RPC|RP\(r2\)|\[BLINK\s*\])\s*:|LR\s+(?=\[))\s*"
    r"(?P<rest>.*)"
)
_OTHERS = re.compile(r"\b(?:lr|ra|LR|RA|sp) ?:? ")
_USER = re.compile(r"(?:00)?(?:33|23|73|2b):")
_NULL = re.compile(r"\(null\)|0x0\b|\b0{8,16}\b|\b0x0{4,16}\b")
_HEX = re.compile(r"\b(?:0x)?([0-9a-f]{8,16})\b")
_CPU_PID = re.compile(
    r".{0,12}?\bCPU: ?(?P<cpu>\d+)(?: UID: \d+)? PID: (?P<pid>\d+) Comm: (?P<comm>.{1,20}?)\s+"
    r"(?=Not tainted|Tainted|Kdump|\d+\.\d|$)"
)
_PID_COMM = re.compile(
    r"(?:.{0,3}?\bCPU:? ?(?P<cpu>\d+),? )?[Pp]id: (?P<pid>\d+),(?: xid: #\d+,)? comm: (?P<comm>.{1,20}?)\s+"
    r"(?=Not tainted|Tainted|\(|\d+\.\d|$)"
)
_CPU = re.compile(r"CPU(?::\s*|\s+)(?P<cpu>\d+)\s*(?:[:,]?\s*$|\s+(?:Not tainted|Tainted))")
_PROCESS = re.compile(r"\s*Process (?P<comm>.{1,20}?) \(pid: (?P<pid>\d+)[,)]")
_PPC_TASK = re.compile(r"\s*TASK(?: = |: )[0-9a-fx]+\[(?P<pid>\d+)\] '(?P<comm>[^']*)'")
_TASK = re.compile(r"\s*task:(?P<comm>.{1,20}?)\s*state:\S.*?\bpid: ?(?P<pid>\d+)")
_OLD_TASK = re.compile(
    r"(?P<comm>\S.{0,18}?)\s+[RSDTtZXxKWPI](?:\+)?(?: \S+)?\s+(?:[0-9a-f]{8,16}|running task|current|"
    r"\(NOTLB\)|\(L-TLB\))\s+"
    r"(?:[0-9a-f]{8,16}\s+)?\d+\s+(?P<pid>\d+)\s+\d+"
)
_NMI_CPU = re.compile(
    r"(?:NMI )?[Bb]acktrace for cpu (?P<cpu>\d+)|CPU#(?P<other>\d+):$|Task dump for CPU (?P<dump>\d+):"
)
_TAINTED = re.compile(r"Tainted: (?P<letters>(?:[A-Z-] *){1,24})(?=\s|\(|$)")
_MODULES = re.compile(r".{0,60}?Modules linked in: ?(?P<names>.*)")
_MODULE = re.compile(r"([\w-]{1,64})(?:\(([A-Z+-]*)\))?")
_HARDWARE = re.compile(r"\s*Hardware name: (?P<name>.*)")
_WORKQUEUE = re.compile(r"\s*Workqueue: (?P<name>.*)")
_CODE = re.compile(r"\s*Code: (?P<code>.*)")
# powerpc: words in lines of their own
_DUMP = re.compile(r"\s*Instruction dump:\s*$")
_DUMPED = re.compile(r"\s*(?:<?(?:[0-9a-f]{8}|X{8})>?\s*){1,16}$")
_GPRS = re.compile(r"\s*GPR(?P<first>\d\d): (?P<values>(?:[0-9a-f]{8,16}\s*){1,8}$)")
_NO_REGISTERS = ("Kernel Offset:", "Stack:", "Memory state", "page:", "flags:")
_REGISTER = re.compile(
    r"\b([A-Za-z][A-Za-z0-9_]{1,5}|[xr]\d{1,2}) ?[:=] ?(?:0x)?(?:\d{4}:)?([0-9a-f]{8,16})\b"
)
_SECTION = re.compile(
    r"(?:Allocated by|Freed by|Allocated:|Freed:|Last potentially|Second to last|The buggy address|"
    r"Memory state"
    r"|page last|Uninit was|Local variable|kfence-#|allocated by|freed by|Object 0x|-> #\d|Last Breaking"
    r"|the existing dependency|the dependencies|to a |.{0,60}-irq-unsafe|stack backtrace|Register |"
    r"Showing all locks"
    r"|Sending NMI|\w+ kthread|.*kthread stack dump|Exception stack|Disabling lock debugging|.{0,16}last "
    r"allocated"
    r"|INFO: (?:Freed|Allocated)|(?:Freed|Allocated) in |Stack:|Stack from|.{0,24}which lock already depends)"
)
_END = re.compile(r"---\[ end (?:trace|Kernel panic)")
_MOST_MODULES = 2000


@dataclass(slots=True)
class Stack:
    """A trace that is being read: its heading, position, owner and frames."""

    heading: str
    index: int
    cpu: int | None
    head: Head | None
    frames: list[Frame] = field(default_factory=list)
    pointers: list[int] = field(default_factory=list)
    """Positions of frames that are instruction pointers of interrupted contexts."""


@dataclass(slots=True)
class Pointer:
    """An instruction pointer: its line, its frame, whether it is in user space."""

    index: int
    frame: Frame
    cpu: int | None
    user: bool = False


@dataclass(slots=True)
class Body:
    """The parts of a report; ``index`` fields are numbers of its lines."""

    lines: Sequence[Line]
    heads: list[tuple[int, Head]] = field(default_factory=list)
    pointers: list[Pointer] = field(default_factory=list)
    links: list[Frame] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)
    modules: list[LinkedModule] = field(default_factory=list)
    registers: dict[str, int] = field(default_factory=dict)
    code: str | None = None
    hardware: str | None = None
    workqueue: str | None = None
    ended: bool = False

    def head(self, start: int = 0) -> Head:
        """The task and CPU, from all lines that name them, up to a line of another CPU."""
        merged = Head(line=0)
        for index, head in self.heads:
            if index < start:
                continue
            if merged.cpu is not None and head.cpu is not None and merged.cpu != head.cpu:
                break
            merged = Head(
                line=merged.line or head.line,
                cpu=head.cpu if merged.cpu is None else merged.cpu,
                pid=head.pid if merged.pid is None else merged.pid,
                comm=merged.comm or head.comm,
                taint=head.taint if merged.taint is None else merged.taint,
            )
        return merged

    def traces(self) -> tuple[Trace, ...]:
        """The traces as records."""
        return tuple(
            Trace(heading=stack.heading, line=self.lines[stack.index].number, frames=tuple(stack.frames))
            for stack in self.stacks
            if stack.frames
        )


class _Reader:
    """Reads the lines of a report once."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.body = Body(lines)
        self.stack: Stack | None = None
        self.segment: str | None = None
        self.cpu: int | None = None
        self.last_head: Head | None = None
        self.in_user = False  # whether the registers and code that are being read are those of user space
        self.dumped = False  # whether the lines of code are below their heading

    def read(self) -> Body:
        for index, line in enumerate(self.body.lines):
            if line.text:
                self.line(index, line)
        return self.body

    def line(self, index: int, line: Line) -> None:
        marks, text = without_markers(line.text)
        for name, opens in marks:
            self.segment = name if opens and name not in {"EOI", "EOE"} else None
        if not text:
            return
        if (heading := _HEADING.match(text)) and not _POINTER.match(text):
            self.open(heading["heading"], index)
            marks, text = without_markers(text[heading.end() :])
            for name, opens in marks:
                self.segment = name if opens else None
        if self.pointer(index, text) or self.frames(index, text):
            return
        if self.who(line, index, text) or self.facts(text):
            return
        self.sections(index, text)

    def open(self, heading: str, index: int) -> None:
        self.stack = Stack(heading, index, self.cpu, self.last_head)
        self.segment = None
        self.body.stacks.append(self.stack)

    def pointer(self, index: int, text: str) -> bool:
        if link := _LINK.match(text):
            self.body.links += frames_in(link["rest"])[:1]
            return True
        hit = _POINTER.match(text)
        if hit is None:
            return False
        rest = hit["rest"]
        frames = frames_in(rest)
        user = bool(_USER.match(rest)) and not frames
        self.in_user = user
        if not frames and (others := _OTHERS.search(rest)):
            # addresses alone, mostly below a line with the name
            if self.body.pointers:
                return True
            rest = rest[: others.start()]
        frame = frames[0] if frames else Frame(address=_address(rest))
        frame = msgspec.structs.replace(frame, segment=self.segment)
        self.body.pointers.append(Pointer(index, frame, self.cpu, user))
        if self.stack is not None and self.stack.frames and not user:
            self.stack.pointers.append(len(self.stack.frames))
            self.stack.frames.append(frame)
        return True

    def frames(self, index: int, text: str) -> bool:
        frames = trace_frames(text)
        if not frames:
            return False
        if self.stack is None:
            self.open("", index)
        assert self.stack is not None  # noqa: S101 - open() has just set it
        if self.segment:
            frames = [msgspec.structs.replace(frame, segment=self.segment) for frame in frames]
        self.stack.frames += _without_doubles(self.stack.frames, frames)
        return True

    def who(self, line: Line, index: int, text: str) -> bool:
        nmi = _NMI_CPU.search(text)
        if nmi:
            self.cpu = int(nmi["cpu"] or nmi["other"] or nmi["dump"])
            self.last_head = None
            self.open(text, index)
            self.stack = None
            return True
        for form in (_CPU_PID, _PID_COMM, _PROCESS, _TASK, _CPU, _PPC_TASK, _OLD_TASK):
            if hit := form.match(text):
                self.found_head(line, index, hit, text)
                return True
        return False

    def found_head(self, line: Line, index: int, hit: re.Match[str], text: str) -> None:
        groups = hit.groupdict()
        cpu, pid = groups.get("cpu"), groups.get("pid")
        head = Head(
            line=line.number,
            cpu=int(cpu) if cpu else None,
            pid=int(pid) if pid else None,
            comm=groups.get("comm"),
            taint=taint_in(text),
        )
        if head.cpu is not None:
            self.cpu = head.cpu
        self.stack = None
        self.last_head = head
        self.body.heads.append((index, head))

    def facts(self, text: str) -> bool:
        body = self.body
        if hit := _MODULES.match(text):
            names = hit["names"].partition("[last unloaded")[0]
            body.modules += [
                LinkedModule(name=name, flags=flags)
                for name, flags in _MODULE.findall(names)[: _MOST_MODULES - len(body.modules)]
            ]
            self.stack = None
        elif hit := _CODE.match(text):
            if not self.in_user:
                body.code = body.code or hit["code"]
            self.after_code()
        elif hit := _DUMP.match(text):
            self.dumped = self.dumped or body.code is None
            body.code = body.code or ""
        elif self.dumped and _DUMPED.match(text):
            body.code = f"{body.code} {text}".strip()
        elif hit := _HARDWARE.match(text):
            body.hardware = body.hardware or hit["name"]
        elif hit := _WORKQUEUE.match(text):
            body.workqueue = body.workqueue or hit["name"]
        elif _END.match(text):
            body.ended = True
            self.stack = None
        else:
            return self.registers(text)
        return True

    def after_code(self) -> None:
        """End a trace at ``Code:``, unless that is of an interrupted context within the trace."""
        stack = self.stack
        if stack is not None and (not stack.pointers or stack.pointers[-1] != len(stack.frames) - 1):
            self.stack = None

    def registers(self, text: str) -> bool:
        if hit := _GPRS.match(text):
            for at, value in enumerate(hit["values"].split(), int(hit["first"])):
                self.body.registers.setdefault(f"r{at}", int(value, 16))
            return True
        if ":" not in text and "=" not in text:
            return False
        found = _REGISTER.findall(text)
        if not found or len(found) * 18 < len(text) // 3 or text.startswith(_NO_REGISTERS):
            return False
        for name, value in () if self.in_user else found:
            self.body.registers.setdefault(name, int(value, 16))
        return True

    def sections(self, index: int, text: str) -> None:
        if _SECTION.match(text) or (text.endswith(":") and len(text) < 80):
            self.open(text, index)


def read_body(lines: Sequence[Line]) -> Body:
    """The parts of a report."""
    return _Reader(lines).read()


def taint_in(text: str) -> str | None:
    """Taint letters (``GWOE``), empty for a kernel that says it isn't tainted, None where the text doesn't
    tell.
    """
    if hit := _TAINTED.search(text):
        return "".join(letter for letter in hit["letters"] if letter.isalpha())
    return "" if "Not tainted" in text else None


def _address(rest: str) -> int | None:
    if _NULL.search(rest) and not re.search(r"\b(?!0+\b)[0-9a-f]{16}\b|\[<(?!0+>)[0-9a-f]+>\]", rest):
        return 0
    hit = _HEX.search(rest)
    return int(hit[1], 16) if hit else None


def _without_doubles(before: list[Frame], frames: list[Frame]) -> list[Frame]:
    """Frames without doubles: older traces of Arm name a function as a caller, then as a frame of its own."""
    if (
        before
        and frames
        and frames[0].function == before[-1].function
        and len(frames) > 1
        and frames[0].offset in {0, None}
    ):
        return frames[1:]
    return frames
