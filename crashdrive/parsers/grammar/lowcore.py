"""s390's lowcore: the registers that a CPU stored when it stopped.

Source in crash: ``s390x_print_lowcore()`` and ``s390x_print_vx_sa()`` (s390x.c), ``s390_print_lowcore()``
(s390.c).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.noises import Noise
from crashdrive.parsers.grammar.pyparsing_core import Opt, ParserElement
from crashdrive.parsers.grammar.register_rows import Fields
from crashdrive.parsers.grammar.register_values import ExceptionFrame
from crashdrive.parsers.grammar.registers import source_line
from crashdrive.parsers.grammar.repeated import Many, Rows
from crashdrive.parsers.grammar.sections import made
from crashdrive.parsers.grammar.terminals import Anything, Row, Titles

_VALUE = r"(?:0x[0-9a-f]{1,16}+|0++)(?![^ \n])"
_LETTERS = {"general": "r", "access": "a", "control": "c", "floating point": "f", "vector": "v"}
# the number of words of each section that is printed
_SIZES = {
    **dict.fromkeys(("general", "access", "control", "floating point"), 16),
    "floating point 0,2,4,6": 4,
    "vector": 64,
}
_ALWAYS = {"general", "access", "control"}


class Lowcore(NamedTuple):
    """The block's registers, and its offset in the text."""

    place: int
    frame: ExceptionFrame


class _Pair(NamedTuple):
    """A register of one value or two; the values as text."""

    name: str
    first: str
    second: str | None


class _Detail(NamedTuple):
    function: str


class _Section(NamedTuple):
    """Numbered registers of one kind."""

    place: int
    name: str
    words: list[int]


def lowcore(*, between: Noise, until: ParserElement) -> ParserElement:
    """The block as a `Lowcore`::

    LOWCORE INFO:
     -psw      : 0x0002000180000000 0x0000000000a1b2c3
     -function : vtime_stop_cpu at a1b2c3
     -prefix   : 0x7fe42000
     -cpu timer: 0x7fffffffff123456
     -clock cmp: 0x00c6e4d21f9d1a00
     -general registers:
        0x0000000000000001 0000000000000000
        ...
    """
    pair = Row(
        rf"  -(psw|prefix|cpu timer|clock cmp) *+: ({_VALUE})(?: ({_VALUE}))?+",
        lambda found: _Pair(found[1].replace(" ", "_"), found[2], found[3]),
        "a register of the lowcore: -NAME: VALUE",
    )
    function = Row(
        r"  -function : (\S{1,200}+) at [0-9a-f]{1,16}+", lambda found: _Detail(found[1]), "-function : NAME"
    )
    head = Row(
        r"  -(general|access|control|floating point|vector) registers( 0,2,4,6)?:",
        lambda found: _Section(found.start(), found[1] + (found[2] or ""), []),
        "a title: -KIND registers:",
    )
    words = Row(
        rf" {{5}} *+({_VALUE}(?: ++{_VALUE}){{0,15}}+)",
        lambda found: [int(word, 16) for word in found[1].split()],
        "registers: VALUE VALUE ...",
    )
    section = made(head + Rows(words, between=between, until=Anything()), _section)
    item = pair | (function + Opt(source_line())) | section
    items = Many(item.set_name("registers of the lowcore"), between=between, until=until)
    return made(Titles("LOWCORE", "INFO:") + items, _lowcore)


def _section(text: Text, _place: int, found: list[Any]) -> _Section:
    head: _Section = found[0]
    words = [word for row in found[1:] for word in row]
    if len(words) > _SIZES[head.name]:
        text.misfit(head.place, f"{head.name} registers are {_SIZES[head.name]}, not {len(words)}")
    return head._replace(words=words)


def _lowcore(text: Text, place: int, found: list[Any]) -> Lowcore:
    registers: dict[str, int] = {}
    details: dict[str, str] = {}
    source: dict[str, Any] = {}
    sections: dict[str, list[int]] = {}
    for one in found:
        match one:
            case _Pair():
                _put(registers, details, one)
            case _Detail():
                details["function"] = one.function
            case Fields():
                source |= one.values
            case _Section() if one.name in sections:
                text.misfit(one.place, f"{one.name} registers stand twice")
            case _Section():
                sections[one.name] = one.words
    complete = _is_complete(registers.keys() | details.keys(), sections)
    if not complete:
        text.note(place, "partial", "registers are missing in the lowcore", incomplete=True, late=True)
    frame = ExceptionFrame(
        registers=registers | _numbered(sections),
        details=details or None,
        kind="lowcore",
        complete=complete,
        **source,
    )
    return Lowcore(place, frame)


def _put(registers: dict[str, int], details: dict[str, str], pair: _Pair) -> None:
    name, first, second = pair
    if second is None:
        registers[name] = int(first, 16)
    elif name == "psw":
        registers |= {"psw_flags": int(first, 16), "psw": int(second, 16)}
    elif "prefix" in registers:
        # s390x, crash before 7.0.9: the upper halves of this register and of the next one.
        details[name] = f"{first} {second}"
    else:
        # s390 (31 bit): two words of 32 bits.
        registers[name] = int(first, 16) << 32 | int(second, 16)


def _is_complete(names: set[str], sections: dict[str, list[int]]) -> bool:
    return (
        {"psw", "cpu_timer", "clock_cmp"} <= names
        and sections.keys() >= _ALWAYS
        and bool({"floating point", "floating point 0,2,4,6"} & sections.keys())
        and all(len(words) == _SIZES[name] for name, words in sections.items())
    )


def _numbered(sections: dict[str, list[int]]) -> dict[str, int]:
    """The registers of all sections by name; two words make a vector register."""
    found: dict[str, int] = {}
    for section, words in sections.items():
        name, _, numbers = section.partition(" 0,")
        step = 2 if numbers else 1
        values = words
        if section == "vector":
            values = [high << 64 | low for high, low in zip(words[::2], words[1::2], strict=False)]
        found |= {f"{_LETTERS[name]}{step * number}": value for number, value in enumerate(values)}
    return found
