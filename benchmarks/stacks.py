"""The stacks of all tasks, in turns with crash's ``foreach bt``, in one session.

::

    scripts/benchmark stacks .lab/dumps/6.12-elf-sysrq [--crash BINARY] [--rounds 5] [--tasks 20000]

- all tasks of the dump, in seconds and round trips;
- what 20,000 would take, by the time that each further task takes: crash's is measured on all tasks, ours on
  all and on a quarter of them, since the greater part of it is the same for any number (limit: 1.2 times what
  crash takes). A guest with so many tasks needs no ``--tasks``: it is measured, not computed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crashdrive
from benchmarks.given import dump_folder
from crashdrive.crash import Crash
from crashdrive.linux.sched.stacks import stacks

LIMIT = 1.2


def timed(work: Callable[[], Any]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ours(crash: Crash, tasks: list[int] | None) -> float:
    """Seconds for the stacks of these tasks, or of all, nothing of the dump's memory being at hand."""
    crash.kernel.memory.drop()
    return timed(lambda: stacks(crash.kernel, tasks=tasks).check())


def theirs(crash: Crash) -> float:
    """Seconds for ``foreach bt``, until all of its text is here."""
    return timed(lambda: crash.session.run("foreach bt"))


def measure(crash: Crash, rounds: int, wanted: int) -> bool:
    """Print figures; whether the limit is kept."""
    everyone = list(crash.kernel.for_each_task(idle=True).check().addresses)
    known = len(crash.ps())
    quarter = everyone[::4]
    ours(crash, None)
    before = crash.kernel.memory.rounds
    ours(crash, None)
    print(f"{len(everyone)} tasks, {known} of them known to crash")
    print(f"{crash.kernel.memory.rounds - before} round trips")
    turns = [(ours(crash, everyone), ours(crash, quarter), theirs(crash)) for _ in range(rounds)]
    whole, part, bt = (statistics.median(column) for column in zip(*turns, strict=True))
    print(f"all: stacks {whole:.2f} s, foreach bt {bt:.2f} s, ratio {whole / bt:.2f}")
    each = max(whole - part, 0) / (len(everyone) - len(quarter))
    more = max(wanted - len(everyone), 0)
    mine, crashs = whole + more * each, bt + max(wanted - known, 0) * bt / known
    print(f"{wanted} tasks: stacks {mine:.1f} s, foreach bt {crashs:.1f} s, ratio {mine / crashs:.2f}")
    return bool(mine / crashs <= LIMIT)


def main() -> int:
    """Measure, and say whether the limit is kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dump", type=Path, help="a folder with vmlinux and vmcore")
    parser.add_argument("--crash", help="the crash to run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=20_000)
    options = parser.parse_args()
    dump_folder(options.dump)
    binaries = [options.crash] if options.crash else None
    with crashdrive.open_dump(
        options.dump / "vmlinux", options.dump / "vmcore", crash=binaries, timeout=600
    ) as crash:
        kept = measure(crash, options.rounds, options.tasks)
    print("limit kept" if kept else "LIMIT BROKEN")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
