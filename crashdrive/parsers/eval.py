"""``eval``: a number in every base. Source in crash: ``cmd_eval()``, ``print_number()`` (tools.c).

As crash prints it::

    crash> eval 128m
    hexadecimal: 8000000  (128MB)
        decimal: 134217728
          octal: 1000000000
         binary: 0000000000000000000000000000000000001000000000000000000000000000
"""

from __future__ import annotations

import re

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Long, Record


class Evaluation(Record, frozen=True, kw_only=True):
    """A number: ``value`` without sign, and ``signed`` where its highest bit is set.

    ``size``: crash's text (``128MB``), where the number is a whole number of kilobytes or more. ``width``: in
    bits. ``bits``: the numbers of the set bits, highest first, with ``-b``.
    """

    value: Long
    signed: Long | None = None
    size: str | None = None
    width: int
    bits: tuple[int, ...] | None = None


def _number() -> g.ParserElement:
    """The size in words and the signed number stand in parentheses, the bits with ``-b`` alone::

    hexadecimal: 8000000  (128MB)
        decimal: 134217728
          octal: 1000000000
         binary: 0000000000000000000000000000000000001000000000000000000000000000
       bits set: 27
    """
    bits = g.Terminal(r" *+bits set: ((?:\d{1,2}(?!\d)[ \n]*+)*+)", "the bits that are set", _bits)
    return g.Gap() + g.record(
        _evaluation,
        _base("hexadecimal", r"[0-9a-f]{1,16}", r"\d{1,20}[KMG]B")("hexadecimal")
        + _base("decimal", r"\d{1,20}", r"-\d{1,20}")("decimal")
        + _base("octal", r"[0-7]{1,22}")("octal")
        + _base("binary", r"[01]{64}|[01]{32}")("binary")
        + g.Opt(bits("bits")),
    )


def _base(name: str, digits: str, other: str = "(?!)") -> g.ParserElement:
    """``NAME: DIGITS  (OTHER)``: both texts, None for the one that isn't there."""
    pattern = rf" *+{name}: ({digits})[ ]*+(?:\(({other})\))?+"
    return g.Row(pattern, lambda row: row.groups(), f"the number's line '{name}:'")


def _bits(found: re.Match[str]) -> tuple[int, ...]:
    return tuple(map(int, found[1].split()))


def _evaluation(
    hexadecimal: tuple[str, str | None],
    decimal: tuple[str, str | None],
    octal: tuple[str, None],
    binary: tuple[str, None],
    bits: tuple[int, ...] | None = None,
) -> tuple[Evaluation, bool]:
    """The number, and whether all that crash says of it agrees."""
    value, signed, width = int(decimal[0]), decimal[1], len(binary[0])
    agree = {int(hexadecimal[0], 16), int(octal[0], 8), int(binary[0], 2)} == {value}
    if bits is not None:
        agree = agree and bits == tuple(bit for bit in range(width - 1, -1, -1) if value >> bit & 1)
    # crash shows the sign of the whole number or that of its low half
    agree = agree and (signed is None or (value - int(signed)) % (1 << 32) == 0)
    found = Evaluation(
        value=value, signed=int(signed) if signed else None, size=hexadecimal[1], width=width, bits=bits
    )
    return found, agree


def _check(source: Source, found: list[tuple[Evaluation, bool]]) -> list[Evaluation]:
    if not all(agree for _, agree in found):
        source.fail(0, "the bases disagree about the number")
    if source.command.has("b") and any(one.bits is None for one, _ in found):
        source.note("partial", "the numbers of the bits are missing", incomplete=True)
    return [one for one, _ in found]


SHAPES = (
    Shape(
        name="number", record=Evaluation, grammar=_number, finish=_check, options="eval [-b] [-l] EXPRESSION"
    ),
)
EXAMPLES = (
    "eval 128m",
    "eval 128 * 1m",
    "eval (1 << 32)",
    "eval -b 41dc065",
    "eval -lb 64g",
    "eval -1",
    "eval panic+20",
    "eval 1k + 3",
    "eval zzz",
)
