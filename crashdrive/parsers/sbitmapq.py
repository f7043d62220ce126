"""``sbitmapq``: a sbitmap queue, or the structures that its set bits stand for.

Source in crash: ``sbitmap_queue_show()``, ``sbitmap_bitmap_show()``, ``sbitmap_queue_data_dump()``
(sbitmap.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.cursor import say_empty
from crashdrive.parsers.grammar.rows import skip_or_reject
from crashdrive.parsers.grammar.values import ValueReader
from crashdrive.records import Address, Record

OPTSTRING = "s:a:pvxd"
EXAMPLES = (
    "sbitmapq 0",
    *("sbitmapq {sbitmap}", "sbitmapq -s request -a {tags} {sbitmap}"),
)


class WaitState(Record, frozen=True):
    """A wait queue: its counter, and whether somebody waits."""

    wait_count: int
    active: bool


class SbitmapQueue(Record, frozen=True, kw_only=True):
    """A sbitmap queue; ``cleared`` and ``ws_active`` are None where the kernel has none.

    ``alloc_hint`` by CPU; ``bitmap``: the bits, as bytes in memory's order in hexadecimal.
    """

    depth: int
    busy: int
    cleared: int | None = None
    bits_per_word: int
    map_nr: int
    alloc_hint: tuple[int, ...] = ()
    wake_batch: int | None = None
    wake_index: int | None = None
    ws_active: int | None = None
    ws: tuple[WaitState, ...] = ()
    round_robin: int | None = None
    min_shallow_depth: int | None = None
    bitmap: str = ""


class SbitmapEntry(Record, frozen=True, kw_only=True):
    """The structure that a set bit stands for: its index and address; ``members`` with ``-v`` or members
    asked for.
    """

    index: int
    address: Address
    members: dict[str, Any] | None = None


_FIELD = re.compile(r"(\w+) = (-?\d{1,20})")
_HINT = re.compile(r"alloc_hint = \{((?:\d{1,10}(?:, )?)*)\}")
_WAIT = re.compile(r"\s*\{ \.wait_cnt = (\d{1,20}), \.wait = (inactive|active) \},")
_BITS = re.compile(r"([0-9a-f]{8}): ((?:[0-9a-f]{2,4} ?){1,8})")
_ENTRY = re.compile(r"(\d{1,10}): 0x([0-9a-f]{1,16})\s*?(?:\n|\Z)")
_LONG_ENTRY = re.compile(r"(\d{1,10}) \(0x([0-9a-f]{1,16})\):\s*?\n")
_HEAD = re.compile(r"(?:(?:struct|union) \w+ )?(?=\{)")
_MEMBER = re.compile(r"[ ]{2}([A-Za-z_][\w.\[\]]*) =\s*", re.ASCII)
_END = re.compile(r",?[ \t]*(?:\n|\Z)")


def _parse_queue(source: Source) -> Sequence[SbitmapQueue]:
    fields: dict[str, Any] = {}
    waits: list[WaitState] = []
    bitmap: list[str] = []
    for offset, line in source.lines():
        if (match := _FIELD.fullmatch(line.strip())) and match[1] in SbitmapQueue.__struct_fields__:
            fields[match[1]] = int(match[2])
        elif match := _HINT.fullmatch(line.strip()):
            fields["alloc_hint"] = tuple(int(hint) for hint in match[1].split(", ") if hint)
        elif match := _WAIT.fullmatch(line.rstrip()):
            waits.append(WaitState(int(match[1]), match[2] == "active"))
        elif (match := _BITS.fullmatch(line.strip())) and int(match[1], 16) == len("".join(bitmap)) // 2:
            bitmap.append(match[2].replace(" ", ""))
        elif line.strip() not in ("", "ws = {", "}"):
            # Of kernels from 6.1 on crash (up to 9.0) knows no more than the first fields, and says so.
            skip_or_reject(source, offset, line, "no field of a sbitmap queue")
    missing = [name for name in ("depth", "busy", "bits_per_word", "map_nr") if name not in fields]
    if missing:
        source.fail(len(source.text), f"a sbitmap queue without {missing[0]}")
    return [SbitmapQueue(**fields, ws=tuple(waits), bitmap="".join(bitmap))]


def _parse_entries(source: Source) -> Sequence[SbitmapEntry]:
    if not source.text.strip():
        say_empty(source, "no bit is set")
        return []
    reader = ValueReader(source)
    records = []
    offset = 0
    while offset < len(source.text):
        if match := _ENTRY.match(source.text, offset):
            records.append(SbitmapEntry(index=int(match[1]), address=int(match[2], 16)))
            offset = match.end()
        elif match := _LONG_ENTRY.match(source.text, offset):
            members, offset = _members(source, reader, match.end())
            records.append(SbitmapEntry(index=int(match[1]), address=int(match[2], 16), members=members))
        elif source.text.startswith("\n", offset):
            offset += 1
        else:
            source.fail(offset, "expected an index and an address")
    return records


def _members(source: Source, reader: ValueReader, offset: int) -> tuple[dict[str, Any], int]:
    """A whole structure, or some of its members, below an index."""
    head = _HEAD.match(source.text, offset)
    if head:
        value, offset = reader.value(head.end())
        if not isinstance(value, dict):
            source.fail(head.end(), "a structure without members")
        return value, _line_end(source, offset)
    found: dict[str, Any] = {}
    while match := _MEMBER.match(source.text, offset):
        if match[1] in found:
            source.fail(offset, f"a member stands twice: {match[1]}")
        found[match[1]], offset = reader.value(match.end())
        offset = _line_end(source, offset)
    return found, offset


def _line_end(source: Source, offset: int) -> int:
    match = _END.match(source.text, offset)
    if not match:
        source.fail(offset, "unexpected text after a value")
    return match.end()


SHAPES = (
    Shape(
        name="queue",
        record=SbitmapQueue,
        parse=_parse_queue,
        options="sbitmapq ADDRESS",
        when=lambda source: source.text.startswith("depth = "),
    ),
    Shape(
        name="entries",
        record=SbitmapEntry,
        parse=_parse_entries,
        options="sbitmapq -s STRUCT[.MEMBER,...] -a ADDRESS [-p] [-v] ADDRESS",
        when=lambda source: (
            re.match(r"\d+(?:: 0x| \(0x)", source.text) is not None
            or (source.command.has("s") and not source.text.strip())
        ),
    ),
)
