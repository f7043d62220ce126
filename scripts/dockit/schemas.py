"""docs/schemas/: JSON schemas of what crash's commands and reports print as JSON, each with a version.

A command's schema is made of its parser's records. A report's rows are told by no annotation: which records
its tables hold stands in ``tables.json``, as seen in the recorded sessions (`learn`).

A version is MAJOR.MINOR. What a reader of JSON may have to know raises MINOR: a field, a value, a shape or a
table more. What breaks one raises MAJOR: a field that went, may be absent or is of another type.
``versions.json`` keeps the digest of each shape by its version, so that no shape changes without one.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
from sessionkit import cases, expected, folders, recorded_cases, recorded_reports, replayed, report_folders

from crashdrive.host import doctor
from crashdrive.integers import exact_schema
from crashdrive.parsers import _catalog, command_names, parse
from crashdrive.records import Finding, Notice, Report, to_builtins
from dockit import schemadiff

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "docs" / "schemas"
TABLES, VERSIONS = "tables.json", "versions.json"
FIRST = "1.0"
_WIDTH = 110
KEPT = CHECKOUT / "golden_outputs" / "json" / "kept.jsonl"
"""Documents as versions printed them, each with its schema and the version of that."""
_ROWS = 2
_LARGE = 50_000

Tables = dict[str, dict[str, list[str]]]
"""By report, by table: what its rows are (``linux.net.sockets.rows:Socket``; ``dict``)."""

Versions = dict[str, dict[str, str]]
"""By schema (``reports/netstat``), by version, the oldest first: the digest of the shape."""


def tables_of(report: Report) -> dict[str, list[str]]:
    """What the rows of a report are, by table."""
    return {table.name: sorted({_row_name(type(row)) for row in table.rows}) for table in report.tables}


def _row_name(kind: type) -> str:
    if not issubclass(kind, msgspec.Struct):
        return kind.__name__
    return f"{kind.__module__.removeprefix('crashdrive.')}:{kind.__qualname__}"


def learn() -> None:
    """Add to tables.json what the reports' rows are in all recorded sessions; nothing goes by itself."""
    seen: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def see(report: Report) -> None:
        for table, rows in tables_of(report).items():
            seen[report.report][table].update(rows)

    for name, tables in known_tables().items():
        for table, rows in tables.items():
            seen[name][table].update(rows)
    for folder in folders():
        with replayed(folder) as crash:
            for case in cases(crash):
                see(crash.run_report(case.report, **case.options))
    for name in recorded_reports():
        for folder in report_folders(name):
            with replayed(folder) as crash:
                for case in recorded_cases(folder):
                    see(crash.run_report(case.report, **case.options))
    see(doctor())
    found = {name: {table: sorted(rows) for table, rows in tables.items()} for name, tables in seen.items()}
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / TABLES).write_text(_text(dict(sorted(found.items()))), encoding="utf-8")


def known_tables() -> Tables:
    """tables.json."""
    return _kept(TABLES, Tables) or {}


def _kept(name: str, kind: Any) -> Any:
    path = FOLDER / name
    return msgspec.json.decode(path.read_bytes(), type=kind) if path.exists() else None


def _text(value: Any) -> str:
    return _laid_out(msgspec.json.decode(msgspec.json.encode(value)), "") + "\n"


def _laid_out(value: Any, indent: str) -> str:
    """JSON whose short parts stand in one line."""
    short = msgspec.json.encode(value).decode()
    if not isinstance(value, (dict, list)) or len(indent) + len(short) < _WIDTH:
        return short
    if isinstance(value, dict):
        parts = [
            f"{msgspec.json.encode(key).decode()}: {_laid_out(part, indent + ' ')}"
            for key, part in value.items()
        ]
    else:
        parts = [_laid_out(part, indent + " ") for part in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return first + ",".join(f"\n{indent} {part}" for part in parts) + f"\n{indent}{last}"


def shapes() -> Iterator[tuple[str, dict[str, Any]]]:
    """All schemas as the code has them now, by name."""
    for command in command_names():
        yield f"commands/{command}", _catalog.schema(command)
    for report, tables in sorted(known_tables().items()):
        yield f"reports/{report}", report_schema(report, tables)


def report_schema(report: str, tables: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """The JSON schema of a report. No table is required: options may leave it out."""
    rows = {table: [_row_type(name) for name in names] for table, names in tables.items()}
    kinds = list(dict.fromkeys(kind for some in rows.values() for kind in some if kind is not dict))
    described, definitions = msgspec.json.schema_components(
        [*kinds, Notice, Finding], ref_template="#/$defs/{name}"
    )
    by_type: dict[Any, Any] = {dict: {"type": "object"}, **dict(zip(kinds, described, strict=False))}
    properties = {
        "report": {"const": report},
        "dump": {"type": "object"},
        "source": {"enum": ["crash", "recording", "session", "store"]},
        "complete": {"type": "boolean"},
        "warnings": {"type": "array", "items": described[-2]},
        "tables": {
            "type": "object",
            "properties": {table: _rows([by_type[kind] for kind in some]) for table, some in rows.items()},
        },
        "findings": {"type": "array", "items": described[-1]},
    }
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": report,
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "source"],
        "$defs": definitions,
    }
    return dict(exact_schema(document))


def _rows(kinds: list[Any]) -> dict[str, Any]:
    if not kinds:  # no recorded dump has any
        return {"type": "array"}
    return {"type": "array", "items": kinds[0] if len(kinds) == 1 else {"anyOf": kinds}}


def _row_type(name: str) -> Any:
    if name == "dict":
        return dict
    module, _, kind = name.partition(":")
    return getattr(import_module(f"crashdrive.{module}"), kind)


def pages() -> dict[str, str]:
    """The files of docs/schemas/, each with its version: the next one where the shape has changed."""
    now = dict(shapes())
    kept: Versions = _kept(VERSIONS, Versions) or {}
    versions = {name: known for name, known in kept.items() if name in now}
    found = {}
    for name, shape in now.items():
        old = _kept(f"{name}.json", dict[str, Any])
        version, merged = _versioned(old, shape)
        known = versions.setdefault(name, {})
        known.setdefault(version, digest(merged))
        found[f"{name}.json"] = _text({"version": version, **merged})
    found[VERSIONS] = _text(versions)
    return found


def left_over(wanted: Iterable[str]) -> list[Path]:
    """Schemas of what there is no more."""
    known = {FOLDER / name for name in wanted}
    return [path for path in sorted(FOLDER.glob("*/*.json")) if path not in known]


def unversioned() -> list[str]:
    """Schemas whose shape isn't the one that their version stands for."""
    versions: Versions = _kept(VERSIONS, Versions) or {}
    found = []
    for name, known in versions.items():
        schema = _kept(f"{name}.json", dict[str, Any])
        if schema is None or known.get(schema["version"]) != digest(schema):
            found.append(name)
    return found


def _versioned(old: dict[str, Any] | None, shape: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if old is None:
        return FIRST, shape
    changes = schemadiff.changes(old, shape)
    major, minor = map(int, old["version"].split("."))
    if changes.breaking:
        return f"{major + 1}.0", shape
    merged = schemadiff.without_new_requirements(old, shape)
    return (f"{major}.{minor + 1}" if changes.additions else old["version"]), merged


class Kept(msgspec.Struct, frozen=True):
    """A document of JSON, as some version printed it."""

    schema: str
    version: str
    document: dict[str, Any]


def kept_documents() -> list[Kept]:
    """Those of all versions."""
    lines = KEPT.read_bytes().splitlines() if KEPT.exists() else []
    return [msgspec.json.decode(line, type=Kept) for line in lines]


def keep() -> None:
    """Keep documents of the schemas' versions that none are kept of; those that are there stay."""
    kept = kept_documents()
    there = {(one.schema, one.version) for one in kept}
    found = [one for one in documents() if (one.schema, one.version) not in there]
    for one in found:
        jsonschema.validate(one.document, read_schema(one.schema))
    KEPT.parent.mkdir(exist_ok=True)
    lines = [msgspec.json.encode(one) for one in sorted([*kept, *found], key=lambda one: one.schema)]
    KEPT.write_bytes(b"".join(line + b"\n" for line in lines))


def documents() -> Iterator[Kept]:
    """Documents as they are printed now: of each shape of each command, of each report, with few rows."""
    for name, document in (*_answers(), *reports_of_now()):
        yield Kept(name, read_schema(name)["version"], document)


def read_schema(name: str) -> dict[str, Any]:
    """A schema of docs/schemas/."""
    found: dict[str, Any] = _kept(f"{name}.json", dict[str, Any])
    return found


def _answers() -> Iterator[tuple[str, dict[str, Any]]]:
    seen = set()
    for path in sorted((CHECKOUT / "golden_outputs").glob("*/*/*/*.cmd")):
        known = msgspec.json.decode(path.with_suffix(".json").read_bytes())
        key = path.parent.name, known.get("shape")
        if key[1] is None or key in seen or path.with_suffix(".out").stat().st_size > _LARGE:
            continue
        seen.add(key)
        line = path.read_text(encoding="utf-8").splitlines()[0]
        answer = _as_read(parse(line, path.with_suffix(".out").read_bytes().decode("utf-8", "replace")))
        yield f"commands/{key[0]}", {**answer, "records": answer["records"][:_ROWS]}


def _as_read(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(to_builtins(answer)))
    return found


def reports_of_now() -> Iterator[tuple[str, dict[str, Any]]]:
    """Reports of recorded sessions as they are printed now, with few rows, each with its schema's name."""
    places = [*folders()[:1], *(report_folders(name)[0] for name in recorded_reports())]
    for place in places:
        for report in expected(place).values():
            tables = {name: rows[:_ROWS] for name, rows in report["tables"].items()}
            yield f"reports/{report['report']}", {**report, "tables": tables}


def digest(schema: Mapping[str, Any]) -> str:
    """A shape's digest: of all that isn't said for people alone."""
    shape = {key: value for key, value in schemadiff.bare(schema).items() if key != "version"}
    return hashlib.sha256(msgspec.json.encode(shape, order="sorted")).hexdigest()[:16]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--learn", action="store_true", help="run all recorded reports, note what rows they have"
    )
    parser.add_argument("--keep", action="store_true", help="keep documents of new versions, for a release")
    options = parser.parse_args()
    if not (options.learn or options.keep):
        parser.error("--learn or --keep (schemas themselves are written by scripts/docs)")
    if options.learn:
        learn()
    if options.keep:
        keep()
    return 0
