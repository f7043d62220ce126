"""``ascii``: a number's bytes as characters, or the chart of all characters.

Source in crash: ``cmd_ascii()`` (tools.c).

As crash prints it::

    crash> ascii 62696c2f7273752f 4142
    62696c2f7273752f: /usr/lib
    0000000000004142: BA<NUL><NUL><NUL><NUL><NUL><NUL>
"""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Bits, Record


class AsciiText(Record, frozen=True):
    """A number and its bytes as characters, in the machine's byte order; unprintable ones by name (``<NUL>``,
    ``<8d>``).
    """

    value: Bits
    text: str


class Character(Record, frozen=True):
    """A character's code, and the character; of an unprintable one its name."""

    code: int
    name: str


_TEXT = r"([0-9a-f]{16}|[0-9a-f]{8}): "
_BYTE = expression(r"<(?:[0-9a-f]{2}|[A-Z]{2,3}\d?)>|.", re.DOTALL | re.ASCII)


def _texts() -> g.ParserElement:
    """``62696c2f7273752f: /usr/lib``, in the machine's order."""
    return g.Rows(g.Row(f"{_TEXT}([^\n]*+)", _text, "a number and its characters"))


def _text(row: re.Match[str]) -> AsciiText | None:
    return AsciiText(int(row[1], 16), row[2]) if _fits(row[1], row[2]) else None


def _fits(digits: str, text: str) -> bool:
    """Whether the printable characters are the number's bytes, in either byte order."""
    raw = bytes.fromhex(digits)
    parts = _BYTE.findall(text)
    return any(
        len(parts) == len(order)
        and all(len(part) > 1 or ord(part) == byte for part, byte in zip(parts, order, strict=True))
        for order in (raw, raw[::-1])
    )


def _chart() -> g.ParserElement:
    """Columns of 16 characters::

        0    1   2   3   4   5   6   7
      +-------------------------------
    0 | NUL DLE  SP  0   @   P   '   p
    """
    row = g.Row(
        r" *+([0-9A-F]) \| *+((?:[^ \n]++ ++){7}[^ \n]++)",
        _characters,
        "a row of the chart: DIGIT | CHARACTERS",
    )
    frame = g.Remark(r" *+(?:0 ++1 ++2 ++3 ++4 ++5 ++6 ++7|\+-++)")
    rows = g.Rows(row, between=g.noise(frame))
    return g.made(rows, lambda _text, _place, found: [one for row in found for one in row])


def _characters(row: re.Match[str]) -> tuple[Character, ...]:
    low = int(row[1], 16)
    return tuple(Character(16 * high + low, name) for high, name in enumerate(row[2].split()))


def _check_chart(source: Source, found: list[Character]) -> list[Character]:
    codes = {one.code: one for one in found}
    if len(codes) != 128:
        source.fail(len(source.text), f"{len(codes)} characters of 128")
    return [codes[code] for code in sorted(codes)]


SHAPES = (
    Shape(
        name="chart",
        record=Character,
        grammar=_chart,
        finish=_check_chart,
        options="ascii",
        when=lambda source: "| NUL DLE" in source.text,
    ),
    Shape(
        name="texts",
        record=AsciiText,
        grammar=_texts,
        options="ascii VALUE...",
        when=lambda source: re.match(_TEXT, source.text) is not None,
    ),
)

EXAMPLES = ("ascii", "ascii 62696c2f7273752f", "ascii 62696c2f7273752f 4142", "ascii zz")
