"""``dis``: instructions, with or without the source's lines, or the source itself.

Source in crash: ``cmd_dis()``, ``list_source_code()`` (kernel.c), ``dis_filter`` of each architecture.

As crash prints it::

    crash> dis -l panic 3
    /usr/src/linux/kernel/panic.c: 276
    0xffffffff9e2c4dc0 <panic>:     endbr64
    0xffffffff9e2c4dc4 <panic+4>:   nopl   0x0(%rax,%rax,1)
    0xffffffff9e2c4dc9 <panic+9>:   push   %rbp
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.records import Address, Record


class Instruction(Record, frozen=True, kw_only=True):
    """An instruction: its ``address`` (also as ``symbol`` and ``offset``, None for user memory) and its text.

    ``target`` and ``target_symbol``: the last address with a symbol in the text (``0x... <name+4>``), as of a
    call. ``note``: what crash adds (``FTRACE NOP``). ``file`` and ``line``: its source, with ``-l``.
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
    """A line of the kernel's source; ``current``: it is the line of the address that was asked for."""

    file: str
    line: int
    text: str
    current: bool = False


class SkippedBytes(Record, frozen=True):
    """How many bytes behind a ``ud2a`` crash skips (``dis -b``)."""

    count: int


# Another instruction within an instruction's text: only a lost newline puts it there.
_SECOND = expression(r"0x[0-9a-f]{1,16}+(?: <[^<>\n]{1,600}+>)?+:\s", re.ASCII)
_TARGET = expression(r"0x([0-9a-f]{1,16}+) <([^<>\n]{1,600}+)>")
_NOTE = expression(r" \[([A-Z][A-Z ]{0,60}+)\]\Z")


def _instructions() -> g.ParserElement:
    """Instructions; with ``-l`` the line of source that they were made of stands above them::

    /usr/src/linux/kernel/panic.c: 276
    0xffffffff9e2c4eb0 <panic>:     push   %rbp
    0xffffffff9e2c4eb1 <panic+1>:   call   0xffffffff9e2c5010 <vpanic> [FTRACE NOP]
    """
    instruction = g.Row(
        r"(?:=> )?+ *+0x([0-9a-f]{1,16}+)(?: <([^<>\n]{1,600}?)(?:\+(-?\d{1,20}+|0x[0-9a-f]{1,16}+))?>)?+:"
        r"[ \t]++((?!0x[0-9a-f])[^\s][^\n]*+)",  # a number is the output of gdb's x/x
        _instruction,
        "an instruction: 0xADDRESS <SYMBOL>: TEXT",
    )
    line = g.Row(r"(?=[^ \n])([^\n]{1,4096}?): (\d{1,7}+)", _place, "a line of source: FILE: NUMBER")
    return g.made(g.Rows(instruction, also=line, aside=_NOWHERE), _told)


_NOWHERE = (None, None)
"""The file and line of instructions below a line that was set aside: that may have been their source line."""


def _instruction(row: re.Match[str]) -> Instruction | None:
    address, symbol, distance, text = row.groups()
    text = text.rstrip(" \t")
    if ":" in text and _SECOND.search(text):
        return None
    note = _NOTE.search(text) if text[-1] == "]" else None
    if note:
        text = text[: note.start()]
    targets = _TARGET.findall(text) if "<" in text else []
    return Instruction(
        address=int(address, 16),
        symbol=symbol,
        offset=plain_number(distance or "0") if symbol else None,
        instruction=text,
        target=int(targets[-1][0], 16) if targets else None,
        target_symbol=targets[-1][1] if targets else None,
        note=note[1] if note else None,
    )


def _place(row: re.Match[str]) -> tuple[str, int] | None:
    """(file, line); None without ``-l``, where no line of source may stand."""
    text = row.string
    return (row[1], int(row[2])) if isinstance(text, g.Text) and text.source.command.has("l") else None


def _told(text: g.Text, place: int, found: list[Any]) -> list[Instruction]:
    """The instructions, each with the line of source that stands above it."""
    file, line = None, None
    instructions: list[Instruction] = []
    for one in found:
        if isinstance(one, tuple):
            file, line = one
        else:
            instructions.append(one if file is None else replace(one, file=file, line=line))
    return _apart(text, place, instructions)


_ROW = expression(r"^(?:=> )?+ *+0x[0-9a-f]{1,16}+[ :]", re.MULTILINE)


def _apart(text: g.Text, place: int, found: list[Instruction]) -> list[Instruction]:
    """The instructions, each once. With ``set debug 8`` crash prints each twice, as gdb's text and as its
    own: an error.
    """
    twice = {count for count, (one, below) in enumerate(pairwise(found), 1) if one.address == below.address}
    if not twice:
        return found
    places = [row.start() for row in _ROW.finditer(text, place)]
    for count in sorted(twice):
        text.misfit(places[count] if count < len(places) else place, "an instruction a second time")
    return [one for count, one in enumerate(found) if count not in twice]


def _source() -> g.ParserElement:
    """Lines of source; ``*`` marks that of the address that was asked for::

    FILE: kernel/panic.c
    LINE: 276

      274  void panic(const char *fmt, ...)
      275  {
    * 276    int i;
    """
    file = g.Row(r"FILE: ([^\n]++)", lambda row: row[1], "the file: FILE: NAME")
    line = g.Row(r"LINE: (?:\d{1,7}+|\(unknown\))", lambda row: row[0], "the line: LINE: NUMBER")
    code = g.Row(
        r"([* ]) ++(\d{1,7}+)(?:\t| {2,}+)?+([^\n]*+)",
        lambda row: SourceLine(file="", line=int(row[2]), text=row[3], current=row[1] == "*"),
        "a line of source: NUMBER TEXT",
    )
    return g.made(file + g.Suppress(line) + g.Rows(code), _lines)


def _lines(text: g.Text, place: int, found: list[Any]) -> list[SourceLine]:
    file, *lines = found
    for before, after in pairwise(lines):
        if after.line != before.line + 1:
            text.misfit(place, f"line {after.line} follows line {before.line}")
    return [replace(line, file=file) for line in lines]


def _skipped() -> g.ParserElement:
    """``encoded bytes being skipped after ud2a: 0``."""
    return g.Row(
        r"encoded bytes being skipped after ud2a: (\d{1,9}+)",
        lambda row: SkippedBytes(int(row[1])),
        "encoded bytes being skipped after ud2a: NUMBER",
    )


SHAPES = (
    Shape(
        name="skipped",
        record=SkippedBytes,
        grammar=_skipped,
        options="dis -b",
        when=lambda source: source.text.startswith("encoded bytes being skipped"),
    ),
    Shape(
        name="source",
        record=SourceLine,
        grammar=_source,
        options="dis -s ADDRESS|SYMBOL [COUNT]",
        when=lambda source: source.text.startswith("FILE: "),
    ),
    Shape(
        name="instructions",
        record=Instruction,
        grammar=_instructions,
        options="dis [-l] [-r|-f] [-u] [-x|-d] [-b COUNT] ADDRESS|SYMBOL [COUNT]",
    ),
)
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
    *(
        "dis -B",
        "dis -b",
    ),
)
