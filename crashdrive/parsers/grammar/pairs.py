"""Lines of ``NUMBER: NUMBER``, as ``btop`` and ``ptob`` print them: an address and its page, or a page first.

Source in crash: ``cmd_btop()``, ``cmd_ptob()`` (memory.c).
"""

from __future__ import annotations

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.answers import demand_records

Pair = tuple[int, int]

_PAGE_SHIFTS = range(12, 17)  # pages of 4 kB to 64 kB
_MOST = (1 << 64) - 1


def pairs() -> g.ParserElement:
    """A line for each argument, or crash's error about it::

    512a000: 512a
    """
    row = g.Row(
        r"([0-9a-f]{1,16}+): ([0-9a-f]{1,16}+)",
        lambda found: (int(found[1], 16), int(found[2], 16)),
        "a pair of numbers: NUMBER: NUMBER",
    )
    error = g.Remark(r"[\w-]{1,64}+: (?:invalid|malformed|not a|cannot|too)[^\n]*+", "error")
    return g.Rows(row, between=error, least=0)


def check_pairs(source: Source, found: list[Pair], *, pages_first: bool) -> list[Pair]:
    """The pairs; ParseError where no page size makes the numbers fit, or where an error comes first.

    crash's arithmetic wraps around for addresses beyond 64 bits: such an answer is marked.
    """
    demand_records(source, found, "no pair of numbers")
    if any(notice.kind == "error" and notice.line == 1 for notice in source.warnings):
        source.fail(0, "no pair of numbers")
    shifts = [shift for shift in _PAGE_SHIFTS if _fits(found, shift, pages_first=pages_first)]
    if not shifts:
        source.fail(0, "no pages and addresses")
    beyond = [page for page, _ in found if page << shifts[0] > _MOST] if pages_first else []
    if beyond:
        message = f"page {beyond[0]:x} has no address of 64 bits; crash shows the lower ones"
        source.note("overflow", message, incomplete=True)
    return found


def _fits(found: list[Pair], shift: int, *, pages_first: bool) -> bool:
    if pages_first:
        return all(page << shift & _MOST == address for page, address in found)
    return all(address >> shift == page for address, page in found)
