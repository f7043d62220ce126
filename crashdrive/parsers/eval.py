"""``eval``: a number in every base.

Source in crash: ``cmd_eval()``, ``print_number()`` (tools.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Long, Record

OPTSTRING = "bl"
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


class Evaluation(Record, frozen=True, kw_only=True):
    """A number: ``value`` without sign, ``signed`` where its highest bit is set.

    ``size``: in words where it is a whole number of kilobytes or more (``128MB``); ``width`` in bits;
    ``bits``: numbers of the bits that are set, highest first, where they were asked for.
    """

    value: Long
    signed: Long | None = None
    size: str | None = None
    width: int
    bits: tuple[int, ...] | None = None


_TEXT = re.compile(
    r"\s*+hexadecimal: ([0-9a-f]{1,16})[ ]*+(?:\((\d{1,20}[KMG]B)\))?[ ]*+\n"
    r"[ ]*+decimal: (\d{1,20})[ ]*+(?:\((-\d{1,20})\))?[ ]*+\n"
    r"[ ]*+octal: ([0-7]{1,22})[ ]*+\n"
    r"[ ]*+binary: ([01]{32}|[01]{64})[ ]*+\n"
    r"(?:[ ]*+bits set: ((?:\d{1,2}(?!\d)\s*+)*+))?\s*+"
)


def _parse(source: Source) -> Sequence[Evaluation]:
    match = _TEXT.fullmatch(source.text if source.text.endswith("\n") else source.text + "\n")
    if not match:
        source.fail(0, "expected a number in hexadecimal, decimal, octal and binary")
    hexadecimal, size, decimal, signed, octal, binary, bits = match.groups()
    value = int(decimal)
    width = len(binary)
    places = tuple(int(bit) for bit in bits.split()) if bits is not None else None
    agree = {int(hexadecimal, 16), int(octal, 8), int(binary, 2), value} == {value}
    if places is not None:
        agree = agree and places == tuple(bit for bit in range(width - 1, -1, -1) if value >> bit & 1)
    if not agree or (signed and value - int(signed) not in (1 << 32, 1 << 64, 0xFFFFFFFF << 32)):
        agree = agree and _is_low_word(value, signed)
    if not agree:
        source.fail(0, "the bases disagree about the number")
    if places is None and source.command.has("b"):
        source.note("partial", "the numbers of the bits are missing", incomplete=True)
    return [
        Evaluation(value=value, signed=int(signed) if signed else None, size=size, width=width, bits=places)
    ]


def _is_low_word(value: int, signed: str | None) -> bool:
    """Crash shows the sign of the whole number or that of its low half."""
    return signed is None or (value - int(signed)) % (1 << 32) == 0


SHAPES = (Shape(name="number", record=Evaluation, parse=_parse, options="eval [-b] [-l] EXPRESSION"),)
