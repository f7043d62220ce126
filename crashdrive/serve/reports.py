"""Reports, asked at a desk and shown: what several pages do with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from crashdrive.errors import UsageError
from crashdrive.records import Report
from crashdrive.render.svg import drawn
from crashdrive.reports import module_for, report_names
from crashdrive.reports.base import Option
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked
from crashdrive.serve.grid import Grid, grid_of
from crashdrive.text import printable


def report_at(desk: Desk, name: str, options: Mapping[str, Any] | None = None) -> Report:
    """A report, of crashdrive's own; BusyError while it is made."""
    given = dict(options or {})
    key = f"report {name} {json.dumps(sorted((one, repr(value)) for one, value in given.items()))}"
    return desk.ask(key, f"report {name}", lambda crash: crash.run_report(name, **given))


def options_of(asked: Asked, name: str) -> dict[str, Any]:
    """The options of a report that a form was filled in with; UsageError for what one can't be."""
    if name not in report_names():
        from crashdrive.near import hint

        raise UsageError(f"no report {name!a}{hint(name, report_names())}")
    found: dict[str, Any] = {}
    for option in module_for(name).OPTIONS:
        values = [value for one in asked.query.get(option.name, []) if (value := one.strip())]
        if values:
            found[option.name] = _value(option, values)
    return found


def _value(option: Option, values: list[str]) -> Any:
    words = [word for value in values for word in value.split()] if option.many else values[-1:]
    if option.kind == "flag":
        return True
    read = [_read(option, word) for word in words]
    return tuple(read) if option.many else read[-1]


def _read(option: Option, word: str) -> Any:
    name = option.flags[-1]
    if option.choices and word not in option.choices:
        raise UsageError(f"{name}: {word!a} is none of {', '.join(option.choices)}")
    try:
        if option.kind == "address":
            return int(word, 16)
        if option.kind in ("integer", "port"):
            return int(word)
        if option.kind == "seconds":
            return float(word)
    except ValueError:
        raise UsageError(f"{name}: {word!a} is no {option.kind}") from None
    return word


def query_of(asked: Asked, name: str) -> dict[str, str]:
    """The options as they stand in the address, for links to the same report."""
    given = {option.name: " ".join(asked.query.get(option.name, [])) for option in module_for(name).OPTIONS}
    return {option: value for option, value in given.items() if value.strip()}


def shown_report(asked: Asked, report: Report, query: Mapping[str, str]) -> dict[str, Any]:
    """What the macro ``report_of`` of the templates takes; ``query``: the report's options."""
    return {
        "report": report,
        "warnings": [printable(notice.message) for notice in report.warnings],
        "pictures": pictures(report),
        "grids": [grid_at(asked, report, table.name, query) for table in report.tables],
    }


def pictures(report: Report) -> list[tuple[str, Any]]:
    """Titles and drawings of a report's pictures; every box is drawn, as one may look at it more closely."""
    return [(printable(picture.title), drawn(picture, styled=False, least=0)) for picture in report.pictures]


def grid_at(asked: Asked, report: Report, table: str, query: Mapping[str, str]) -> Grid:
    """A table of a report; a large one's cells are fetched from the page ``cells``."""
    url = asked.link(f"cells/{quote(report.report)}/{quote(table)}", **query)
    return grid_of(report.table(table), asked.root, url)
