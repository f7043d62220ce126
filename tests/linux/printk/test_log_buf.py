"""Records of the log before 5.10, which go around the end of their buffer."""

from __future__ import annotations

import struct

from crashdrive.kernel.types.model import IntType, Type
from crashdrive.linux.printk.messages import messages
from tests.kernel.fake_memory import U8, UINT, ULONG, FakeMemory, fake_kernel, record

U16 = IntType("unsigned short", 2, signed=False)
TYPES: dict[str, Type] = {
    "struct printk_log": record(
        "printk_log", ("ts_nsec", ULONG), ("len", U16), ("text_len", U16), ("dict_len", U16),
        ("facility", U8), ("level", U8),
    ),
    "unsigned long long": IntType("unsigned long long", 8, signed=False),
}  # fmt: skip
SIZE = 128


def put(memory: FakeMemory, address: int, text: bytes, level: int = 6) -> int:
    """A record; gives its length."""
    length = -(-(16 + len(text)) // 8) * 8
    memory.write(address, struct.pack("<QHHHBB", 2 * 10**9, length, len(text), 0, 1, level) + text)
    return length


def log(*, damage: int | None = None) -> tuple[list[tuple[int, str | None]], bool]:
    """A log whose third record didn't fit before the end."""
    memory = FakeMemory()
    buffer = memory.allocate(SIZE)
    first = 64
    at = first + put(memory, buffer + first, b"first")
    put(memory, buffer + at, b"second")
    end = put(memory, buffer, b"third")
    if damage is not None:
        memory.write(buffer + at + 8, struct.pack("<H", damage))
    values = {"log_buf": buffer, "log_first_seq": 7}
    numbers = {"log_buf_len": SIZE, "log_first_idx": first, "log_next_idx": end}
    symbols = {}
    for name, value in {**values, **numbers}.items():
        symbols[name] = memory.allocate(8)
        memory.write(symbols[name], value.to_bytes(8, "little"))
    found = messages(fake_kernel(memory, {**TYPES, "unsigned int": UINT}, symbols))
    assert {(m.timestamp, m.level, m.facility, m.caller) for m in found} <= {(2.0, "info", "user", None)}
    return [(m.sequence, m.text) for m in found], found.complete


def test_records_around_the_end() -> None:
    assert log() == ([(7, "first"), (8, "second"), (9, "third")], True)


def test_a_damaged_length_ends_the_log_with_a_mark() -> None:
    assert log(damage=4) == ([(7, "first")], False)
    assert log(damage=4096) == ([(7, "first")], False)
