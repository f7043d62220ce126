"""``ascii``: a number's bytes as characters, or the chart of all characters.

Source in crash: ``cmd_ascii()`` (tools.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Bits, Record

OPTSTRING = ""
EXAMPLES = ("ascii", "ascii 62696c2f7273752f", "ascii 62696c2f7273752f 4142", "ascii zz")


class AsciiText(Record, frozen=True):
    """A number and its bytes in the machine's order, unprintable ones by name (``<NUL>``, ``<8d>``)."""

    value: Bits
    text: str


class Character(Record, frozen=True):
    """A character's code and its name or itself."""

    code: int
    name: str


_TEXT = re.compile(r"([0-9a-f]{8}|[0-9a-f]{16}): (.*)")
_ROW = re.compile(r" *([0-9A-F]) \| *((?:\S+ +){7}\S+) *")
_FRAME = re.compile(r" *(?:0 +1 +2 +3 +4 +5 +6 +7|\+-+)? *")
_BYTE = re.compile(r"<(?:[0-9a-f]{2}|[A-Z]{2,3}\d?)>|.", re.DOTALL)


def _parse_texts(source: Source) -> Sequence[AsciiText]:
    records = []
    for offset, line in source.lines():
        match = _TEXT.fullmatch(line)
        if match and _fits(match[1], match[2]):
            records.append(AsciiText(int(match[1], 16), match[2]))
        else:
            source.reject(offset, "no number and its characters")
    return records


def _fits(digits: str, text: str) -> bool:
    """Whether the plain characters are bytes of the number, in either byte order."""
    raw = bytes.fromhex(digits)
    parts = _BYTE.findall(text)
    return any(
        len(parts) == len(order)
        and all(len(part) > 1 or ord(part) == byte for part, byte in zip(parts, order, strict=True))
        for order in (raw, raw[::-1])
    )


def _parse_chart(source: Source) -> Sequence[Character]:
    found: dict[int, str] = {}
    for offset, line in source.lines():
        match = _ROW.fullmatch(line)
        if match:
            low = int(match[1], 16)
            found |= {16 * high + low: name for high, name in enumerate(match[2].split())}
        elif not _FRAME.fullmatch(line):
            source.reject(offset, "no row of the chart")
    if len(found) != 128:
        source.fail(len(source.text), f"{len(found)} characters of 128")
    return [Character(code, found[code]) for code in sorted(found)]


SHAPES = (
    Shape(
        name="chart",
        record=Character,
        parse=_parse_chart,
        options="ascii",
        when=lambda source: "| NUL DLE" in source.text,
    ),
    Shape(
        name="texts",
        record=AsciiText,
        parse=_parse_texts,
        options="ascii VALUE...",
        when=lambda source: _TEXT.match(source.text) is not None,
    ),
)
