"""Memory in hexadecimal: words that may be addresses lead on, what the dump lacks says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.errors import UsageError
from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.places import place_of
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.linux.kernel import Kernel

MOST = 4096
"""Bytes of a page, at most."""
_LINE = 16
_KERNEL_HALF = 1 << 63


class Word(NamedTuple):
    """A pointer-sized word: its digits, where it leads, the symbol that it is."""

    text: str
    link: str | None
    symbol: str | None


class Line(NamedTuple):
    """Sixteen bytes; ``missing``: why the dump hasn't got them."""

    address: int
    words: list[Word]
    characters: str
    missing: str | None


class Dumped(NamedTuple):
    """The lines, and what lies at the first."""

    lines: list[Line]
    place: str | None


def page(asked: Asked, desk: Desk) -> Reply:
    """``bytes?address=ffff...&size=256``; without an address the form alone."""
    if not asked.text("address"):
        return exchange.page("serve_bytes.html", asked, title="Bytes", found=None, address="", at=0, size=256)
    at, size = asked.address("address"), asked.number("size", 256)
    if not 0 < size <= MOST or at + size > 1 << 64:
        raise UsageError(f"size {size}: 1 to {MOST} bytes at a time, below the end of memory")

    def look(crash: Crash) -> Dumped:
        return Dumped(_lines(asked, crash.kernel, at, size), place_of(crash.kernel, at))

    found = desk.ask(f"bytes {at:x} {size}", f"{size} bytes at {at:x}", look, short=True)
    return exchange.page(
        "serve_bytes.html", asked, title=f"{size} bytes at {at:x}", found=found, address=f"{at:x}", at=at,
        size=size,
    )  # fmt: skip


def _lines(asked: Asked, kernel: Kernel, at: int, size: int) -> list[Line]:
    """A line at a time; one that is missing in part is missing."""
    places = [(start, min(_LINE, at + size - start)) for start in range(at, at + size, _LINE)]
    read = kernel.gather([(at, size)])
    found = []
    for start, length in places:
        held = read.get(start, length)
        if held is None:
            hole = read.hole(start, length)
            found.append(Line(start, [], "", printable(hole.reason) if hole else "not in the dump"))
        else:
            characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in held)
            found.append(Line(start, _words(asked, kernel, held), characters, None))
    return found


def _words(asked: Asked, kernel: Kernel, held: bytes) -> list[Word]:
    size, found = kernel.pointer_size, []
    order = "little" if kernel.byte_order == "little" else "big"
    for start in range(0, len(held), size):
        part = held[start : start + size]
        value = int.from_bytes(part, order)  # type: ignore[arg-type]  # one of two
        if len(part) < size:
            found.append(Word(part.hex(" "), None, None))
            continue
        is_address = size == 8 and _KERNEL_HALF <= value < (1 << 64) - 4096
        symbol = place_of(kernel, value) if is_address else None
        link = asked.link("bytes", address=f"{value:x}") if is_address else None
        found.append(Word(f"{value:0{2 * size}x}", link, symbol))
    return found
