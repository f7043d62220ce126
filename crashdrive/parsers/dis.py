"""``dis``: instructions, with or without the source's lines, or the source itself.

Source in crash: ``cmd_dis()``, ``list_source_code()`` (kernel.c), ``dis_filter`` of each architecture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.records import Address, Record

OPTSTRING = "dxhulrfUsb:B::"
EXAMPLES = (
    "dis panic 3",
    "dis -l panic 20",
    "dis -r panic+40",
    "dis -rl panic+40",
    "dis -f panic+40",
    "dis -x panic 12",
    "dis -s panic",
    "dis -b 3 panic+100",
    "dis {text} 5",
    "dis nosuchsymbol",
    *("dis -d panic 3", "dis -U schedule 2", "dis -u 401000 3"),
)


class Instruction(Record, frozen=True, kw_only=True):
    """An instruction: ``address``, where that is (``symbol`` and ``offset``, None for user memory), the text
    itself.

    ``target`` and ``target_symbol``: the last address that gdb names in it (``0x... <name+4>``), as for a
    call; ``note``: what crash adds (``FTRACE NOP``); ``file`` and ``line`` of its source with ``-l``.
    """

    address: Address
    symbol: str | None = None
    offset: int | None = None
    instruction: str
    target: Address | None = None
    target_symbol: str | None = None
    note: str | None = None
    file: str | None = None
    line: int | None = None


class SourceLine(Record, frozen=True, kw_only=True):
    """A line of the kernel's source: ``file`` that it is from, ``current``: the line of the address that was
    asked for.
    """

    file: str
    line: int
    text: str
    current: bool = False


_INSTRUCTION = re.compile(
    r"(?:=> )?[ ]*0x([0-9a-f]{1,16})(?: <([^<>\n]+?)(?:\+(-?\d{1,20}|0x[0-9a-f]{1,16}))?>)?:\s++"
    r"(\S++(?:[^\S\n]++\S++)*?)(?: \[([A-Z][A-Z ]*)\])?[ \t]*+"
)
_TARGET = re.compile(r"0x([0-9a-f]{1,16}) <([^<>\n]+)>")
_LINE = re.compile(r"(\S[^\n]*?): (\d{1,7})[ ]*")
_ERROR = re.compile(r"dis: ((?:WARNING: )?[^\n]*)")
_PLACE = re.compile(r"FILE: ([^\n]+)\nLINE: (\d{1,7}|\(unknown\))\n\n?")
_CODE = re.compile(r"([* ]) +(\d{1,7})(?:\t| {2,})?([^\n]*)")


def _parse(source: Source) -> Sequence[Instruction]:
    records: list[Instruction] = []
    place: tuple[str | None, int | None] = (None, None)
    lines = source.command.has("l")
    for offset, line in source.lines():
        match = _INSTRUCTION.fullmatch(line)
        if match and records and records[-1].address == int(match[1], 16):
            # set debug 8 shows instructions as gdb has them and then as crash has
            source.reject(offset, "an instruction a second time")
        elif match:
            records.append(_instruction(match, place))
        elif lines and (found := _LINE.fullmatch(line)):
            place = found[1], int(found[2])
        elif line.strip() == "..." or (records and _ERROR.fullmatch(line)):
            kind = "elided" if line.strip() == "..." else "error"
            source.note(kind, line.strip(), line=source.position(offset)[0], text=line, incomplete=True)
        elif line.strip():
            source.reject(offset, "no instruction")
    if not records:
        source.fail(0, "no instruction")
    return records


def _instruction(match: re.Match[str], place: tuple[str | None, int | None]) -> Instruction:
    address, symbol, distance, text, note = match.groups()
    targets = _TARGET.findall(text) if "<" in text else []
    return Instruction(
        address=int(address, 16),
        symbol=symbol,
        offset=plain_number(distance or "0") if symbol else None,
        instruction=text,
        target=int(targets[-1][0], 16) if targets else None,
        target_symbol=targets[-1][1] if targets else None,
        note=note,
        file=place[0],
        line=place[1],
    )


def _parse_source(source: Source) -> Sequence[SourceLine]:
    match = _PLACE.match(source.text)
    if not match:
        source.fail(0, "expected FILE and LINE")
    records = []
    for offset, line in source.lines():
        if offset < match.end() or not line.strip():
            continue
        row = _CODE.fullmatch(line)
        if row:
            records.append(SourceLine(file=match[1], line=int(row[2]), text=row[3], current=row[1] == "*"))
        else:
            source.reject(offset, "no line of source")
    numbers = [record.line for record in records]
    if not numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        source.fail(match.end(), "no source, or lines of it are missing")
    return records


SHAPES = (
    Shape(
        name="source",
        record=SourceLine,
        parse=_parse_source,
        options="dis -s ADDRESS|SYMBOL [COUNT]",
        when=lambda source: source.text.startswith("FILE: "),
    ),
    Shape(
        name="instructions",
        record=Instruction,
        parse=_parse,
        options="dis [-l] [-r|-f] [-u] [-x|-d] [-b COUNT] ADDRESS|SYMBOL [COUNT]",
    ),
)
