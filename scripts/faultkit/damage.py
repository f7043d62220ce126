"""Ways in which a page can be wrong, each from a seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

Make = Callable[[bytes, Sequence[bytes], random.Random], bytes | None]


def _missing(_page: bytes, _others: Sequence[bytes], _dice: random.Random) -> None:
    return None


def _zeros(page: bytes, _others: Sequence[bytes], _dice: random.Random) -> bytes:
    return bytes(len(page))


def _ones(page: bytes, _others: Sequence[bytes], _dice: random.Random) -> bytes:
    return b"\xff" * len(page)


def _other(page: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    """What lies on another page that the report reads."""
    return dice.choice(others) if others else bytes(len(page))


def _flip(page: bytes, _others: Sequence[bytes], dice: random.Random) -> bytes:
    """One bit of one word that isn't zero: of a pointer, or of a count."""
    words = [at for at in range(0, len(page) - 7, 8) if any(page[at : at + 8])]
    if not words:
        return page
    at = dice.choice(words)
    (word,) = struct.unpack_from("<Q", page, at)
    return page[:at] + struct.pack("<Q", word ^ 1 << dice.randrange(64)) + page[at + 8 :]


KINDS: dict[str, Make] = {
    "missing": _missing,
    "zeros": _zeros,
    "ones": _ones,
    "other": _other,
    "flip": _flip,
}
"""``missing`` has to be noticed; of the others many can't be, and must lead to no traceback and no hang."""
