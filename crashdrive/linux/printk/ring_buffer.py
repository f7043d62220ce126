"""The log of kernels since 5.10 (896fbe20b4e2): ``struct printk_ringbuffer`` (printk_ringbuffer.c).

Each message has a descriptor in a ring: a word with its state and number, and the position of its text in a
second ring. A text that doesn't fit before the end of that ring is at its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.errors import CorruptError
from crashdrive.linux.printk.message import Message, caller_name, decode, facility_name, level_name
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

SYMBOL = "prb"
_RING = "struct printk_ringbuffer"
_DESCRIPTOR = "struct prb_desc"
_INFO = "struct printk_info"
# CONFIG_LOG_BUF_SHIFT and log_buf_len= end at 2 GB; a descriptor is for 32 bytes
_MOST_BITS = 31
_COMMITTED, _FINALIZED, _REUSABLE = 1, 2, 3
# an odd begin marks a block without text: 1 (FAILED_LPOS) for a lost text, 3 (NO_LPOS) for an empty line
_NONE = 3
_DESCRIPTOR_FIELDS = ("state_var.counter", "text_blk_lpos.begin", "text_blk_lpos.next")
_INFO_FIELDS = (
    "seq", "ts_nsec", "text_len", "facility", "level", "caller_id", "dev_info.subsystem", "dev_info.device",
)  # fmt: skip


class _Used(NamedTuple):
    """A descriptor in use: its index in the ring, the positions of its text's block and of the next block."""

    slot: int
    begin: int
    following: int


class _Texts(NamedTuple):
    """The ring of texts: its address, its size in bytes, the size of the word before each text."""

    address: int
    size: int
    word: int

    def place(self, begin: int, following: int, length: int) -> tuple[int, int] | None:
        """(address, size) of a block's text; None where it has none, or where its positions are damaged."""
        if begin & 1 or following & 1:
            return None
        if begin // self.size == (following - 1) // self.size:
            start, end = begin % self.size, (following - 1) % self.size + 1
        else:
            start, end = 0, following % self.size
        start += self.word
        return (self.address + start, length) if length <= end - start else None


def messages(survey: Survey) -> Iterator[Message]:
    """All messages, the oldest first; one that a CPU was still writing is noted, and left out."""
    kernel = survey.kernel
    ring = kernel.read_pointer(kernel.symbols.address(SYMBOL))
    names = (
        "desc_ring.count_bits", "desc_ring.descs", "desc_ring.infos", "desc_ring.head_id.counter",
        "desc_ring.tail_id.counter", "text_data_ring.size_bits", "text_data_ring.data",
    )  # fmt: skip
    found = kernel.read_many(_RING, [ring], names).check()
    bits, descriptors, infos, head, tail, text_bits, data = (int(column[0]) for column in found.columns)
    if not (0 < bits <= _MOST_BITS and 0 < text_bits <= _MOST_BITS):
        raise CorruptError(f"a log of 2^{bits} messages in 2^{text_bits} bytes is impossible", ring)
    texts = _Texts(data, 1 << text_bits, kernel.pointer_size)
    used = _used(survey, _ids(kernel, head, tail, bits), descriptors, bits)
    places = [infos + at * kernel.sizeof(_INFO) for at, *_ in used]
    rows = survey.gaps(kernel.read_many(_INFO, places, _INFO_FIELDS), "the log")
    yield from _told(
        survey, texts, [(use, row) for use, row in zip(used, rows, strict=True) if None not in row]
    )


def _told(survey: Survey, texts: _Texts, rows: Sequence[tuple[_Used, Sequence[Any]]]) -> Iterator[Message]:
    """The messages of descriptors; lost ones are noted once."""
    places = [texts.place(use.begin, use.following, row[2]) for use, row in rows]
    memory = survey.kernel.gather([place for place in places if place and place[1]])
    lost = 0
    for (use, row), place in zip(rows, places, strict=True):
        text = None if use.begin != _NONE else ""
        if place:
            raw = memory.get(*place) if place[1] else b""
            text = None if raw is None else decode(raw)
        lost += text is None
        yield _message(row, text)
    if lost:
        survey.miss([Notice(kind="lost", message=f"the log: the text of {lost} messages is lost")])


def _ids(kernel: Machine, head: int, tail: int, bits: int) -> range:
    """Numbers of the descriptors in use, the oldest first; numbers have two bits less than a word."""
    mask = (1 << (8 * kernel.pointer_size - 2)) - 1
    first, count = tail & mask, ((head - tail) & mask) + 1
    if count > 1 << bits:
        raise CorruptError(f"a log with {count} messages in use, of {1 << bits}", 0)
    return range(first, first + count)


def _used(survey: Survey, ids: Sequence[int], descriptors: int, bits: int) -> list[_Used]:
    """Descriptors of finished messages."""
    kernel = survey.kernel
    shift = 8 * kernel.pointer_size - 2
    mask, word = (1 << shift) - 1, (1 << 8 * kernel.pointer_size) - 1
    slots = [number & ((1 << bits) - 1) for number in ids]
    size = kernel.sizeof(_DESCRIPTOR)
    rows = kernel.read_many(_DESCRIPTOR, [descriptors + at * size for at in slots], _DESCRIPTOR_FIELDS)
    used, unfinished = [], 0
    for number, slot, (state, begin, following) in zip(ids, slots, survey.gaps(rows, "the log"), strict=True):
        if None in (state, begin, following):
            continue
        stage, mine = (state & word) >> shift, state & mask == number & mask
        if mine and stage in (_COMMITTED, _FINALIZED):
            used.append(_Used(slot, begin, following))
        elif not (mine and stage == _REUSABLE):
            unfinished += 1
    if unfinished:
        note = f"the log: {unfinished} messages were being written, or are damaged"
        survey.miss([Notice(kind="unfinished", message=note)], complete=True)
    return used


def _message(row: Sequence[Any], text: str | None) -> Message:
    sequence, nanoseconds, _, facility, level, caller, subsystem, device = row
    return Message(
        sequence=sequence, timestamp=nanoseconds / 1e9, level=level_name(level),
        facility=facility_name(facility), caller=caller_name(caller),
        subsystem=subsystem or None, device=device or None, text=text,
    )  # fmt: skip
