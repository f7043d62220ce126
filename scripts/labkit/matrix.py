"""Every report on a dump of each kernel, by each crash: what opens, what is complete, how long it takes."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit import architectures, crashes, dumps, kernels, places
from labkit.architectures import AMD64
from labkit.errors import LabError
from labkit.host import say

PAGE = "docs/reach.md"
BEGIN = "<!-- Written by scripts/lab matrix --write. Don't edit these lines. -->"
END = "<!-- End of the matrix. -->"
HEADS = ("dump", "kernel", "crash", "crash by itself", "reports", "complete", "not complete", "processor")
# crash with all its tables, which is asked for something that no other start answers
SCRIPT = """\
import json

def report(crash):
    crash.run("p jiffies")
    print(json.dumps(list(crash.health.options)))
"""
# crash of another architecture runs under emulation
LONGEST = 3600.0
_NO_CRASH = 3  # crashdrive's exit status where nothing could be opened


@dataclass(frozen=True)
class Cell:
    """One crash on one dump; seconds are those of the processor, with nothing kept from before."""

    dump: str
    release: str
    crash: str
    start: str
    reports: int = 0
    seconds: float = 0.0
    rows: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> int:
        """How many reports are."""
        return len(self.rows)

    def line(self) -> str:
        """As a row of the table."""
        lacking = ", ".join(f"`{name}`" for name in sorted(self.lacking)) or "-"
        cells = (self.dump, self.release, self.crash, self.start, self.reports, self.complete, lacking)
        return "| " + " | ".join(map(str, (*cells, f"{self.seconds:.0f} s"))) + " |"


def names(wanted: Sequence[str]) -> list[str]:
    """The dumps to look at: those named, else those that died of sysrq, one of each kernel and format."""
    there = dumps.names()
    for name in wanted:
        if name not in there:
            raise dumps.missing(name)
    usual = [f"{series}-{form}-sysrq" for series in kernels.KNOWN for form in ("elf", "kdump")]
    found = list(wanted) or [name for name in usual if name in there]
    if not found:
        raise LabError("no dump is there; scripts/lab standard makes some")
    return found


def binaries(dump: str, versions: Sequence[str]) -> list[Path]:
    """The crash binaries of a dump's architecture, all or those of some versions."""
    facts = dumps.facts(dump) or {}
    architecture = architectures.FOREIGN.get(facts.get("architecture", ""), AMD64)
    kind = "crash" if architecture is AMD64 else f"crash-{architecture.debian}"
    there = [path for path in crashes.all_there() if path.parent.parent.name == kind]
    return [path for path in there if not versions or path.parent.name in versions]


def run(wanted: Sequence[str], versions: Sequence[str], jobs: int) -> list[Cell]:
    """All cells, told one by one as they come."""
    program = places.checkout() / ".venv" / "bin" / "crashdrive"
    if not program.exists():
        raise LabError(f"no {program}; scripts/test makes .venv")
    pairs = [(name, crash) for name in names(wanted) for crash in binaries(name, versions)]
    if not pairs:
        raise LabError("no such crash is there for these dumps; scripts/lab crash makes them")

    def one(pair: tuple[str, Path]) -> Cell:
        cell = measured(program, *pair)
        say(f"{cell.dump}, crash {cell.crash}: {cell.start}; {cell.complete} of {cell.reports} reports")
        return cell

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, pairs))


def measured(program: Path, name: str, crash: Path) -> Cell:
    """One crash on one dump."""
    facts = dumps.facts(name)
    if facts is None:
        raise dumps.missing(name)
    vmcore = str(dumps.folder(name) / "vmcore")
    with tempfile.TemporaryDirectory(prefix="crashdrive-matrix-") as room:
        script, out = Path(room, "start.py"), Path(room, "out")
        script.write_text(SCRIPT)
        seconds = []

        def ask(cache: str, *words: str) -> tuple[int, str, str]:
            environment = {**os.environ, "CRASHDRIVE_CRASH": str(crash), "XDG_CACHE_HOME": f"{room}/{cache}"}
            status, said, told, took = _ended([str(program), *words], environment, Path(room))
            seconds.append(took)
            return status, said, told

        start = _start(*ask("script", "run", vmcore, str(script)), seconds)
        _, _, told = ask("reports", "report", "--all", "-o", str(out), vmcore)
        release = str(facts["release"])
        try:
            index = json.loads((out / "index.json").read_text())
        except FileNotFoundError:
            return Cell(name, release, crash.parent.name, start, lacking={"all": _last(told)})
        return _cell(name, release, crash.parent.name, start, index["reports"], seconds[-1])


def _cell(
    name: str, release: str, crash: str, start: str, reports: Sequence[Mapping[str, Any]], seconds: float
) -> Cell:
    rows = {one["report"]: (one["rows"], one["findings"]) for one in reports if one["outcome"] == "complete"}
    lacking = {
        one["report"]: str(one["error"] or next(iter(one["warnings"]), ""))
        for one in reports
        if one["outcome"] != "complete"
    }
    return Cell(name, release, crash, start, len(reports), seconds, rows, lacking)


def _start(status: int, said: str, told: str, seconds: Sequence[float]) -> str:
    """How crash came up with its tables, or why it didn't."""
    if status == _NO_CRASH or not said.startswith("["):
        return f"no: {_last(told)}".replace("|", "/")
    options = " ".join(f"`{option}`" for option in json.loads(said.splitlines()[0])) or "whole"
    return f"{options}, {seconds[0]:.0f} s"


def _ended(command: Sequence[str], environment: Mapping[str, str], room: Path) -> tuple[int, str, str, float]:
    """Exit status, output, errors, and processor seconds of a program with all that it started."""
    with (room / "said").open("w+b") as said, (room / "told").open("w+b") as told:
        process = subprocess.Popen(
            command, env=dict(environment), cwd=room, stdin=subprocess.DEVNULL, stdout=said, stderr=told
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (said, told):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return process.returncode, texts[0], texts[1], usage.ru_utime + usage.ru_stime


def _last(told: str) -> str:
    """The last line of a message, as one is read in a table."""
    lines = [line for line in told.splitlines() if line.strip()]
    return re.sub(r"/\S*/", "", lines[-1].removeprefix("crashdrive: "))[:160] if lines else "no word"


def disagreeing(cells: Iterable[Cell]) -> Iterator[str]:
    """Reports that are complete by two crash binaries on one dump, with other numbers of rows or findings."""
    seen: dict[tuple[str, str], tuple[str, tuple[int, int]]] = {}
    for cell in cells:
        for report, counts in cell.rows.items():
            crash, before = seen.setdefault((cell.dump, report), (cell.crash, counts))
            if counts != before:
                yield (
                    f"{cell.dump}, report {report}: {before[0]} rows and {before[1]} findings by crash "
                    f"{crash}, {counts[0]} and {counts[1]} by {cell.crash}"
                )


def table(lines: Mapping[tuple[str, str], str]) -> str:
    """The table, by dump and crash."""
    heads = f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}\n"
    return heads + "".join(f"{lines[key]}\n" for key in sorted(lines, key=_order))


def _order(key: tuple[str, str]) -> tuple[list[int], str, list[int]]:
    dump, crash = key
    series = dump.partition("-")[0]
    return _numbers(series), dump, _numbers(crash)


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", text)]


def write(cells: Sequence[Cell]) -> None:
    """Put the cells into the page; those of other dumps and crash binaries stay."""
    page = places.checkout() / PAGE
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not (begin and end):
        raise LabError(f"{PAGE} has no place for the matrix: {BEGIN}")
    lines = {}
    for line in old.splitlines():
        columns = [column.strip() for column in line.strip("|").split("|")]
        if len(columns) == len(HEADS) and columns[0] not in (HEADS[0], "---"):
            lines[columns[0], columns[2]] = line
    lines |= {(cell.dump, cell.crash): cell.line() for cell in cells}
    page.write_text(f"{before}{BEGIN}\n\n{table(lines)}\n{END}{after}", encoding="utf-8")
