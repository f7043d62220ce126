"""Holds the reports panic and hang against what the lab knows of each of its guests' deaths.

    scripts/deaths [--crash BINARY]... [--findings] [--logs DIR] [-q] [NAME...]

Names are those of dumps below .lab/dumps; all without one. Each is opened in each crash: 9.0.2 of the lab,
all of the lab's with --every-crash. A line for each dump and crash: what agrees (=) or what was said instead
of what the lab knows; figures at the end. --findings asks all rules too: those of the death have to speak.
--logs keeps each dump's log as panic reads it.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crashdrive.crash import Crash, open_dump
from crashdrive.errors import CrashdriveError
from crashdrive.linux.printk.messages import messages
from crashdrive.reports.system.panic import log_text

LAB = Path(__file__).resolve().parents[1] / ".lab"


def main() -> int:
    """Compares, prints, counts; 1 where something disagrees."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--crash", action="append", default=[])
    parser.add_argument("--every-crash", action="store_true")
    parser.add_argument("--findings", action="store_true")
    parser.add_argument("--logs", type=Path)
    parser.add_argument("-q", "--quiet", action="store_true", help="only what disagrees, and figures")
    chosen = parser.parse_args()
    folders = _folders(chosen.names)
    if missing := set(chosen.names) - {folder.name for folder in folders}:
        parser.error(f"the lab knows no death of {', '.join(sorted(missing))}")
    if not folders:
        parser.error(f"{LAB} has no dump of a death; scripts/lab makes them")
    crashes = chosen.crash or [str(LAB / "crash/9.0.2/crash")]
    if chosen.every_crash:
        crashes = [str(path) for path in sorted(LAB.glob("crash/*/crash"))]
        if not crashes:
            parser.error(f"{LAB} has no crash; scripts/lab makes them")
    counts: Counter[tuple[str, bool]] = Counter()
    for folder in folders:
        for crash in crashes:
            cells = _compared(folder, crash, chosen.logs, findings=chosen.findings)
            counts.update((name, said == "=") for name, said in cells.items())
            if not chosen.quiet or set(cells.values()) != {"="}:
                told = "  ".join(f"{name} {said}" for name, said in cells.items())
                print(f"{folder.name:24} {_version(crash):6} {told}", flush=True)
    for name in dict.fromkeys(name for name, _ in counts):
        print(f"{name:10} {counts[name, True]}/{counts[name, True] + counts[name, False]} agree")
    return int(any(not agrees for _, agrees in counts))


def _version(crash: str) -> str:
    """A crash of the lab lies in a folder that has its version's name."""
    return Path(crash).parent.name


def _folders(names: list[str]) -> list[Path]:
    """Dumps with a death that the lab's plain crash binaries read."""
    files = sorted(LAB.glob("dumps/*/truth/death.json"))
    folders = [file.parents[1] for file in files if not names or file.parents[1].name in names]
    facts = {folder: json.loads((folder / "dump.json").read_text()) for folder in folders}
    return [folder for folder in folders if facts[folder].get("architecture", "amd64") == "amd64"]


def _compared(folder: Path, crash: str, logs: Path | None, *, findings: bool) -> dict[str, str]:
    """What is said of each point; a dump that can't be opened has this point alone."""
    try:
        return _opened(folder, crash, logs, findings=findings)
    except CrashdriveError as failure:
        return {"opened": str(failure).split("\n", 1)[0]}


def _opened(folder: Path, crash: str, logs: Path | None, *, findings: bool) -> dict[str, str]:
    death = json.loads((folder / "truth/death.json").read_text())
    with open_dump(None, folder / "vmcore", crash=[crash], purpose="deaths", btf=True) as dump:
        if logs:
            logs.mkdir(parents=True, exist_ok=True)
            (logs / folder.name).write_text(log_text(list(messages(dump.kernel))))
        cells = dict(_verdict(dump, death))
        if any(death[name] for name in ("cycle", "queue")):
            cells |= _hang(dump, death)
        if findings:
            kinds = {finding.kind for finding in dump.run_report("triage").findings}
            wanted = set(death["findings"])
            cells["findings"] = _cell(sorted(wanted & kinds), [sorted(wanted)])
    return cells


def _verdict(dump: Crash, death: dict[str, Any]) -> Iterator[tuple[str, str]]:
    (row,) = dump.run_report("panic").table("verdict").rows
    culprits = {death["culprit"], *death["alternatives"]}
    yield "kind", _cell(row.kind, {death["kind"]})
    yield "function", _cell(row.function, culprits)
    yield "module", _cell(row.module, {death["module"]})
    yield "context", _cell(row.context or "process", {death["context"]})
    yield "corrupted", _cell(row.corrupted, {False})


def _hang(dump: Crash, death: dict[str, Any]) -> dict[str, str]:
    """Each circle's and queue's members, by pid and by what they wait for."""
    report = dump.run_report("hang", tasks=True)
    cells = {}
    if death["cycle"]:
        found = {pid for row in report.table("cycles").rows for pid in row.pids}
        cells["cycle"] = _cell(sorted(found), [sorted(member["pid"] for member in death["cycle"])])
    if death["queue"]:
        waiting = {row.pid for row in report.table("tasks").rows}
        wanted = {member["pid"] for member in death["queue"]}
        cells["queue"] = _cell(sorted(wanted & waiting), [sorted(wanted)])
    return cells


def _cell(said: object, wanted: Any) -> str:
    return "=" if said in wanted else f"{said} for {' or '.join(sorted(map(str, wanted)))}"
