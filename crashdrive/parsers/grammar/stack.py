"""Words of a stack as ``bt -f``, ``-F`` and ``-r`` show them.

Source in crash: ``format_stack_entry()`` (kernel.c).
"""

from __future__ import annotations

import re

from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.records import Record


class StackWord(Record, frozen=True, kw_only=True):
    """A word on the stack, at ``address``.

    ``value`` is None where crash shows a symbol (``symbol``, ``offset``) or a slab cache in its place.
    """

    address: int
    value: int | None = None
    symbol: str | None = None
    offset: int | None = None
    slab: str | None = None


_TOKEN = re.compile(r"\[(?:([0-9a-f]{8,16}):)?([^\]\n]{1,200})\]|([^\s\[]\S{0,300})")
_WORD = re.compile(r"[0-9a-f]{8}(?:[0-9a-f]{8})?")
_SYMBOL = re.compile(r"([A-Za-z_.$][\w.$]{0,250}?)(?:\+(0x[0-9a-f]{1,16}|\d{1,12}))?")


def read_words(address: int, text: str, size: int) -> list[StackWord]:
    """Words of ``size`` bytes from ``address`` on; an empty list when something else stands there."""
    words: list[StackWord] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        if text[position] == " ":
            position += 1
            continue
        found = _TOKEN.match(text, position)
        word = found and _word(address + size * len(words), found)
        if not found or word is None:
            return []
        words.append(word)
        position = found.end()
    return words


def _word(address: int, found: re.Match[str]) -> StackWord | None:
    value, slab, plain = found.groups()
    if slab is not None:
        return StackWord(address=address, value=int(value, 16) if value else None, slab=slab)
    if _WORD.fullmatch(plain):
        return StackWord(address=address, value=int(plain, 16))
    symbol = _SYMBOL.fullmatch(plain)
    return symbol and StackWord(
        address=address, symbol=symbol[1], offset=plain_number(symbol[2]) if symbol[2] else None
    )
