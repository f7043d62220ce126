"""Columns side by side, fast: 40,000 rows in a fraction of a second.

Works column by column, so that the cost per cell is one padded string; rich takes seconds for the same.
"""

from __future__ import annotations

from collections.abc import Sequence

GAP = "  "
_SMALLEST = 20  # texts are not cut below this


def cell_len(text: str) -> int:
    """How many terminal cells a text takes (rich knows the wide characters)."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len as wide_len

    return wide_len(text)


def widths(names: Sequence[str], columns: Sequence[Sequence[str]]) -> list[int]:
    """The width that each column needs, in terminal cells."""
    return [max(cell_len(name), _widest(column)) for name, column in zip(names, columns, strict=True)]


def _widest(column: Sequence[str]) -> int:
    if "".join(column).isascii():
        return max(map(len, column), default=0)
    return max(map(cell_len, column), default=0)


def fit(needed: Sequence[int], rights: Sequence[bool], width: int) -> list[int]:
    """Widths that fit into a terminal: long texts are cut first, then the last columns are left out.

    Numbers are never cut. The result may have fewer entries than there are columns, never none.
    """
    floors = [size if right else min(size, _SMALLEST) for size, right in zip(needed, rights, strict=True)]
    count = len(floors)
    while count > 1 and _total(floors[:count]) > width:
        count -= 1
    kept = [min(size, max(floor, width)) for size, floor in zip(needed[:count], floors, strict=False)]
    while (excess := _total(kept) - width) > 0:
        cuttable = [i for i in range(count) if kept[i] > floors[i]]
        if not cuttable:
            return [*kept[:-1], max(kept[-1] - excess, 1)]  # one column, wider than the terminal
        widest = max(cuttable, key=kept.__getitem__)
        kept[widest] -= 1
    return kept


def _total(columns: Sequence[int]) -> int:
    return sum(columns) + len(GAP) * (len(columns) - 1)


def pad(column: Sequence[str], width: int, *, right: bool) -> list[str]:
    """A column's cells at one width; longer ones end in an ellipsis."""
    if not "".join(column).isascii():
        return [_pad_wide(cell, width, right=right) for cell in column]
    template = f"%{width}s" if right else f"%-{width}s"
    if max(map(len, column), default=0) > width:
        return [template % cell if len(cell) <= width else cell[: width - 1] + "…" for cell in column]
    return list(map(template.__mod__, column))


def _pad_wide(cell: str, width: int, *, right: bool) -> str:
    length = cell_len(cell)
    if length > width:
        from rich.cells import set_cell_size

        return set_cell_size(cell, width - 1) + "…"
    space = " " * (width - length)
    return space + cell if right else cell + space


def lines(columns: Sequence[Sequence[str]], sizes: Sequence[int], rights: Sequence[bool]) -> list[str]:
    """The rows as lines, without spaces at their ends."""
    padded = [pad(c, w, right=r) for c, w, r in zip(columns, sizes, rights, strict=False)]
    if padded and not rights[len(padded) - 1] and not sizes_cut(columns[len(padded) - 1], sizes[-1]):
        padded[-1] = list(columns[len(padded) - 1])
    return list(map(str.rstrip, map(GAP.join, zip(*padded, strict=True))))


def sizes_cut(column: Sequence[str], width: int) -> bool:
    """Whether a column has cells wider than this."""
    return _widest(column) > width
