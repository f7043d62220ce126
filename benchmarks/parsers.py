"""Rows and megabytes a second of the parsers, side by side with the same text split by plain Python.

::

    benchmarks/parsers.py [--rounds 3] [--megabytes 4] [--only ps] [--no-memory]

The texts are recorded outputs (golden_outputs/), multiplied: the rows of a table under its one header, whole
outputs for the rest. Memory is the most that Python allocated while the text was parsed, its records kept, as
a multiple of the text. Targets: tables 100,000 rows/s, log 20 MB/s, foreach bt 5 MB/s, gdb values 1 MB/s,
memory ten times the text.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from crashdrive.parsers import parse

GOLDEN = Path(__file__).resolve().parents[1] / "golden_outputs"


class Case(NamedTuple):
    """A text, how it is parsed, and what is wanted of it (rows/s or MB/s)."""

    name: str
    command: str
    text: str
    unit: str
    wanted: float
    times: int = 1  # how often the text is parsed, where it can't be multiplied


class Source(NamedTuple):
    """Where a case comes from: command, case of the golden files, lines of a header that isn't multiplied."""

    name: str
    path: str
    header: int | None
    unit: str
    wanted: float


SOURCES = (
    Source("ps", "ps/ps", 1, "rows/s", 100_000),
    Source("kmem -s", "kmem/kmem_-s", 1, "rows/s", 100_000),
    Source("kmem -v", "kmem/kmem_-v", 1, "rows/s", 100_000),
    Source("mod", "mod/mod", 1, "rows/s", 100_000),
    Source("files", "files/files_pid", 3, "rows/s", 100_000),
    Source("log", "log/log", 0, "MB/s", 20),
    Source("foreach bt", "foreach/foreach_bt", 0, "MB/s", 5),
    Source("struct task_struct", "struct/struct_task_struct_task", None, "MB/s", 1),
)


def cases(megabytes: float) -> Iterator[Case]:
    """The cases of which there is a recorded output."""
    for source in SOURCES:
        found = sorted(
            GOLDEN.glob(f"*/*/{source.path}.cmd"), key=lambda p: p.with_suffix(".out").stat().st_size
        )
        if not found:
            print(f"{source.name}: no recorded output ({source.path})")
            continue
        text = found[-1].with_suffix(".out").read_text(encoding="utf-8", errors="backslashreplace")
        command = found[-1].read_text(encoding="utf-8").split("\n", 1)[0]
        times = max(1, int(megabytes * 1e6 / len(text)))
        yield multiplied(source, command, text, times)


def multiplied(source: Source, command: str, text: str, times: int) -> Case:
    """A case with a text of the size that was asked for."""
    if source.header is None:
        return Case(source.name, command, text, source.unit, source.wanted, times)
    lines = text.splitlines(keepends=True)
    head, body = "".join(lines[: source.header]), lines[source.header :]
    if source.name == "files":
        # Descriptors ascend: each repetition gets numbers of its own.
        rows = [row for row in body if row.strip()]
        return _files(source, command, head, rows, times)
    return Case(source.name, command, head + "".join(body) * times, source.unit, source.wanted)


def _files(source: Source, command: str, head: str, rows: list[str], times: int) -> Case:
    numbered = (f"{i:3d} {row.split(None, 1)[1]}" for i, row in enumerate(rows * times))
    return Case(source.name, command, head + "".join(numbered), source.unit, source.wanted)


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The least CPU time of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def split(text: str) -> list[list[str]]:
    """What plain Python needs to take a text apart into words."""
    return [line.split() for line in text.splitlines()]


def peak(work: Callable[[], object]) -> int:
    """The most memory that Python had while it worked, in bytes."""
    tracemalloc.start()
    try:
        kept = work()
        size = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    del kept
    return size


def measure(case: Case, rounds: int, *, memory: bool) -> str:
    """A line of the table."""
    ours = seconds(lambda: [parse(case.command, case.text) for _ in range(case.times)], rounds) / case.times
    plain = seconds(lambda: [split(case.text) for _ in range(case.times)], rounds) / case.times
    size = len(case.text.encode("utf-8", "surrogatepass"))
    rows = case.text.count("\n")
    rate = rows / ours if case.unit == "rows/s" else size / 1e6 / ours
    held = f"{peak(lambda: parse(case.command, case.text)) / size:6.1f}" if memory else "     -"
    verdict = "ok" if rate >= case.wanted else "SLOW"
    return (
        f"{case.name:20} {size / 1e6:6.2f} {rows:8d} {rows / ours:10,.0f} {size / 1e6 / ours:8.2f} "
        f"{ours / plain:7.1f} {held} {case.wanted:10,.0f} {case.unit:7} {verdict}"
    )


def main() -> int:
    """Measure all cases, or those that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=float, default=4.0)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--no-memory", action="store_true")
    arguments = parser.parse_args()
    titles = f"{'MB':>6} {'lines':>8} {'lines/s':>10} {'MB/s':>8} {'x plain':>7} {'memory':>6} {'wanted':>10}"
    print(f"{'':20} {titles}")
    for case in cases(arguments.megabytes):
        if not arguments.only or case.name in arguments.only:
            print(measure(case, arguments.rounds, memory=not arguments.no_memory), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
