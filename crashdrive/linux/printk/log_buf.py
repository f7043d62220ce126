"""The log of kernels from 3.5 (7ff9554bb578) to 5.9: records of varying length in ``log_buf``.

A record is a ``struct printk_log`` (``struct log`` before 3.11), then text and dictionary. A record of length
0 says that the next one is at the beginning of the buffer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashdrive.errors import CorruptError
from crashdrive.linux.printk.message import Message, caller_name, decode, facility_name, level_name
from crashdrive.linux.survey import Fields
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

SYMBOL = "log_first_idx"
_KINDS = ("struct printk_log", "struct log")
_WANTED = {
    "ts_nsec": ("ts_nsec",),
    "len": ("len",),
    "text_len": ("text_len",),
    "dict_len": ("dict_len",),
    "facility": ("facility",),
    "level": ("level",),
    # 15ff2069cb7f (5.1), an option of its own
    "caller_id": ("caller_id",),
}
_LARGEST = 1 << 31
_REQUIRED = ("ts_nsec", "len", "text_len", "level")


def messages(survey: Survey) -> Iterator[Message]:
    """All messages, the oldest first, up to a missing or damaged one, which is noted."""
    kernel = survey.kernel
    kind = next((kind for kind in _KINDS if kernel.has_type(kind)), _KINDS[0])
    fields = Fields(kernel, kind, _WANTED, _REQUIRED)
    sequence = kernel.symbol_as("log_first_seq", "unsigned long long").value_()
    addresses = _addresses(survey, kernel.offset(kind, "len"), kernel.sizeof(kind))
    rows = survey.addressed(fields, addresses, "the log")
    header = kernel.sizeof(kind)
    memory = kernel.gather([(address + header, row["text_len"]) for address, row in rows if row["text_len"]])
    lost = 0
    for number, (address, row) in enumerate(rows, sequence):
        if None in (row["ts_nsec"], row["text_len"], row["level"]):
            continue
        raw = memory.get(address + header, row["text_len"]) if row["text_len"] else b""
        lost += raw is None
        caller = row["caller_id"]
        yield Message(
            sequence=number, timestamp=row["ts_nsec"] / 1e9, level=level_name(row["level"]),
            facility=facility_name(row["facility"] or 0),
            caller=None if caller is None else caller_name(caller),
            subsystem=None, device=None, text=None if raw is None else decode(raw),
        )  # fmt: skip
    if lost:
        survey.miss([Notice(kind="lost", message=f"the log: the text of {lost} messages is lost")])


def _addresses(survey: Survey, length_at: int, header: int) -> list[int]:
    """Addresses of the records."""
    kernel = survey.kernel
    buffer = kernel.read_pointer(kernel.symbols.address("log_buf"))
    size, first, end = (
        int(kernel.symbol_as(name, "unsigned int"))
        for name in ("log_buf_len", "log_first_idx", "log_next_idx")
    )
    if not (header <= size < _LARGEST and first < size and end <= size):
        raise CorruptError(f"a log of {size} bytes from {first} to {end} is impossible", buffer)
    memory = kernel.gather([(buffer, size)])
    found: list[int] = []
    at, wrapped = first, first <= end
    while at != end:
        raw = memory.get(buffer + at + length_at, 2)
        length = None if raw is None else int.from_bytes(raw, "little" if kernel.order == "<" else "big")
        if length == 0 and not wrapped:
            at, wrapped = 0, True
            continue
        if length is None or length < header or at + length > size or (wrapped and at + length > end):
            said = "lies in a hole" if length is None else f"has {length} bytes"
            survey.miss(
                [Notice(kind="damaged", message=f"the log ends early: the record at {buffer + at:#x} {said}")]
            )
            break
        found.append(buffer + at)
        at += length
    return found
