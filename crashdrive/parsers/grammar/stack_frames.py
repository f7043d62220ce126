"""Stack frames: the frame's line in each architecture's form, and the lines below it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.parsers.grammar.noises import Blank, Noise
from crashdrive.parsers.grammar.pyparsing_core import Opt, ParserElement
from crashdrive.parsers.grammar.register_rows import Fields, Registers
from crashdrive.parsers.grammar.registers import HEX, source_line
from crashdrive.parsers.grammar.repeated import Many, Rows
from crashdrive.parsers.grammar.sections import made
from crashdrive.parsers.grammar.stack import Frame, StackWord, read_words
from crashdrive.parsers.grammar.terminals import Anything, Row, Terminal

_NAME = r"\S{1,300}?"
_OFFSET = r"(?:\+(?P<offset>0x[0-9a-f]{1,16}|\d{1,12}))?"
# The form of nearly all frames; its names end at the first blank.
_PLAIN = (
    rf" *+#(\d{{1,4}}+) \[ *+({HEX})\] ([^\s+(]{{1,300}}+) at ({HEX})(?: \[([^\]\s]{{1,80}}+)\])?+"
    r"(?=[ ]*+(?:\n|\Z))"
)
# All other forms; ``only``: frames of modules without symbols in 2.4 traces, ``(nfsd module)``.
_ANY = (
    rf" *+(?:#(?P<level>\d{{1,4}}+) )?\[ *+(?:BSP:)?(?P<sp>{HEX})\] "
    rf"(?:(?P<function>{_NAME}){_OFFSET}(?: \(via (?P<via>[^)\n]{{1,200}})\))?"
    r"|\((?P<only>\S{1,80}) module\))"
    rf" at (?P<address>{HEX})(?: \(via (?P<via2>[^)\n]{{1,200}})\))?(?: \[(?P<module>[^\]\s]{{1,80}})\])?"
    r"(?P<unreliable> {1,2}\(unreliable\))?(?: \*)?"
)
_BOUND = expression(r"(RA|PC|LR|SP|FP|SIZE): (-?[0-9a-f]{1,16})")


class Words(NamedTuple):
    """A row of a stack's words, ``size`` bytes each."""

    place: int
    size: int
    words: list[StackWord]


def frames(dump: ParserElement, *, between: Noise, within: Noise, until: ParserElement) -> ParserElement:
    """Frames with the lines below each: a run of `Frame`. ``dump``: a register dump::

     #0 [ffffcdfe80013c10] machine_kexec at ffffffffac86c62f
     #1 [ffffcdfe80013f50] entry_SYSCALL_64_after_hwframe at ffffffffad400126
        /usr/src/linux/arch/x86/entry/entry_64.S: 121                      (with -l)
        RIP: 000000000043b1e0  RSP: 00007ffec14a6f18  RFLAGS: 00000202
        ffffcdfe80013f58: 0000000000000000 0000000000000246                (with -f)

    ``until``: an element that ends the run. ``between``: noise between frames; ``within``: noise between
    words.
    """
    run = Rows(_frame_line(), between=between, until=Anything(), bare=True)
    arm = Rows(_arm_frame_line(), between=between, until=Anything(), bare=True)
    below = Blank() | stack_words(between=within) | dump | source_line() | _link() | _bounds() | _arguments()
    below.set_name("what stands below a frame: registers, words, arguments, a line of source")
    rest = Many(below, between=between, until=until, first=True, least=0)
    return made((run | arm).set_name("a frame") + rest, _frames)


def _frame_line() -> Row:
    return Row(f"(?:{_PLAIN}|{_ANY})", _frame, "a frame: #LEVEL [STACK ADDRESS] FUNCTION at ADDRESS")


def _frame(found: re.Match[str]) -> Frame:
    level, sp, function, address, module = found.group(1, 2, 3, 4, 5)
    if level is None:
        return _any_frame(found)
    return Frame(level=int(level), sp=int(sp, 16), function=function, address=int(address, 16), module=module)


def _any_frame(found: re.Match[str]) -> Frame:
    """A frame of another form: with an offset (``-s``), without a level (``-t``), with a jump (2.4),
    unreliable (ppc64).
    """
    level, only = found["level"], found["only"]
    return Frame(
        level=None if level is None else int(level),
        sp=int(found["sp"], 16),
        function=f"({only} module)" if only else found["function"],
        offset=_number(found["offset"]),
        address=int(found["address"], 16),
        module=found["module"],
        via=found["via"] or found["via2"],
        unreliable=found["unreliable"] is not None,
    )


def _arm_frame_line() -> Row:
    """`` #0 [<c0012345>] (schedule+0x10 [module]) from [<c0054321>]``."""
    return Row(
        rf" *+#(?P<level>\d{{1,4}}+) \[<(?P<address>{HEX})>\] \((?P<function>{_NAME}){_OFFSET}"
        rf"(?: \[(?P<module>[^\]\s]{{1,80}})\])?\) from \[<(?P<from>{HEX})>\]",
        lambda found: Frame(
            level=int(found["level"]),
            sp=None,
            function=found["function"],
            offset=_number(found["offset"]),
            address=int(found["address"], 16),
            module=found["module"],
            return_address=int(found["from"], 16),
        ),
        "a frame: #LEVEL [<ADDRESS>] (FUNCTION) from [<CALLER>]",
    )


def _number(text: str | None) -> int | None:
    return None if text is None else plain_number(text)


def stack_words(*, between: Noise) -> Rows:
    """``    ffff810072b47f28: 0000000000000002 sys_write+69 [filp]``, with ``-f``, ``-F``, ``-r``."""

    def row(found: re.Match[str]) -> Words | None:
        size = 8 if len(found[1]) > 8 else 4
        words = read_words(int(found[1], 16), found[2], size)
        return Words(found.start(), size, words) if words else None

    words = Row(r" *+([0-9a-f]{8,16}+): ([^\n]*+)", row, "words of the stack: ADDRESS: VALUE ...")
    return Rows(words, between=between, until=Anything(), bare=True)


def _link() -> Row:
    """The link register of ppc and ppc64: the caller of a function that hasn't saved its registers yet."""
    return Row(
        rf" ++\[Link Register \] ++\[{HEX}\] (\S{{1,300}}+) at ({HEX})( {{1,2}}\(unreliable\))?+",
        lambda found: Fields(
            found.start(),
            {"via": found[1], "return_address": int(found[2], 16)}
            | ({"unreliable": True} if found[3] else {}),
        ),
        "[Link Register ] [STACK ADDRESS] FUNCTION at ADDRESS",
    )


def _bounds() -> Row:
    """``    [RA: c0012345  SP: c7a0bf40  FP: c7a0bf60  SIZE: 32]``."""

    def row(found: re.Match[str]) -> Fields:
        pairs = _BOUND.findall(found[1])
        bounds = {name.lower(): int(value, 10 if name == "SIZE" else 16) for name, value in pairs}
        return Fields(found.start(), {"bounds": bounds})

    return Row(r" ++\[((?:RA|PC): [^\]\n]{1,300}+)\]", row, "a frame's bounds: [RA: ADDRESS ...]")


def _arguments() -> ParserElement:
    """``    (c0096f40, 7fffffff)``; ia64 breaks lines of arguments that get too long::

    (e0000000044ad0c0, e0000040ff2f7e40, a00000010008cb80,
     e0000040ff2f7e30)
    """
    whole = Row(
        r" ++\((?!active\)|no stack\)|no frame\))(void|[^()\n]{0,500}+)\)",
        lambda found: Fields(found.start(), {"arguments": _split(found[1])}),
        "a frame's arguments: (VALUE, ...)",
    )
    start = Row(
        r" ++\(([^()\n]{60,500}),",
        lambda found: Fields(found.start(), {"arguments": _split(found[1])}),
        "a frame's arguments: (VALUE, ...",
    )
    more = Row(r" {5}([^\s(),]{1,300}+),", lambda found: found[1], "a frame's next argument")
    last = Row(r" {5}([^\s(),]{1,300}+)\)", lambda found: found[1], "a frame's last argument: VALUE)")
    cut = Terminal(r"\Z", "a frame's last argument: VALUE)", lambda _found: _CUT)
    return whole | made(start + Opt(Rows(more, until=Anything())) + (last | cut), _joined)


_CUT = ""


def _joined(text: Text, place: int, found: list[Any]) -> Fields:
    head, *arguments = found
    if arguments[-1] is _CUT:
        text.note(place, "partial", "the arguments of a frame end too early", incomplete=True, late=True)
        arguments.pop()
    return Fields(place, {"arguments": (*head.values["arguments"], *arguments)})


def _split(text: str) -> tuple[str, ...]:
    return () if text in {"", "void"} else tuple(part.strip() for part in text.split(","))


def _frames(text: Text, _place: int, found: list[Any]) -> list[Any] | None:
    """The frames, the last one with the values of the lines below it."""
    count = next((place for place, one in enumerate(found) if type(one) is not Frame), len(found))
    if count in {0, len(found)}:  # 0: in lenient mode, where no frame is left
        return None
    return [*found[: count - 1], with_below(text, found[count - 1], found[count:])]


def with_below(text: Text, frame: Frame, below: list[Fields | Words | Registers]) -> Frame:
    """The frame with the values of the lines below it; a value that stands twice is refused."""
    values: dict[str, Any] = {}
    data = list(frame.data or ())
    for one in below:
        match one:
            case Words():
                add_words(text, data, one)
            case Registers() if "exception" in values or frame.exception is not None:
                text.misfit(one.place, "a second exception frame below one frame")
            case Registers():
                values["exception"] = one.frame
            case Fields() if twice := next((name for name in one.values if name in values), None):
                text.misfit(one.place, f"a second {twice} below one frame")
            case Fields():
                values |= one.values
    return replace(frame, data=tuple(data) or None, **values)


def add_words(text: Text, data: list[StackWord], row: Words) -> None:
    """Add a row's words to ``data``; a gap between them is marked."""
    if data and row.words[0].address != data[-1].address + row.size:
        text.note(row.place, "partial", "stack data is missing", incomplete=True, late=True)
    data += row.words
