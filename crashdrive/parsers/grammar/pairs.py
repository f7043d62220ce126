"""Lines of ``NUMBER: NUMBER``, as ``btop`` and ``ptob`` print them.

Source in crash: ``cmd_btop()``, ``cmd_ptob()`` (memory.c).
"""

from __future__ import annotations

import re

from crashdrive.parsers.base import Source

_PAIR = re.compile(r"([0-9a-f]{1,16}): ([0-9a-f]{1,16})[ ]*")
_ERROR = re.compile(r"[\w-]+: (?:invalid|malformed|not a|cannot|too)[^\n]*")


_PAGE_SHIFTS = range(12, 17)  # pages of 4 kB to 64 kB
_MOST = (1 << 64) - 1


def read_pairs(source: Source, *, pages_first: bool) -> list[tuple[int, int]]:
    """All pairs of an address and its page, or of a page and its address.

    An error about one of several arguments is kept as a notice. ParseError where no page size makes the
    numbers fit. The address of a page beyond 64 bits is what crash's arithmetic leaves of it: marked.
    """
    found: list[tuple[int, int]] = []
    for offset, line in source.lines():
        if match := _PAIR.fullmatch(line):
            found.append((int(match[1], 16), int(match[2], 16)))
        elif found and _ERROR.fullmatch(line):
            source.note("error", line, line=source.position(offset)[0], text=line, incomplete=True)
        else:
            source.reject(offset, "no pair of numbers")
    if not found and not source.warnings:
        source.fail(0, "no pair of numbers")
    shifts = [shift for shift in _PAGE_SHIFTS if _fits(found, shift, pages_first=pages_first)]
    if not shifts:
        source.fail(0, "no pages and addresses")
    beyond = [page for page, _ in found if page << shifts[0] > _MOST] if pages_first else []
    if beyond:
        message = f"page {beyond[0]:x} has no address of 64 bits; crash shows the lower ones"
        source.note("overflow", message, incomplete=True)
    return found


def _fits(pairs: list[tuple[int, int]], shift: int, *, pages_first: bool) -> bool:
    if pages_first:
        return all(page << shift & _MOST == address for page, address in pairs)
    return all(address >> shift == page for address, page in pairs)
