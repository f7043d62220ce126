"""``crashdrive report --all -o DIR``: each report into a file of its own, and an index of how each went."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crashdrive.cli._answers import worst
from crashdrive.cli._ending import say
from crashdrive.cli._files import write_file
from crashdrive.cli._opening import files_of, opened
from crashdrive.errors import EXIT_FAILED, EXIT_INCOMPLETE, EXIT_OK, CrashdriveError, UsageError
from crashdrive.records import Report, Table, to_builtins
from crashdrive.render import Output, render
from crashdrive.render.html import Entry, write_index
from crashdrive.render.progress import waiting
from crashdrive.reports import foreign_reports, module_for, of_the_whole, report_names, takes_btf
from crashdrive.text import all_valid, printable

if TYPE_CHECKING:
    from crashdrive.crash import Crash

SUFFIXES = {"html": "html", "table": "txt", "json": "json", "jsonl": "jsonl", "csv": "csv"}
_STATUSES = {"complete": EXIT_OK, "incomplete": EXIT_INCOMPLETE, "failed": EXIT_FAILED}


def write_all(words: tuple[str, ...], folder: str | None, form: str, options: dict[str, Any]) -> int:
    """Write all reports of a dump, and index.html and index.json; gives the exit status.

    A report that fails is told, and the next one made: 1 at the end, 5 where one is incomplete.
    """
    target = files_of(words, options)
    if target.rest:
        raise UsageError(f"{target.rest[0]!a}: one VMLINUX and one VMCORE at most")
    if not folder:
        raise UsageError("report --all: name the folder for the reports by -o DIR")
    place = _folder(folder)
    own, foreign = set(report_names()), foreign_reports()
    for line in foreign.refused:
        say(line)
    names = [name for name in sorted({*own, *foreign.plugins}) if name not in own or of_the_whole(name)]
    btf = own.issuperset(names) and all(map(takes_btf, names))
    with opened(target, options, purpose="report --all", btf=btf) as crash:
        dump = crash.identity
        entries: list[Entry] = []
        try:
            entries.extend(_made(crash, names, place, form))
        finally:
            _index(place, dump, entries)
    table = Table(name="reports", rows=entries, columns=("report", "outcome", "rows", "findings", "seconds"))
    render(Report(report="reports", tables=(table,)), "table", Output.standard())
    for entry in entries:
        if entry.error:
            say(f"{entry.report}: {entry.error}")
    return worst([_STATUSES[entry.outcome] for entry in entries])


def _folder(name: str) -> Path:
    """The folder, made where it isn't there; it is for its owner alone, since it holds what the dump did."""
    place = Path(name)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"can't make the folder {name!a}: {error.strerror}") from error
    return place


def _made(crash: Crash, names: list[str], place: Path, form: str) -> Iterator[Entry]:
    for at, name in enumerate(names, 1):
        start, summary = time.monotonic(), ""
        try:
            summary = module_for(name).SUMMARY
            with waiting(f"{at}/{len(names)} {name}"):
                found = crash.run_report(name)
        except Exception as error:  # noqa: BLE001 - one report's failure stops no other
            ours = isinstance(error, CrashdriveError)
            told = str(error) if ours else f"a defect of crashdrive: {type(error).__name__}: {error}"
            seconds = round(time.monotonic() - start, 3)
            yield Entry(
                report=name, summary=summary, outcome="failed", seconds=seconds, error=printable(told)
            )
            continue
        file = f"{name}.{SUFFIXES[form]}"
        write_file(place / file, partial(render, found, form))
        yield Entry(
            report=name,
            summary=summary,
            outcome="complete" if found.complete else "incomplete",
            seconds=round(time.monotonic() - start, 3),
            file=file,
            rows=sum(len(table.rows) for table in found.tables),
            findings=len(found.findings),
            warnings=tuple(printable(notice.message) for notice in found.warnings),
        )


def _index(place: Path, dump: dict[str, Any], entries: list[Entry]) -> None:
    title = f"Reports of {Path(str(dump.get('vmcore') or 'a dump')).name}"
    write_file(place / "index.html", lambda output: write_index(title, dump, entries, output))
    told = json.dumps(all_valid({"dump": dump, "reports": to_builtins(entries)}), indent=2)
    write_file(place / "index.json", lambda output: output.text(f"{told}\n"))
