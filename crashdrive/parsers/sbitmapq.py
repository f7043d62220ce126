"""``sbitmapq``: a sbitmap queue, or the structures that its set bits stand for.

Source in crash: ``sbitmap_queue_show()``, ``sbitmap_bitmap_show()``, ``sbitmap_queue_data_dump()``
(sbitmap.c).

As crash prints it::

    crash> sbitmapq ffff8e99d0dc8010
    depth = 256
    busy = 0
    cleared = 26
    bits_per_word = 64
    map_nr = 4
    alloc_hint = {176, 245}
    wake_batch = 8
    wake_index = 0
    ws_active = 0
    ...
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records, say_empty
from crashdrive.records import Address, Record


class WaitState(Record, frozen=True):
    """A wait queue: its counter, and whether a task waits in it."""

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


def _queue() -> g.ParserElement:
    """Lines of a queue, and its bits. Of kernels since 6.1 crash (up to 9.0) knows only the lines above
    ``ws``, and says so::

    depth = 136                    wake_batch = 8
    busy = 4                       wake_index = 0
    cleared = 26                   ws_active = 0
    bits_per_word = 32             ws = {
    map_nr = 5                             { .wait_cnt = 8, .wait = inactive },
    alloc_hint = {74, 36}          }

    00000000: 0000 0000 0000 0000 0030 0000 0000 0000
    00000010: 00
    """
    fields = g.InOrder(
        SbitmapQueue,
        (
            *_numbers("depth", "busy", "cleared", "bits_per_word", "map_nr"),
            (
                "alloc_hint",
                g.Row(
                    r"alloc_hint = \{(\d{1,10}(?:, \d{1,10})*+|)\}", _hints, "the line alloc_hint = {NUMBERS}"
                ),
            ),
            *_numbers("wake_batch", "wake_index", "ws_active"),
            ("ws", g.Terminal(_WAITS, "the lines ws = {WAIT QUEUES}", _waits)),
            *_numbers("round_robin", "min_shallow_depth"),
        ),
        optional=frozenset(SbitmapQueue.__struct_fields__) - {"depth", "busy", "bits_per_word", "map_nr"},
    )
    bits = g.Row(
        r"([0-9a-f]{8}+):((?: [0-9a-f]{4})*+(?: [0-9a-f]{2})?+)",
        lambda row: _Bits(row.start(), int(row[1], 16), row[2].replace(" ", "")),
        "a row of bits: OFFSET: BYTES",
    )
    return g.made(fields + g.Rows(bits, least=0), _with_bits)


def _numbers(*names: str) -> list[tuple[str, g.Row]]:
    return [
        (name, g.Row(rf"{name} = (-?\d{{1,20}}+)", lambda row: int(row[1]), f"the line {name} = NUMBER"))
        for name in names
    ]


def _hints(row: re.Match[str]) -> tuple[int, ...]:
    return tuple(map(int, filter(None, row[1].split(", "))))


_WAIT = r"\n[ \t]*+\{ \.wait_cnt = (\d{1,20}+), \.wait = (inactive|active) \},"
# The closing brace is missing where crash couldn't read a wait queue.
_WAITS = rf"ws = \{{(?:{_WAIT.replace('(', '(?:')}){{0,64}}+(?:\n\}})?+(?:\n|\Z)"


def _waits(found: re.Match[str]) -> tuple[WaitState, ...]:
    return tuple(WaitState(int(wait[1]), wait[2] == "active") for wait in re.finditer(_WAIT, found[0]))


class _Bits(NamedTuple):
    """A row of bits, and its offset in the text."""

    place: int
    offset: int
    bytes: str


def _with_bits(text: g.Text, _place: int, found: list[Any]) -> list[SbitmapQueue]:
    """The queue with its bits; a gap between their rows is refused."""
    queue, *rows = found
    size = 0
    taken: list[str] = []
    for row in rows:
        if row.offset != size:
            text.misfit(row.place, f"a row of bits at {row.offset:x} behind {size:x} bytes")
            continue
        taken.append(row.bytes)
        size += len(row.bytes) // 2
    return [replace(queue, bitmap="".join(taken))]


def _check_queue(source: Source, queues: list[SbitmapQueue]) -> list[SbitmapQueue]:
    """Mark missing lines: crash always prints them, or says why not."""
    for queue in queues if source.complete else ():
        lacking = [
            name for name in ("wake_batch", "wake_index", "min_shallow_depth") if getattr(queue, name) is None
        ]
        lacking += [name for name in ("alloc_hint", "ws") if not getattr(queue, name)]
        lacking += [] if len(queue.bitmap) // 2 == (queue.depth + 7) // 8 else ["all of its bits"]
        if lacking:
            source.note("partial", f"a sbitmap queue without {', '.join(lacking)}", incomplete=True)
    return queues


def _entries() -> g.ParserElement:
    """The index and address of each set bit; with ``-v`` its structure, or the members that were asked for,
    below::

    76: 0xc0000000671d5600               76 (0xc0000000671d5600):
    83: 0xc0000000671d6400               struct iscsi_cmd {
                                           dataout_timer_flags = 0,
                                         }
    """
    bit = g.Row(
        r"(\d{1,10}+)(?:: 0x([0-9a-f]{1,16}+)| \(0x([0-9a-f]{1,16}+)\):)",
        lambda row: _Bit(int(row[1]), int(row[2] or row[3], 16), row[2] is None),
        "the index and the address of a bit",
    )
    return g.Blocks(bit, g.Members(one=True), g.Structure(), make=_entry)


class _Bit(NamedTuple):
    """A set bit; ``verbose``: its structure must stand below it."""

    number: int
    address: int
    verbose: bool


def _entry(text: g.Text, place: int, bit: _Bit, below: list[Any]) -> SbitmapEntry:
    """An entry with the members in the lines below it."""
    members: dict[str, Any] = {}
    for part in below:
        named = part[1] if isinstance(part, tuple) else part
        if twice := members.keys() & named.keys():
            text.refuse(place, f"a member stands twice: {min(twice)}")
        members |= named
    if bool(members) != bit.verbose:
        reason = "has a structure below it" if members else "lacks its structure"
        text.note(place, "missing", f"the bit {bit.number} {reason}", incomplete=True, late=True)
    return SbitmapEntry(index=bit.number, address=bit.address, members=members if bit.verbose else None)


def _check_entries(source: Source, entries: list[SbitmapEntry]) -> list[SbitmapEntry]:
    """The entries; none, with a notice, where crash printed nothing."""
    if source.text.strip():
        return demand_records(source, entries, "no index and address of a bit")
    say_empty(source, "no bit is set")
    return entries


SHAPES = (
    Shape(
        name="queue",
        record=SbitmapQueue,
        grammar=_queue,
        finish=_check_queue,
        options="sbitmapq ADDRESS",
        when=lambda source: source.text.startswith("depth = "),
    ),
    Shape(
        name="entries",
        record=SbitmapEntry,
        grammar=_entries,
        finish=_check_entries,
        options="sbitmapq -s STRUCT[.MEMBER,...] -a ADDRESS [-p] [-v] ADDRESS",
        when=lambda source: (
            re.match(r"\d+(?:: 0x| \(0x)", source.text) is not None
            or (source.command.has("s") and not source.text.strip())
        ),
    ),
)
EXAMPLES = (
    "sbitmapq 0",
    *("sbitmapq {sbitmap}", "sbitmapq -s request -a {tags} {sbitmap}"),
    *(
        "sbitmapq -s request.tag,state -a {rqs} -p {sbitmap}",
        "sbitmapq -s request -a {rqs} -p -v {sbitmap}",
        "sbitmapq -x {sbitmap}",
        "sbitmapq -d {sbitmap}",
        "sbitmapq -s request.tag -a {rqs} -p -v -x {sbitmap}",
    ),
)
