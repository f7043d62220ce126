"""Stack traces: frames, the lines below each, and markers between stacks.

One grammar for all architectures: crash's own functions differ by architecture, their lines hardly do.
Source in crash: ``x86_64_print_stack_entry()``, ``print_stack_entry()`` (lkcd_x86_trace.c), the older traces
of x86.c, ``arm64_print_stackframe_entry()``, ``arm_dump_backtrace_entry()``, ``print_frame()`` (s390x.c),
``ppc64_print_stack_entry()`` and their like. Parts: `crashdrive.parsers.grammar.stack_frames`, `registers`,
`lowcore`.
"""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.parsers.grammar.lowcore import lowcore
from crashdrive.parsers.grammar.noises import BlankLines, CrashMessage, Noise, Remark, noise
from crashdrive.parsers.grammar.pyparsing_core import ParserElement
from crashdrive.parsers.grammar.registers import HEX, register_dump
from crashdrive.parsers.grammar.repeated import Many
from crashdrive.parsers.grammar.stack import Frame
from crashdrive.parsers.grammar.stack_frames import frames, stack_words
from crashdrive.parsers.grammar.terminals import END_OF_LINE, Row, Terminal
from crashdrive.parsers.grammar.trace_pieces import Marker, Start, Status

_STATUS = (
    r" *+(\((?:active|no stack|no frame|void)\)|Task runs in userspace|CPU offline"
    r"|#0 \[(?:interrupted in )?user space\]"
    rf"|{HEX}: (?:Task is running in (?:user space|OPAL \(firmware\) context)|Invalid Stack Pointer {HEX}"
    rf"|GPR1 register value ?\(SP\) was not saved)|Could not find SP for task {HEX}"
    rf"|cannot find the stack info\.|0{HEX}: registers not saved|invalid pc: {HEX}"
    r"|\(hardware reset while in user space\))"
)
_MARKER = r"--- ?<([^>\n]{1,80})>(?: ---|---)| - (Interrupt) -"
# Beginnings of lines that end the lines below a frame.
_NEXT = (
    rf"PID: |CPU \d|---| - | *+#\d| *+\[ *+(?:BSP:)?{HEX}\] | *+LOWCORE INFO:| *+START: "
    # (void) below a frame is the frame's arguments
    rf"|(?! *+\(void\))(?:{_STATUS}){END_OF_LINE}"
)
# Beginnings of other lines below a frame, which end its registers.
_BELOW_REGISTERS = (
    r" *+\n| *+[0-9a-f]{8,16}+: | ++\[(?:RA|PC): | ++\[Link Register| ++\(| *+(?:KERNEL|USER)-MODE "
    r"| ++EFRAME: | *+\[exception [ER]IP: |NOTE: kernel-entry"
    rf"| ++[A-Z][A-Za-z /()-]{{2,40}}? {{1,2}}\[{HEX}\] exception frame:"
)


def trace(until: ParserElement, *more: ParserElement) -> ParserElement:
    """The pieces of a trace down to ``until``; `make_trace` makes a `Trace` of them. ``more``: elements for
    further pieces::

     #0 [fffffe0000009c58] crash_nmi_callback at ffffffff9e05b443
        ...
    --- <NMI exception stack> ---
     #5 [ffffbe1bc0003fd0] native_halt at ffffffff9e8c1f3b
    """
    between, inner = _between(blank=True), _between(blank=False)
    following = Terminal(_NEXT, "the next frame", keep=False)
    dump = register_dump(
        between=inner, until=Terminal(f"{_NEXT}|{_BELOW_REGISTERS}", "the next frame", keep=False)
    )
    item = (
        frames(dump, between=between, within=inner, until=following)
        | BlankLines()
        | _marker()
        | dump
        | stack_words(between=inner)
        | _status()
        | _start()
        | lowcore(between=between, until=following)
    )
    for one in more:
        item |= one
    item.set_name("a frame, registers, words of the stack, a marker or a task's state")
    return Many(item, between=between, until=until, resume=following, first=True, least=0)


def _marker() -> Row:
    """``--- <IRQ stack> ---``; ia64: `` - Interrupt -``."""
    return Row(
        _MARKER, lambda found: Marker(found.start(), found[1] or found[2]), "a marker: --- <STACK> ---"
    )


def _status() -> Row:
    return Row(_STATUS, lambda found: Status(found.start(), found[1]), "a task's state: (active) ...")


def _start() -> Row:
    """``             START: thread_return (schedule) at ffffffff80062f90``."""

    def start(found: re.Match[str]) -> Start:
        offset = plain_number(found[2]) if found[2] else None
        frame = Frame(level=None, sp=None, function=found[1], offset=offset, address=int(found[3], 16))
        return Start(found.start(), frame)

    pattern = rf" *+START: (\S{{1,300}}?)(?:\+(0x[0-9a-f]{{1,16}}|\d{{1,12}}))?(?: \(schedule\))? at ({HEX})"
    return Row(pattern, start, "START: FUNCTION at ADDRESS")


class _StackError(CrashMessage):
    """A message of crash about this task, with the lines that belong to it."""

    _tail = expression(
        r"(?: *+(?:(?:(?:exception|IRQ|process) stack pointer|current stack base): "
        rf"{HEX}|\(valid range: {HEX} - {HEX}\)){END_OF_LINE})*+",
        re.ASCII,
    )

    def ahead(self, instring: str, loc: int) -> int:
        """The end of the message with these lines; -1 for any other line."""
        end = super().ahead(instring, loc)
        tail = self._tail.match(instring, end) if end > loc else None
        return tail.end() if tail else end


def _between(*, blank: bool) -> Noise:
    """``...``, crash's messages; ``[ NMI exception stack recursion: ... ]``."""
    recursion = Remark(r" ++\[ [^\]\n]{1,80} exception stack recursion: [^\]\n]{1,80} \]", "partial")
    return noise(recursion, messages=_StackError(), blank=blank)
