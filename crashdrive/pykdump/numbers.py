"""Numbers out of bytes, as PyKdump's C functions make them."""

from __future__ import annotations

from typing import Any

from crashdrive.pykdump.faults import CrashError

_SIZES = frozenset({1, 2, 4, 8})


def mem2long(bytestr: bytes, signed: int = 0, array: int = 0, *, order: Any = "little") -> Any:
    """A number of 1, 2, 4 or 8 bytes; with ``array`` above 1 a list of so many."""
    count = int(array)
    if count <= 1:
        return _number(bytestr, bool(signed), order)
    size, rest = divmod(len(bytestr), count)
    if rest:
        raise CrashError("bad size")
    return [_number(bytestr[at : at + size], bool(signed), order) for at in range(0, len(bytestr), size or 1)]


def _number(raw: bytes, signed: bool, order: Any) -> int:  # noqa: FBT001 - called here alone
    if len(raw) not in _SIZES:
        raise CrashError("bad size")
    return int.from_bytes(raw, order, signed=signed)


def signed_long(value: int) -> int:
    """The bits of an unsigned long as a long."""
    number = int(value) & ((1 << 64) - 1)
    return number - (1 << 64) if number >> 63 else number


def le32_to_cpu(value: int, *, order: Any = "little") -> int:
    """A 32-bit number out of little-endian order; ``order`` is the machine's."""
    return _swapped(value, 4, order)


def le16_to_cpu(value: int, *, order: Any = "little") -> int:
    """A 16-bit number out of little-endian order."""
    return _swapped(value, 2, order)


def _swapped(value: int, size: int, order: Any) -> int:
    raw = (int(value) & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return int.from_bytes(raw, order)


def is_in_set(number: int, bits: bytes) -> int:
    """``FD_ISSET``: whether a descriptor's bit is set in a set of them."""
    at, bit = divmod(int(number), 8)
    return int(0 <= at < len(bits) and bits[at] >> bit & 1)
