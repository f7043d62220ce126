"""Resizable hash tables: ``struct rhashtable``, also while they are resized and where they are nested.

Sources: include/linux/rhashtable.h, lib/rhashtable.c. Buckets are heads of single lists that end in an odd
mark. Where heads are ``struct rhash_lock_head`` (8f0db018006a, 5.2) their lowest bit is a lock, and empty
ones are NULL. A table that found no memory in one piece is nested (da20420f83ea, 4.11): pages of pointers to
pages.
"""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.space import Space
from crashdrive.kernel.structures.walk import Chains, Problem, Walk, walk

_TABLE = "struct bucket_table"
# as many buckets as no kernel has; more is damage
_MOST_BUCKETS = 1 << 26
_MOST_TABLES = 16
# what no pointer is
_NEVER = -1


def rhashtable(kernel: Space, table: int, offset: int = 0) -> Walk:
    """Containers of the ``struct rhash_head`` at ``offset``; ``table``: a ``struct rhashtable``'s ``tbl``.

    While a table is resized, both are walked: what has moved is in the new one alone.
    """
    window = kernel.window()
    nested = kernel.first_path(_TABLE, ["nest"])
    fields = [name for name in ("size", nested, "future_tbl") if name]
    problems: list[Problem] = []
    heads: list[int] = []
    seen: set[int] = set()
    while table and table not in seen and len(seen) < _MOST_TABLES:
        seen.add(table)
        columns = kernel.read_many(_TABLE, [table], fields, window=window)
        size, nest, future = (columns[name][0] if name else 0 for name in ("size", nested, "future_tbl"))
        if columns.gaps or not 0 < size <= _MOST_BUCKETS:
            problems.append(_odd_table(table, columns.gaps[0].reason if columns.gaps else f"{size} buckets"))
            break
        first = table + kernel.offset(_TABLE, "buckets")
        heads += (
            _nested(window, kernel.page_size, first, size, nest, problems)
            if nest
            else range(first, first + size * kernel.pointer_size, kernel.pointer_size)
        )
        table = future
    return _chains(window, heads, offset, problems, locks=kernel.has_type("struct rhash_lock_head"))


def _odd_table(table: int, what: str) -> Problem:
    message = f"the hash table at {table:#x} can't be read: {what}"
    return Problem(kind="hole", address=table, message=message)


def _nested(
    window: Window, page: int, first: int, size: int, nest: int, problems: list[Problem]
) -> list[int]:
    """Addresses of the buckets of a nested table; pages that aren't there hold none."""
    width, wide = window.pointer_size, page // window.pointer_size
    pointer = window.words([first])[0]
    if pointer is None:
        problems.append(_odd_table(first, "not in the dump"))
    if not pointer or not 0 < 1 << nest <= size:
        return []
    tables = [pointer]
    count, size = 1 << nest, size >> nest
    while True:
        places = [place for table in tables for place in range(table, table + count * width, width)]
        words = window.words(places)
        lost = [place for place, word in zip(places, words, strict=True) if word is None]
        problems += [_odd_table(place, "not in the dump") for place in lost]
        tables = [word for word in words if word]
        if size <= wide:
            return [place for table in tables for place in range(table, table + size * width, width)]
        count, size = wide, size // wide


def _chains(
    window: Window, heads: Sequence[int], offset: int, problems: list[Problem], *, locks: bool
) -> Walk:
    # no chain ends in NULL: one that seems to is damaged
    chains = Chains(window, [_NEVER] * len(heads), nulls=True)
    firsts: list[tuple[int, int]] = []
    for number, (head, word) in enumerate(zip(heads, window.words(heads), strict=True)):
        if word is None:
            problems.append(Problem(kind="hole", address=head, message=f"head {head:#x} is not in the dump"))
        # with locks a mark is the head's own address, and anything else odd a chain that is being changed
        elif not word & 1 or (locks and word & ~1 not in (0, head)):
            firsts += [(word & ~1, number)] if word else []
    chains.follow(firsts)
    return walk([node - offset for node in chains.nodes()], [*problems, *chains.problems])
