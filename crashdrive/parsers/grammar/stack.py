"""Parts of a stack trace: frames, and a stack's words as ``bt -f``, ``-F`` and ``-r`` show them.

Source in crash: ``format_stack_entry()`` (kernel.c).
"""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.parsers.grammar.register_values import ExceptionFrame
from crashdrive.records import Address, Bits, Record


class StackWord(Record, frozen=True, kw_only=True):
    """A word on the stack, at ``address``.

    ``value`` is None where crash shows a symbol (``symbol``, ``offset``) or a slab cache in its place.
    """

    address: Address
    value: Bits | None = None
    symbol: str | None = None
    offset: int | None = None
    slab: str | None = None


class Frame(Record, frozen=True, kw_only=True):
    """A stack frame, or (``level`` None) a text address found on the stack.

    ``sp``: the frame's stack address (None on arm, where crash doesn't show it). ``address``: the text
    address; ``function``: its symbol; ``offset``: the distance from the symbol (``bt -s`` only); ``module``:
    the function's module. ``via``: the function that crash found behind a jump. ``return_address``: the
    caller (arm), the link register (ppc). ``marker``: crash's line between two stacks, right above this frame
    (``IRQ stack``, ``NMI exception stack``). ``unreliable``: crash doubts the frame. ``file`` and ``line``:
    with ``-l``. ``arguments``: of 2.4 kernels. ``bounds`` (crash's RA, SP, FP, SIZE in lower case) and
    ``data``: with ``-f`` and ``-F``. ``exception``: the registers below the frame.
    """

    level: int | None
    sp: Address | None
    function: str
    offset: int | None = None
    address: Address
    module: str | None = None
    via: str | None = None
    return_address: Address | None = None
    marker: str | None = None
    unreliable: bool = False
    file: str | None = None
    line: int | None = None
    arguments: tuple[str, ...] | None = None
    bounds: dict[str, Address] | None = None
    data: tuple[StackWord, ...] | None = None
    exception: ExceptionFrame | None = None


_TOKEN = expression(r"\[(?:([0-9a-f]{8,16}):)?([^\]\n]{1,200})\]|([^\s\[]\S{0,300})", re.ASCII)
_PLAIN = expression(r" *+(?:[0-9a-f]{8}(?:[0-9a-f]{8})?+(?: ++|\Z))++")
_WORD = expression(r"[0-9a-f]{8}(?:[0-9a-f]{8})?")
_SYMBOL = expression(r"([A-Za-z_.$][\w.$]{0,250}?)(?:\+(0x[0-9a-f]{1,16}|\d{1,12}))?", re.ASCII)


def read_words(address: int, text: str, size: int) -> list[StackWord]:
    """The words in a row's text, of ``size`` bytes each from ``address`` on; empty for any other text."""
    if _PLAIN.fullmatch(text):
        return [
            StackWord(address=address + size * place, value=int(word, 16))
            for place, word in enumerate(text.split())
        ]
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
