"""Stack traces: frames, what stands below each of them, and markers between stacks.

One reader for all architectures: crash's own functions differ by architecture, their lines hardly do.
Source in crash: ``x86_64_print_stack_entry()``, ``print_stack_entry()`` (lkcd_x86_trace.c), the older traces
of x86.c, ``arm64_print_stackframe_entry()``, ``arm_dump_backtrace_entry()``, ``print_frame()`` (s390x.c),
``ppc64_print_stack_entry()`` and their like.

A line-oriented reader over compiled expressions, not a pyparsing grammar: ``foreach bt`` of a big system is
megabytes, and has to be read at more than 5 MB/s.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.columns import is_elided, note_error
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.parsers.grammar.lowcore import Lowcore
from crashdrive.parsers.grammar.register_values import (
    ExceptionFrame,
    arm_flags,
    is_complete,
    register_pairs,
    value_row,
)
from crashdrive.parsers.grammar.rows import is_message
from crashdrive.parsers.grammar.stack import Frame, StackWord, read_words

_HEX = r"[0-9a-f]{1,16}"
_NAME = r"\S{1,300}?"
_OFFSET = r"(?:\+(?P<offset>0x[0-9a-f]{1,16}|\d{1,12}))?"
# The last alternative are frames of modules without symbols in 2.4 traces: ``(nfsd module)``.
_FRAME = re.compile(
    rf" *+(?:#(?P<level>\d{{1,4}}) )?\[ *+(?:BSP:)?(?P<sp>{_HEX})\] "
    rf"(?:(?P<function>{_NAME}){_OFFSET}(?: \(via (?P<via>[^)\n]{{1,200}})\))?"
    r"|\((?P<only>\S{1,80}) module\))"
    rf" at (?P<address>{_HEX})(?: \(via (?P<via2>[^)\n]{{1,200}})\))?(?: \[(?P<module>[^\]\s]{{1,80}})\])?"
    r"(?P<unreliable> {1,2}\(unreliable\))?(?: \*)?[ ]*+"
)
_ARM_FRAME = re.compile(
    rf" *+#(?P<level>\d{{1,4}}) \[<(?P<address>{_HEX})>\] \((?P<function>{_NAME}){_OFFSET}"
    rf"(?: \[(?P<module>[^\]\s]{{1,80}})\])?\) from \[<(?P<from>{_HEX})>\][ ]*+"
)
_START = re.compile(
    rf" *+START: (?P<function>{_NAME}){_OFFSET}(?: \(schedule\))? at (?P<address>{_HEX})[ ]*+"
)
_LINK = re.compile(
    rf" ++\[Link Register \] ++\[{_HEX}\] (\S{{1,300}}) at ({_HEX})( {{1,2}}\(unreliable\))?[ ]*+"
)
_MARKER = re.compile(r"--- ?<([^>\n]{1,80})>(?: ---|---)[ ]*+| - (Interrupt) -[ ]*+")
# ia64 breaks lines of arguments that get too long.
_ARGUMENTS_CUT = re.compile(r" ++\(([^()\n]{60,500}),")
_ARGUMENTS_MORE = re.compile(r" {5}([^\s(),]{1,300})([,)])")
_ARGUMENTS = re.compile(r" ++\((void|[^()\n]{0,500})\)[ ]*+")
_BOUNDS = re.compile(r" ++\[((?:RA|PC): [^\]\n]{1,300})\][ ]*+")
_BOUND = re.compile(r"(RA|PC|LR|SP|FP|SIZE): (-?[0-9a-f]{1,16})")
_DATA = re.compile(r" *+([0-9a-f]{8,16}): ([^\n]*+)")
_EXCEPTION = re.compile(r" *+\[exception [ER]IP: ([^\]\n]{1,300})\][ ]*+")
_TITLE = re.compile(
    rf" *+(?P<mode>KERNEL|USER)-MODE (?:EXCEPTION|INTERRUPT) FRAME(?: (?:AT|at):? (?P<at>{_HEX}):?|;|:)?"
    rf"(?: pt_regs at (?P<regs>{_HEX}):)?[ ]*+"
)
# ia64; Alpha has the first register in the same line, and a note above the frame of a kernel entry.
_EFRAME = re.compile(rf" ++EFRAME: ({_HEX})(?: ++(\S.*+))?[ ]*+")
_KERNEL_ENTRY = "NOTE: kernel-entry exception frame:"
_FRAME_HOLE = re.compile(r" ++\[(exception frame incomplete -- [^\]\n]{1,80})\][ ]*+")
_RECURSION = re.compile(r" ++\[ ([^\]\n]{1,80} exception stack recursion: [^\]\n]{1,80}) \][ ]*+")
_PT_REGS = re.compile(rf" ++pt_regs at ({_HEX}):[ ]*+")
_PPC_TITLE = re.compile(
    rf" ++(?P<kind>[A-Za-z][A-Za-z /()-]{{2,40}}?) {{1,2}}\[(?P<trap>{_HEX})\] exception frame:[ ]*+"
)
_PPC_SYMBOL = re.compile(r" ++\[(NIP|LR) *+: ([^\]\n]{1,300})\][ ]*+")
_LINE_NUMBER = re.compile(r"(?: ++|\t)(\S[^\n]{0,4096}?): (\d{1,7})[ ]*+")
STATUS = re.compile(
    r" *+(\((?:active|no stack|no frame|void)\)|Task runs in userspace|CPU offline"
    r"|#0 \[(?:interrupted in )?user space\]"
    rf"|{_HEX}: (?:Task is running in (?:user space|OPAL \(firmware\) context)|Invalid Stack Pointer {_HEX}"
    rf"|GPR1 register value ?\(SP\) was not saved)|Could not find SP for task {_HEX}"
    rf"|cannot find the stack info\.|0{_HEX}: registers not saved|invalid pc: {_HEX}"
    r"|\(hardware reset while in user space\))[ ]*+"
)
_LARGEST_STACK = 1 << 17
# Lines that belong to an error in front of them.
_ERROR_TAIL = re.compile(
    rf" *+(?:(?:exception stack pointer|IRQ stack pointer|process stack pointer|current stack base): {_HEX}"
    rf"|\(valid range: {_HEX} - {_HEX}\))[ ]*+"
)


def number(text: str | None) -> int | None:
    """``35`` or ``0x23``; None stays None."""
    return None if text is None else plain_number(text)


class TraceReader:
    """Reads the lines below one task's header, one by one.

    ``searching``: exception frames come from a search of the stack (``bt -e``, ``-E``), none is a frame's.
    Whatever is read stands in the public attributes, complete after `finish`.
    """

    def __init__(self, source: Source, *, searching: bool = False) -> None:
        self.frames: list[Frame] = []
        self.start: Frame | None = None
        self.exception: ExceptionFrame | None = None
        self.found: list[ExceptionFrame] = []
        self.stack: list[StackWord] = []
        self.status: list[str] = []
        self.marker: str | None = None
        self.complete = True
        self._source = source
        self._searching = searching
        self._frame: dict[str, Any] | None = None
        self._data: list[StackWord] = []
        self._registers: dict[str, Any] | None = None
        self._lowcore: Lowcore | None = None
        self._in_error = False
        self._restart = False
        self._elided = False
        self._open_arguments: dict[str, Any] | None = None
        self._takers: tuple[Callable[[int, str], bool], ...] = (
            self._take_registers,
            self._take_data,
            self._take_marker,
            self._take_title,
            self._take_below,
            self._take_start,
            self._take_lowcore,
            self._take_status,
            self._take_eframe,
        )

    def feed(self, offset: int, line: str) -> None:
        """One line (rejected when it is nothing that belongs into a trace)."""
        if self._open_arguments is not None:
            self._take_more_arguments(offset, line, self._open_arguments)
            return
        frame = _FRAME.fullmatch(line) or _ARM_FRAME.fullmatch(line)
        if frame:
            self._new_frame(offset, frame)
            self._in_error = False
        elif not line.strip(" \t\r"):
            self._close_registers()
            self._restart = False
        elif not any(take(offset, line) for take in self._takers) and not self._take_message(offset, line):
            self.complete = False
            self._source.reject(offset, "nothing that belongs into a stack trace")

    def finish(self) -> None:
        """The end of the trace."""
        self._close_frame()
        self._check_data()
        if self._open_arguments is not None:
            self.hole(0, "the arguments of a frame end too early")

    def hole(self, offset: int, message: str) -> None:
        """Something is missing here: marks the trace and the answer."""
        self.complete = False
        line = self._source.position(offset)[0]
        self._source.note("partial", message, line=line, incomplete=True)

    def _new_frame(self, offset: int, found: re.Match[str]) -> None:
        self._close_frame()
        values = found.groupdict()
        level = number(values["level"])
        self._check_level(offset, level)
        last = self.frames[-1] if self.frames else None
        if level is None and last and last.sp == int(values["sp"], 16):
            self.hole(offset, "a text address stands twice")
        self._frame = {
            "level": level,
            "sp": int(values["sp"], 16) if "sp" in values else None,
            "function": values["function"] or f"({values['only']} module)",
            "offset": number(values["offset"]),
            "address": int(values["address"], 16),
            "module": values["module"],
            "via": values.get("via") or values.get("via2"),
            "return_address": int(values["from"], 16) if "from" in values else None,
            "marker": self.marker,
            "unreliable": bool(values.get("unreliable")),
        }
        self.marker = None

    def _check_level(self, offset: int, level: int | None) -> None:
        """Levels count up; they begin again behind a marker or an interrupt frame, never elsewhere."""
        above = self.frames[-1].level if self.frames else None
        restart, self._restart = self._restart or self.marker is not None, False
        elided, self._elided = self._elided, False
        if level is None:
            return
        if above is None:
            if level and not elided:
                self.hole(offset, f"the first frame is #{level}")
        elif level <= above and not (level == 0 and restart) and not elided:
            self._source.fail(offset, f"frame #{above} is followed by #{level}")
        elif level > above + 1 and not elided:
            self.hole(offset, f"frame #{above} is followed by #{level}")

    def _close_frame(self) -> None:
        self._close_registers()
        self._close_lowcore()
        if self._frame is not None:
            if self._data:
                self._frame["data"] = tuple(self._data)
                self._data = []
            self.frames.append(Frame(**self._frame))
            self._frame = None

    def _check_data(self) -> None:
        """On x86 a frame's words go up to where the next frame begins: where one's do, all have to."""
        heads, tails = [], []
        for frame, below in zip(self.frames, self.frames[1:], strict=False):
            if frame.data and frame.sp and below.sp and below.marker is None:
                heads.append(frame.data[0].address - frame.sp)
                tails.append(below.sp - frame.data[-1].address)
        if 0 in tails and (max(tails) > 0 or max(heads) > 8):
            self.hole(0, "stack data is missing")

    def _take_registers(self, offset: int, line: str) -> bool:
        pairs = register_pairs(line)
        if pairs is not None:
            self._add_registers(offset, *pairs)
            return True
        flags = arm_flags(line)
        if flags is not None and self._registers is not None:
            self._registers["details"] |= flags
            return True
        return self._take_value_row(offset, line)

    def _take_value_row(self, offset: int, line: str) -> bool:
        """s390's PSW and GPRS, mips64's $0: the first value is named, the others follow in order."""
        row = value_row(line) if self._lowcore is None else None
        if row is None or (
            row[0] is None and (self._registers is None or "psw" not in self._registers["registers"])
        ):
            return False
        label, values, remark = row
        have = self._registers["registers"] if self._registers else {}
        if label == "PSW":
            if len(values) != 2:
                return False
            self._add_registers(offset, dict(zip(("psw_flags", "psw"), values, strict=True)), {})
            if remark and self._registers:
                self._registers["details"]["psw"] = remark[1:-1]
            return True
        prefix = "$" if label and label.startswith("$") else "r"
        first = int(label[1:]) if prefix == "$" and label else sum(name[0] == "r" for name in have)
        self._add_registers(offset, {f"{prefix}{first + i}": value for i, value in enumerate(values)}, {})
        return remark is None

    def _add_registers(self, offset: int, values: dict[str, int], symbols: dict[str, str]) -> None:
        """Registers go on in the open dump; a complete one is closed by a name that it has."""
        if self._registers is not None:
            have = self._registers["registers"]
            again = [name for name in values if name in have and have[name] != values[name]]
            repeated = [name for name in values if name in have]
            if repeated and (again or len(repeated) == len(values)):
                if not is_complete(have):
                    self._source.fail(offset, f"register {repeated[0]} stands twice")
                self._close_registers()
        opened = self._open_registers()
        opened["registers"] |= values
        opened["details"] |= symbols
        opened.setdefault("at", offset)

    def _open_registers(self) -> dict[str, Any]:
        if self._registers is None:
            self._registers = {"registers": {}, "details": {}}
        return self._registers

    def _close_registers(self) -> None:
        opened, self._registers = self._registers, None
        if opened is None:
            return
        offset = opened.pop("at", 0)
        _name_place(opened)
        opened["details"] = opened["details"] or None
        complete = is_complete(opened["registers"])
        opened["complete"] = complete and not opened.pop("damaged", False)
        if not complete:
            self.hole(offset, "registers are missing")
        self._place(offset, ExceptionFrame(**opened))

    def _place(self, offset: int, exception: ExceptionFrame) -> None:
        """Where an exception frame belongs: to the search, to the frame above it, or to the trace's top."""
        # s390 counts from 0 again below the registers of an interrupt in the kernel.
        self._restart = exception.mode == "kernel"
        if self._searching:
            self._check_found(offset, exception)
            self.found.append(exception)
        elif self._frame is not None:
            if "exception" in self._frame:
                self._source.fail(offset, "a second exception frame below one frame")
            self._frame["exception"] = exception
        elif self.marker and self.frames and self.frames[-1].exception is None:
            # Right below a marker: crash before 8.0.5 took a wrong place on the stack of an interrupt.
            self.frames[-1] = replace(self.frames[-1], exception=exception)
            self.hole(offset, "registers without a frame")
        elif self.frames or self.exception is not None:
            self._source.fail(offset, "an exception frame that belongs to no frame")
        else:
            self.exception = exception

    def _check_found(self, offset: int, exception: ExceptionFrame) -> None:
        """All but sparc64 give each frame a title; the frames of one task are on its stack."""
        if exception.mode is None and "tstate" not in exception.registers:
            self.hole(offset, "registers without a title")
        first = self.found[0].location if self.found else None
        if first and exception.location and abs(exception.location - first) > _LARGEST_STACK:
            self.hole(offset, "exception frames on two stacks")

    def _take_title(self, offset: int, line: str) -> bool:
        if found := _EXCEPTION.fullmatch(line):
            opened = self._registers
            if opened is None or opened["registers"]:
                self._close_registers()
                opened = self._open_registers()
            opened["at"] = offset
            opened["place"] = found[1]
        elif found := _TITLE.fullmatch(line):
            self._close_registers()
            opened = self._open_registers()
            place = found["at"] or found["regs"]
            opened |= {
                "at": offset,
                "mode": found["mode"].lower(),
                "location": int(place, 16) if place else None,
            }
        elif found := _PPC_TITLE.fullmatch(line):
            if self._registers is None or self._registers["registers"]:
                self._close_registers()
            self._open_registers().update(at=offset, kind=found["kind"], trap=int(found["trap"], 16))
        elif found := _PT_REGS.fullmatch(line):
            return self._registers is not None
        else:
            return self._take_ppc_symbol(line)
        return True

    def _take_eframe(self, offset: int, line: str) -> bool:
        """ia64's and Alpha's ``EFRAME: ADDRESS``, and what crash says of exception frames."""
        if found := _EFRAME.fullmatch(line):
            pairs = register_pairs(found[2]) if found[2] else ({}, {})
            if pairs is None:
                return False
            if self._registers is None or self._registers["registers"]:
                self._close_registers()
            opened = self._open_registers()
            opened |= {"at": offset, "location": int(found[1], 16)}
            opened["registers"] |= pairs[0]
        elif line == _KERNEL_ENTRY:
            self._close_registers()
            self._open_registers().update(at=offset, kind="kernel-entry")
        elif (found := _FRAME_HOLE.fullmatch(line)) and self._registers is not None:
            self._registers["damaged"] = True
            self.hole(offset, found[1])
        elif found := _RECURSION.fullmatch(line):
            self.hole(offset, found[1])
        else:
            return False
        return True

    def _take_ppc_symbol(self, line: str) -> bool:
        found = _PPC_SYMBOL.fullmatch(line)
        if found is None or self._registers is None:
            return False
        self._registers["details"][found[1].lower()] = found[2]
        return True

    def _take_data(self, offset: int, line: str) -> bool:
        found = _DATA.fullmatch(line)
        words = found and read_words(int(found[1], 16), found[2], 8 if len(found[1]) > 8 else 4)
        if not found or not words:
            return False
        self._close_registers()
        into = self.stack if self._frame is None else self._data
        if into and words[0].address != into[-1].address + (8 if len(found[1]) > 8 else 4):
            self.hole(offset, "stack data is missing")
        into += words
        return True

    def _take_marker(self, _offset: int, line: str) -> bool:
        found = _MARKER.fullmatch(line)
        if not found:
            return False
        self._close_frame()
        self.marker = found[1] or found[2]
        return True

    def _take_below(self, _offset: int, line: str) -> bool:
        """What crash prints below a frame: arguments, bounds, source line, ppc's link register."""
        if self._frame is None:
            return self._take_line_number(line)
        if found := _BOUNDS.fullmatch(line):
            self._frame["bounds"] = {
                name.lower(): int(value, 10 if name == "SIZE" else 16)
                for name, value in _BOUND.findall(found[1])
            }
            return True
        if found := _LINK.fullmatch(line):
            self._frame |= {"via": found[1], "return_address": int(found[2], 16)}
            self._frame["unreliable"] = self._frame["unreliable"] or found[3] is not None
            return True
        if "arguments" not in self._frame and (found := _ARGUMENTS.fullmatch(line)):
            self._frame["arguments"] = _arguments(found[1])
            return found[1] not in {"active", "no stack", "no frame"} or not self._frame.pop("arguments")
        if "arguments" not in self._frame and (found := _ARGUMENTS_CUT.fullmatch(line)):
            self._frame["arguments"] = _arguments(found[1])
            self._open_arguments = self._frame
            return True
        return self._take_line_number(line)

    def _take_more_arguments(self, offset: int, line: str, frame: dict[str, Any]) -> None:
        found = _ARGUMENTS_MORE.fullmatch(line)
        if found is None:
            self._source.fail(offset, "the arguments of a frame end too early")
        frame["arguments"] += (found[1],)
        self._open_arguments = frame if found[2] == "," else None

    def _take_line_number(self, line: str) -> bool:
        found = _LINE_NUMBER.fullmatch(line)
        into = self._registers if self._registers is not None else self._frame
        if found is None or into is None or "file" in into:
            return False
        into |= {"file": found[1], "line": int(found[2])}
        return True

    def _take_start(self, _offset: int, line: str) -> bool:
        found = _START.fullmatch(line)
        if not found or self.start is not None or self.frames:
            return False
        self.start = Frame(
            level=None,
            sp=None,
            function=found["function"],
            offset=number(found["offset"]),
            address=int(found["address"], 16),
        )
        return True

    def _take_lowcore(self, _offset: int, line: str) -> bool:
        if self._lowcore is not None:
            return self._lowcore.take(line)
        if line.strip() == "LOWCORE INFO:":
            self._lowcore = Lowcore()
            return True
        return False

    def _close_lowcore(self) -> None:
        if self._lowcore is not None:
            self.exception = self._lowcore.finish()
            self._lowcore = None
            if not self.exception.complete:
                self.hole(0, "registers are missing in the lowcore")

    def _take_status(self, _offset: int, line: str) -> bool:
        found = STATUS.fullmatch(line)
        if found:
            self.status.append(found[1])
        return found is not None

    def _take_message(self, offset: int, line: str) -> bool:
        """What crash says of this task: an error with the lines that belong to it, or left-out lines."""
        if is_elided(self._source, offset, line):
            self._elided = True
        elif is_message(self._source, line) or line.startswith("bt: "):
            note_error(self._source, offset, line)
            self._in_error = True
        elif not (self._in_error and _ERROR_TAIL.fullmatch(line)):
            return False
        self.complete = False
        return True


def _arguments(text: str) -> tuple[str, ...]:
    return () if text in {"", "void"} else tuple(part.strip() for part in text.split(","))


def _name_place(opened: dict[str, Any]) -> None:
    """``native_safe_halt+11`` as function and offset; other texts (``user space``) as a detail."""
    place = opened.pop("place", None)
    if place is None:
        return
    found = re.fullmatch(r"(\S{1,300}?)(?:\+(0x[0-9a-f]{1,16}|\d{1,12}))?", place)
    if found:
        opened |= {"function": found[1], "offset": number(found[2])}
    else:
        opened["details"]["exception"] = place
