"""The pages of a batch: ``index.html``, ``dumps.html``, a page for each group and each dump.

A page that is there is up to date: whoever changes what it is made of removes it first. So a batch that was
killed writes what is missing, and one new dump costs its own page, its group's, and the two lists.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from crashdrive._version import __version__
from crashdrive.batch.chart import chart_of
from crashdrive.batch.group_page import group_values
from crashdrive.batch.jobs import BadResultError, Result, unpacked
from crashdrive.batch.ledger import RESULTS, Ledger, Reader
from crashdrive.batch.outputs import write_whole
from crashdrive.records import Finding, Table
from crashdrive.render import Output
from crashdrive.render.html import linked_rows, shown, write_page

DUMPS, GROUPS = "dump", "group"
_FIRST = ("panic", "dmesg", "stacks", "hang", "sysinfo", "netsummary")
_LEFT_OUT = frozenset({"triage"})  # its parts are there
_MOST_ROWS = 5000  # of a table on a dump's page
_TITLE = "Crashes"


def write_pages(ledger: Ledger, *, tell: Callable[[str], None] = lambda _step: None) -> None:
    """Write all pages that are not there or out of date; remove those of groups and dumps that are gone."""
    folder = ledger.folder
    if ledger.settings().get("pages") != __version__:
        for name in (DUMPS, GROUPS):
            _remove(folder / name, keep=())
        ledger.set("pages", __version__)
    dumps, groups = _all(ledger)
    members = _members(dumps)
    _write_groups(ledger, groups, members, tell)
    _write_dumps(folder, dumps, tell)
    _put(folder / "dumps.html", "batch_dumps.html", **_all_values(dumps))
    _put(folder / "index.html", "batch_index.html", **_index(dumps, groups, members))


class Page(NamedTuple):
    """A template and its values."""

    template: str
    values: dict[str, Any]


def page_of(ledger: Reader, name: str) -> Page | None:
    """One page as it would be written now, by its name below the folder; None where there is none."""
    kind, _, rest = name.rpartition("/")
    one = rest.removesuffix(".html")
    if name == "index.html":
        dumps, groups = _all(ledger)
        return Page("batch_index.html", _index(dumps, groups, _members(dumps)))
    if name == "dumps.html":
        return Page("batch_dumps.html", _all_values(_all(ledger)[0]))
    if kind == GROUPS:
        found = ledger.rows("SELECT * FROM groups WHERE group_id = ?", (one,))
        rows = ledger.rows("SELECT * FROM dumps WHERE group_id = ? ORDER BY crashed, dump", (one,))
        values = (_group_values(ledger, dict(group), [dict(row) for row in rows]) for group in found)
        return next((Page("batch_group.html", value) for value in values), None)
    found = ledger.rows("SELECT * FROM dumps WHERE dump = ?", (one,)) if kind == DUMPS else []
    known = (_of_dump(ledger.folder, dict(row)) for row in found)
    return next((Page("batch_dump.html", value) for value in known), None)


def _all(ledger: Reader) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of all dumps, and those of all groups."""
    dumps = [dict(row) for row in ledger.rows("SELECT * FROM dumps ORDER BY crashed, dump")]
    groups = [dict(row) for row in ledger.rows("SELECT * FROM groups ORDER BY count DESC, group_id")]
    return dumps, groups


def _members(dumps: Iterable[dict[str, Any]]) -> defaultdict[str | None, list[dict[str, Any]]]:
    members: defaultdict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for row in dumps:
        members[row["group_id"]].append(row)
    return members


def _all_values(dumps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"title": f"{_TITLE}: all dumps", "rows": _dump_rows(dumps)}


def _group_values(ledger: Reader, group: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    findings = ledger.rows(
        "SELECT findings.* FROM findings JOIN dumps USING (dump) WHERE group_id = ?", (group["group_id"],)
    )
    return group_values(_with_kernels(group), rows, [dict(row) for row in findings])


def _of_dump(folder: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a dump's page; it says where its result can't be read."""
    row = dict(found)
    try:
        result = unpacked((folder / RESULTS / f"{row['dump']}.json.z").read_bytes())
    except (OSError, BadResultError) as error:
        reason = f"its result can't be read: {error}"
        result = Result(id=row["dump"], vmcore=row["path"], status="failed", reason=reason)
        row |= {"status": "failed", "reason_kind": "lost", "reason": reason}
    return _dump_values(row, result)


def _write_groups(
    ledger: Ledger,
    groups: Sequence[dict[str, Any]],
    members: Mapping[str | None, list[dict[str, Any]]],
    tell: Callable[[str], None],
) -> None:
    place = _made(ledger.folder / GROUPS)
    missing = _missing(place, (group["group_id"] for group in groups))
    for group in groups:
        if group["group_id"] in missing:
            tell(f"page of group {group['group_id']}")
            values = _group_values(ledger, group, members[group["group_id"]])
            _put(place / f"{group['group_id']}.html", "batch_group.html", **values)
    _remove(place, keep=[group["group_id"] for group in groups])


def _write_dumps(folder: Path, dumps: Sequence[dict[str, Any]], tell: Callable[[str], None]) -> None:
    place = _made(folder / DUMPS)
    missing = _missing(place, (row["dump"] for row in dumps))
    for row in dumps:
        if row["dump"] in missing:
            tell(f"page of dump {row['dump']}")
            _put(place / f"{row['dump']}.html", "batch_dump.html", **_of_dump(folder, row))
    _remove(place, keep=[row["dump"] for row in dumps])


def _made(place: Path) -> Path:
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def _missing(place: Path, ids: Iterable[str]) -> set[str]:
    there = {page.stem for page in place.iterdir() if page.suffix == ".html"}
    return set(ids) - there


def _remove(place: Path, keep: Iterable[str]) -> None:
    kept = {f"{name}.html" for name in keep}
    with suppress(FileNotFoundError):
        for page in list(place.iterdir()):
            if page.suffix == ".html" and page.name not in kept:
                page.unlink(missing_ok=True)


def _put(path: Path, template: str, **values: Any) -> None:
    stream = StringIO()
    write_page(template, Output(stream), **values)
    write_whole(path, [stream.getvalue()])


def _with_kernels(group: dict[str, Any]) -> dict[str, Any]:
    releases = json.loads(group["releases"])
    shown = ", ".join(releases[:3]) + (f" and {len(releases) - 3} more" if len(releases) > 3 else "")
    return {**group, "kernels": shown}


def _index(
    dumps: Sequence[dict[str, Any]],
    groups: Sequence[dict[str, Any]],
    members: Mapping[str | None, Sequence[dict[str, Any]]],
) -> dict[str, Any]:
    times = [row["crashed"] for row in dumps if row["crashed"]]
    span = (times[0], times[-1]) if times else None
    return {
        "title": _TITLE,
        "dumps": len(dumps),
        "groups": [
            {
                **_with_kernels(group),
                "chart": chart_of((row["crashed"] for row in members[group["group_id"]]), span, 24),
            }
            for group in groups
        ],
        "new": sum(group["state"] == "new" for group in groups),
        "back": sum(group["state"] == "back" for group in groups),
        "failed": [row for row in dumps if row["status"] == "failed"],
        "incomplete": sum(row["status"] == "incomplete" for row in dumps),
        "first_seen": times[0] if times else None,
        "last_seen": times[-1] if times else None,
        "chart": chart_of(times, span, 60),
    }


def _dump_rows(dumps: Sequence[Mapping[str, Any]]) -> list[Any]:
    names = ("crashed", "host", "release", "title", "status")
    return linked_rows(
        [f"{DUMPS}/{row['dump']}.html", row["path"], *(row[name] or "" for name in names)] for row in dumps
    )


def _dump_values(row: Mapping[str, Any], result: Result) -> dict[str, Any]:
    order = {name: at for at, name in enumerate(_FIRST)}
    names = sorted(result.reports.keys() - _LEFT_OUT, key=lambda name: (order.get(name, 99), name))
    triage = result.reports.get("triage") or {}
    return {
        "title": row["title"] or ("Failed" if row["status"] == "failed" else "No crash in its log"),
        "row": row,
        "also": json.loads(row["also"]),
        "waits_for": row["waits_for"],
        "findings": [Finding(**_finding(one)) for one in triage.get("findings") or ()],
        "reports": [_report_values(name, result.reports[name]) for name in names],
        "script": result.script,
        "how": list(_how(row, result)),
    }


def _finding(one: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: one.get(name) for name in Finding.__struct_fields__}
    return {**known, "evidence": tuple(one.get("evidence") or ())}


def _report_values(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    tables = document.get("tables") or {}
    return {
        "name": name,
        "complete": document.get("complete", True),
        "warnings": [notice.get("message", "") for notice in document.get("warnings") or ()],
        "tables": [
            shown(Table(name=table, rows=rows[:_MOST_ROWS], title=_table_title(table, rows)))
            for table, rows in tables.items()
            if rows
        ],
    }


def _table_title(name: str, rows: Sequence[Any]) -> str:
    told = name.replace("_", " ")
    return f"{told}, the first {_MOST_ROWS} of {len(rows)}" if len(rows) > _MOST_ROWS else told


def _how(row: Mapping[str, Any], result: Result) -> Iterable[tuple[str, str]]:
    """How the dump was opened, and what to doubt."""
    health, identity = result.health, result.identity
    yield "status", row["status"]
    for name, told in result.failures.items():
        yield f"report {name}", told
    for warning in health.get("warnings") or ():
        yield "warning", str(warning.get("message", ""))
    if health:
        options = " ".join(health.get("options") or ()) or "no restrictions"
        yield "crash", f"{health.get('binary')} {health.get('version') or ''}, {options}"
    for name in ("vmlinux", "build_id", "format", "size"):
        if identity.get(name):
            yield name, str(identity[name])
    yield "commands sent", ", ".join(result.commands) or "none: memory was read"
    yield "took", f"{row['seconds'] or 0:.1f} s, {(row['peak_memory'] or 0) >> 20} MiB"
    yield "triaged", f"{row['triaged']} by crashdrive {row['version'] or ''}, attempt {row['attempts']}"
