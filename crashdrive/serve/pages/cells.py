"""The cells of a large table, for the script that shows them."""

from __future__ import annotations

from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, NoSuchPageError, Reply
from crashdrive.serve.grid import cells_of, grid_of
from crashdrive.serve.reports import options_of, report_at


def page(asked: Asked, desk: Desk) -> Reply:
    """``cells/REPORT/TABLE?option=value``."""
    if len(asked.path) != 3:
        raise NoSuchPageError("the address of cells is cells/REPORT/TABLE")
    _, name, table = asked.path
    found = report_at(desk, name, options_of(asked, name))
    if table not in (one.name for one in found.tables):
        raise NoSuchPageError(f"report {name} has no table {table!a}")
    return exchange.data(cells_of(grid_of(found.table(table), asked.root)))
