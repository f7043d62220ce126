"""Tables as served pages have them: cells as text, with what each column's cells lead to.

Small ones stand in the page. Of large ones the page has the first rows, and a script fetches the cells of all
(`cells_of`), of which a browser draws those that are in sight.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from crashdrive.integers import integer_kind
from crashdrive.records import Table
from crashdrive.render.cells import (
    all_columns,
    column_values,
    format_column,
    is_hexadecimal,
    is_numeric,
    named_cells,
)
from crashdrive.text import printable

WHOLE = 300
"""A table of more rows is fetched by the page's script."""
_FIRST = 60  # rows of a larger one that stand in the page
_MOST_FIELDS = 8  # a single row of more is shown as a block
_ADDRESS = re.compile(r"[0-9a-f]{5,16}")
_PID = re.compile(r"[1-9][0-9]{0,8}")
_PIDS = frozenset({"pid", "tgid", "ppid", "owner_pid", "root_pid", "tracer_pid", "victim_pid", "kswapd_pid"})
_TYPES = {
    "task": "struct task_struct", "owner_task": "struct task_struct", "mm": "struct mm_struct",
    "vma": "struct vm_area_struct", "pt_regs": "struct pt_regs", "inode": "struct inode",
    "super_block": "struct super_block", "dentry": "struct dentry", "file": "struct file",
    "vfsmount": "struct vfsmount", "net": "struct net", "net_device": "struct net_device",
}  # fmt: skip


class Column(NamedTuple):
    """A column: ``link`` is what stands before a cell in the address that it leads to (None: to none)."""

    name: str
    number: bool
    hexadecimal: bool
    link: str | None

    @property
    def style(self) -> str:
        """The class of its head."""
        return "number" if self.number else "hex" if self.hexadecimal else ""


class Cell(NamedTuple):
    """A cell that stands in the page."""

    text: str
    link: str | None
    style: str


class Grid(NamedTuple):
    """A table: blocks of fields, or columns and their cells; ``total``: how many rows it has."""

    name: str
    title: str
    total: int
    fields: list[list[tuple[str, str, str | None]]]
    columns: list[Column]
    cells: list[list[str]]
    url: str | None = None

    @property
    def rows(self) -> Iterator[list[Cell]]:
        """The rows that stand in the page."""
        wide = [_is_wide(column, cells) for column, cells in zip(self.columns, self.cells, strict=True)]
        for at in range(min(self.total, _FIRST) if self.url else self.total):
            yield [
                Cell(cells[at], link_of(column, cells[at]), "number" if column.number else "free" * free)
                for column, cells, free in zip(self.columns, self.cells, wide, strict=True)
            ]


def grid_of(table: Table, root: str, url: str | None = None) -> Grid:
    """A table as a page takes it; ``url``: where its cells are fetched from, where it is a large one."""
    title = printable(table.title or table.name.replace("_", " "))
    names = table.columns or all_columns(table.rows)
    alone = not table.columns and len(table.rows) == 1 and len(names) > _MOST_FIELDS
    if table.layout == "fields" or alone:
        return Grid(table.name, title, len(table.rows), _fields(table, root), [], [])
    columns, cells = _columns(table, names, root)
    fetched = url if len(table.rows) > WHOLE else None
    return Grid(table.name, title, len(table.rows), [], columns, cells, fetched)


def cells_of(grid: Grid) -> dict[str, Any]:
    """What a page's script fetches: columns, and the cells of each one."""
    return {
        "title": grid.title,
        "count": grid.total,
        "columns": [
            {"name": one.name, "number": one.number, "hex": one.hexadecimal, "link": one.link}
            for one in grid.columns
        ],
        "cells": grid.cells,
    }


def link_of(column: Column, cell: str) -> str | None:
    """Where a cell leads; None for one that is no address or pid."""
    if column.link is None:
        return None
    known = _ADDRESS if column.hexadecimal else _PID
    return column.link + quote(cell, safe="") if known.fullmatch(cell) else None


def _columns(table: Table, names: Sequence[str], root: str) -> tuple[list[Column], list[list[str]]]:
    columns, found = [], []
    for name in names:
        values = column_values(table.rows, name)
        hexadecimal = is_hexadecimal(table.rows, name)
        cells = format_column(values, hexadecimal=hexadecimal)
        if table.columns or any(cells):
            number = is_numeric(values) and not hexadecimal
            link = _link(name, root, address=name in address_fields(table.rows))
            columns.append(Column(printable(name), number, hexadecimal, link))
            found.append(cells)
    return columns, found


def _fields(table: Table, root: str) -> list[list[tuple[str, str, str | None]]]:
    addresses = address_fields(table.rows)
    blocks = []
    for row in table.rows:
        pairs = [pair for pair in named_cells(row) if not table.columns or pair[0] in table.columns]
        blocks.append([(name, cell, _field_link(name, cell, root, addresses)) for name, cell in pairs])
    return blocks


def _field_link(name: str, cell: str, root: str, addresses: frozenset[str]) -> str | None:
    is_address = name in addresses
    return link_of(Column(name, not is_address, is_address, _link(name, root, address=is_address)), cell)


def _link(name: str, root: str, *, address: bool) -> str | None:
    if name in _PIDS:
        return f"{root}task?pid="
    if not address:
        return None
    kind = _TYPES.get(name)
    return f"{root}structure?type={quote(kind)}&address=" if kind else f"{root}bytes?address="


def address_fields(rows: Sequence[Any]) -> frozenset[str]:
    """The fields that hold an address (no bits), as the rows' types say."""
    return frozenset(name for kind in set(map(type, rows)) for name in _addresses(kind))


@functools.cache
def _addresses(kind: type) -> frozenset[str]:
    if not issubclass(kind, msgspec.Struct):
        return frozenset()
    try:
        fields = msgspec.structs.fields(kind)
    except NameError:  # types that stand where only a checker sees them
        return frozenset()
    return frozenset(one.encode_name for one in fields if _holds_address(one.type))


def _holds_address(annotation: Any) -> bool:
    if integer_kind(annotation) == "address":
        return True
    return typing.get_origin(annotation) not in (list, tuple, dict) and any(
        map(_holds_address, typing.get_args(annotation))
    )


def _is_wide(column: Column, cells: Sequence[str]) -> bool:
    return not column.number and any(len(cell) > 60 for cell in cells)
