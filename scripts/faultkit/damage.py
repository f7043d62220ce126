"""Ways in which a page can be wrong, each from a seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Container, Sequence
from typing import NamedTuple

from crashdrive.kernel.pages import PAGE_SHIFT


class Page(NamedTuple):
    """A page's bytes, with some of ``others`` that are read too, and the numbers of all ``known`` ones."""

    data: bytes
    others: Sequence[bytes]
    known: Container[int]


Make = Callable[[Page, random.Random], bytes | None]


def _missing(_page: Page, _dice: random.Random) -> None:
    return None


def _zeros(page: Page, _dice: random.Random) -> bytes:
    return bytes(len(page.data))


def _ones(page: Page, _dice: random.Random) -> bytes:
    return b"\xff" * len(page.data)


def _other(page: Page, dice: random.Random) -> bytes:
    """What lies on another page that the report reads."""
    return dice.choice(page.others) if page.others else bytes(len(page.data))


def _flip(page: Page, dice: random.Random) -> bytes:
    """One bit of one word that isn't zero."""
    return _flipped(page.data, [at for at, word in _words(page.data, "Q") if word], 8, dice)


def _pointer(page: Page, dice: random.Random) -> bytes:
    """One bit of a pointer to a page that is read."""
    places = [at for at, word in _words(page.data, "Q") if word >> PAGE_SHIFT in page.known]
    return _flipped(page.data, places, 8, dice)


def _count(page: Page, dice: random.Random) -> bytes:
    """One bit of a small number: a count, a state, an index."""
    return _flipped(page.data, [at for at, word in _words(page.data, "I") if 0 < word < 1 << 12], 4, dice)


def _words(data: bytes, code: str) -> Sequence[tuple[int, int]]:
    size = struct.calcsize(code)
    words = struct.unpack(f"<{len(data) // size}{code}", data[: len(data) // size * size])
    return list(zip(range(0, len(data), size), words, strict=False))


def _flipped(data: bytes, places: Sequence[int], size: int, dice: random.Random) -> bytes:
    if not places:
        return data
    at = dice.choice(places)
    word = int.from_bytes(data[at : at + size], "little") ^ 1 << dice.randrange(8 * size)
    return data[:at] + word.to_bytes(size, "little") + data[at + size :]


KINDS: dict[str, Make] = {
    "missing": _missing,
    "zeros": _zeros,
    "ones": _ones,
    "other": _other,
    "flip": _flip,
    "pointer": _pointer,
    "count": _count,
}
"""``missing`` has to be noticed; of the others many can't be: see `support`."""
