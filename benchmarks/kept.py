"""What a kept answer costs: whole processes on a dump, and a look-up in a store of 10,000 dumps' answers.

::

    scripts/benchmark kept .lab/dumps/6.1-elf-big [--crash BINARY] [--rounds 7]

The folder of a dump holds ``vmcore`` and ``vmlinux``. Each line is asked once for the store (a store of the
benchmark's own), then again and again, in turns with a bare interpreter: medians of wall clock and of
processor seconds. Limits: netstat 0.15 s, small answers 0.12 s, a look-up 5 ms. On a busy machine the
processor seconds tell more, and are what the limits are held to.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.given import dump_folder
from crashdrive.cache.store import Store

DUMPS, COMMANDS = 10_000, 20
LOOKUP_LIMIT = 0.005
SCRIPT = """\
print(len(crash.ps()), len(crash.bt(pid=1)), crash.report("sockstat").complete)
print(len(crash.kernel.tasks()))
"""


class Line(NamedTuple):
    """A command line behind ``crashdrive``, with what it may take (None: nothing is said of it)."""

    words: tuple[str, ...]
    limit: float | None


class Taken(NamedTuple):
    """Seconds of wall clock and of processor."""

    wall: float
    processor: float


def once(words: Sequence[str], environment: dict[str, str]) -> Taken:
    """One process, and all that it started."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *words], capture_output=True, env=environment, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 5):
        sys.exit(f"{' '.join(words)}: exit status {done.returncode}: {done.stderr.decode()}")
    return Taken(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def middle(taken: Sequence[Taken]) -> Taken:
    """The medians of both."""
    return Taken(statistics.median(t.wall for t in taken), statistics.median(t.processor for t in taken))


def processes(dump: Path, crash: str | None, rounds: int) -> bool:
    """Whole processes; whether all of them stay within their limits."""
    files = (str(dump / "vmlinux"), str(dump / "vmcore"))
    with tempfile.TemporaryDirectory(prefix="crashdrive-bench-") as folder:
        script = Path(folder, "script.py")
        script.write_text(SCRIPT)
        lines = [
            Line(("report", "netstat", "-a", "--format", "json", *files), 0.15),
            Line(("report", "netstat", "-a", *files), 0.15),
            Line(("report", "sockstat", *files), 0.12),
            Line(("exec", *files, "ps"), 0.12),
            Line(("triage", *files), 0.12),
            Line(("signature", *files), None),
            Line(("run", *files, str(script)), None),
        ]
        environment = os.environ | {"CRASHDRIVE_CACHE": f"{folder}/cache"}
        environment.pop("CRASHDRIVE_NO_CACHE", None)
        if crash:
            environment["CRASHDRIVE_CRASH"] = crash
        first = [once(["-m", "crashdrive", *line.words], environment) for line in lines]
        for line in lines:  # what a second run still learns, such as how crash comes up for memory alone
            once(["-m", "crashdrive", *line.words], environment)
        bare: list[Taken] = []
        again: list[list[Taken]] = [[] for _ in lines]
        for _ in range(rounds):
            bare.append(once(["-c", "pass"], environment))
            for line, taken in zip(lines, again, strict=True):
                taken.append(once(["-m", "crashdrive", *line.words], environment))
    print(f"{'seconds: wall (processor)':44} {'first':>17} {'kept':>17}")
    print(f"{'python -c pass':44} {'':>17} {shown(middle(bare)):>17}")
    good = True
    for line, before, taken in zip(lines, first, again, strict=True):
        kept = middle(taken)
        verdict = ""
        if line.limit is not None:
            within = kept.processor <= line.limit
            good = good and within
            verdict = f"  limit {line.limit} s: {'ok' if within else 'ABOVE'}"
        name = " ".join(word for word in line.words if word not in files)
        print(f"{name[:44]:44} {shown(before):>17} {shown(kept):>17}{verdict}")
    return good


def shown(taken: Taken) -> str:
    """Both, for people."""
    return f"{taken.wall:.3f} ({taken.processor:.3f})"


class LookedUp(NamedTuple):
    """Seconds of the processor of a look-up, and the store's size in bytes."""

    median: float
    worst: float
    size: int


def looked_up() -> LookedUp:
    """Look-ups in a large store, each by a store that is opened for it."""
    with tempfile.TemporaryDirectory(prefix="crashdrive-bench-") as folder:
        store = Store(folder)
        said = os.urandom(300)
        for dump in range(DUMPS):
            store.put_many("commands", f"{dump:040x}", {f"command {n}": said for n in range(COMMANDS)})
        for start in range(0, DUMPS, 100):
            store.put_many("answers", "all", {f"{n:040x}": said for n in range(start, start + 100)})
        store.close()
        size = store.path.stat().st_size
        taken = []
        for number in range(200):
            fresh, began = Store(folder), time.process_time()
            key = f"{number * 37 % DUMPS:040x}"
            kept = fresh.get("commands", key, "command 7", bytes)
            taken.append(time.process_time() - began)
            fresh.close()
            if kept != said:
                sys.exit("the store gave another answer")
    return LookedUp(statistics.median(taken), sorted(taken)[int(len(taken) * 0.95)], size)


def lookups() -> bool:
    """Whether a look-up in a large store is fast enough."""
    median, worst, size = looked_up()
    within = median < LOOKUP_LIMIT
    print(
        f"look-up among {DUMPS} dumps' answers ({size >> 20} MiB), opening the store included: "
        f"{median * 1000:.2f} ms, 95th percentile {worst * 1000:.2f} ms  "
        f"limit {LOOKUP_LIMIT * 1000:.0f} ms: {'ok' if within else 'ABOVE'}"
    )
    return within


def main() -> int:
    """Print the table; 1 where something is above its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dump", type=Path, nargs="?", help="folder of a dump; without it look-ups alone")
    parser.add_argument("--crash")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    dump = dump_folder(options.dump) if options.dump is not None else None
    good = lookups()
    if dump is not None:
        good = processes(dump, options.crash, options.rounds) and good
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
