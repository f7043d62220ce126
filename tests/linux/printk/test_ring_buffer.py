"""The log's ring of descriptors and its ring of texts, also where blocks go around the end."""

from __future__ import annotations

import struct

import pytest

from crashdrive.kernel.types.model import ArrayType, IntType, Type
from crashdrive.linux.printk.messages import messages
from tests.kernel.fake_memory import (
    CHAR,
    LONG,
    PAGE,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    pointer,
    record,
)

U16 = IntType("unsigned short", 2, signed=False)
COUNTER = record("atomic_long_t", ("counter", LONG))
LPOS = record("prb_data_blk_lpos", ("begin", ULONG), ("next", ULONG))
DEVICE = record("dev_printk_info", ("subsystem", ArrayType(CHAR, 16)), ("device", ArrayType(CHAR, 48)))
TYPES: dict[str, Type] = {
    "struct printk_ringbuffer": record(
        "printk_ringbuffer",
        (
            "desc_ring",
            record(
                "prb_desc_ring", ("count_bits", UINT), ("descs", pointer("struct prb_desc")),
                ("infos", pointer("struct printk_info")), ("head_id", COUNTER), ("tail_id", COUNTER),
            ),
        ),
        ("text_data_ring", record("prb_data_ring", ("size_bits", UINT), ("data", pointer(CHAR)))),
    ),
    "struct prb_desc": record("prb_desc", ("state_var", COUNTER), ("text_blk_lpos", LPOS)),
    "struct printk_info": record(
        "printk_info", ("seq", ULONG), ("ts_nsec", ULONG), ("text_len", U16), ("facility", U8), ("level", U8),
        ("caller_id", UINT),
        ("dev_info", DEVICE),
    ),
}  # fmt: skip
BITS, TEXT_BITS = 2, 6
REUSABLE, FINALIZED, RESERVED = 3, 2, 0


class Log:
    """A log with room for four messages and 64 bytes of text."""

    def __init__(self, first: int) -> None:
        self.memory = FakeMemory()
        self.descriptors = self.memory.allocate(24 << BITS)
        self.infos = self.memory.allocate(88 << BITS)
        self.text = self.memory.allocate(PAGE, PAGE)
        self.ring = self.memory.allocate(64)
        self.first = self.last = first

    def put(self, begin: int, text: bytes | None, *, state: int = FINALIZED, level: int = 4) -> None:
        """A message whose block begins there; without a text an empty line."""
        number, self.last = self.last, self.last + 1
        slot = number % (1 << BITS)
        following = 3
        if text is not None:
            size = 8 + -(-len(text) // 8) * 8
            place, following = begin % 64 + 8, begin + size
            if begin % 64 + size > 64:
                place, following = 8, (begin // 64 + 1) * 64 + size
            self.memory.write(self.text + place, text)
        word = (state << 62) | (number & ((1 << 62) - 1))
        self.memory.word(self.descriptors + 24 * slot, word, 3 if text is None else begin, following)
        info = struct.pack("<QQHBBI", number, number * 10**9, len(text or b""), 0, level, 0x8000_0001)
        self.memory.write(self.infos + 88 * slot, info)

    def read(self) -> tuple[list[tuple[int, str | None]], bool, list[str]]:
        """(sequence, text), whether complete, kinds of notices."""
        ring = struct.pack(
            "<I4xQQqqI4xQ",
            BITS,
            self.descriptors,
            self.infos,
            self.last - 1,
            self.first,
            TEXT_BITS,
            self.text,
        )
        self.memory.write(self.ring, ring)
        symbol = self.memory.allocate(8)
        self.memory.word(symbol, self.ring)
        found = messages(fake_kernel(self.memory, TYPES, {"prb": symbol}))
        return [(m.sequence, m.text) for m in found], found.complete, [n.kind for n in found.notices]


def test_messages_in_their_order_also_around_the_end() -> None:
    log = Log(first=5)
    log.put(32, b"one")
    log.put(48, b"goes around")
    log.put(0, None)
    log.put(64 + 24, b"last")
    assert log.read() == ([(5, "one"), (6, "goes around"), (7, ""), (8, "last")], True, [])


def test_what_was_being_written_is_noted_and_what_can_be_reused_is_not() -> None:
    log = Log(first=0)
    log.put(0, b"old", state=REUSABLE)
    log.put(16, b"told")
    log.put(32, b"half", state=RESERVED)
    assert log.read() == ([(1, "told")], True, ["unfinished"])


def test_a_block_that_is_too_short_has_lost_its_text() -> None:
    log = Log(first=0)
    log.put(0, b"text")
    log.memory.write(log.infos + 16, struct.pack("<H", 9))
    assert log.read() == ([(0, None)], False, ["lost"])


def test_a_hole_in_the_text_leaves_the_rest() -> None:
    log = Log(first=0)
    log.put(0, b"text")
    log.put(0, None)
    log.memory.holes[log.text // PAGE] = "excluded"
    rows, complete, kinds = log.read()
    assert (rows, complete, kinds) == ([(0, None), (1, "")], False, ["lost"])


@pytest.mark.parametrize("tail", [-100, 9])
def test_ids_that_cannot_be(tail: int) -> None:
    log = Log(first=0)
    log.put(0, b"text")
    log.first = tail
    assert log.read() == ([], False, ["damaged"])
