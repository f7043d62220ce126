"""What a batch costs: synthetic results by the thousand, and real dumps against a shell loop of `crash -i`.

    scripts/benchmark batch --synthetic 10000         keep, group, pages, one dump more, all kept
    scripts/benchmark batch --crash CRASH VMCORE...   dumps per hour, and those of the loop; -j N for both
    scripts/benchmark batch --crash CRASH --workers VMCORE...   one worker against N (-j), in turn

The loop runs the commands that a triage needs, a crash for each dump, N at a time, as `xargs -P N` does.
--count N makes N dumps of those that are named: copies with a byte more, which are dumps of their own.
Times are of the wall clock, beside the processor's; on a machine that others use only the ratios count, and
those of --workers not even: what can't be done at once is the parent's time on the processor, printed beside.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from crashdrive.batch import outputs
from crashdrive.batch.find import Found, find_dumps
from crashdrive.batch.jobs import Result
from crashdrive.batch.ledger import Ledger, open_folder
from crashdrive.batch.pages import write_pages
from crashdrive.batch.regroup import regroup
from crashdrive.batch.run import Batch, Nobody, Options, keep, plan
from tests.batch.fakes import found, result, verdict

# what people send to see why a machine died, what hung and what the network did
COMMANDS = (
    "sys", "bt", "bt -a", "log", "ps", "ps -m", "foreach UN bt", "kmem -i", "kmem -s", "mod -t", "net",
    "dev -d", "timer", "runq", "mount", "quit",
)  # fmt: skip
_FUNCTIONS = 300


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    """Print what the block took."""
    began, cpu = time.perf_counter(), processor()
    yield
    print(f"{what:40} {time.perf_counter() - began:8.2f} s wall {processor() - cpu:8.2f} s processor")


def processor() -> float:
    """Seconds of processor of this process and of all that it started and that have ended."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def made(number: int, chance: random.Random) -> tuple[Found, Result]:
    """A dump and what came of it; a few functions have most of them."""
    function = f"func_{min(int(chance.expovariate(0.02)), _FUNCTIONS - 1)}"
    frames = [function, *(f"caller_{chance.randrange(40)}" for _ in range(12))]
    row = verdict(function, frames=frames, bucket=hashlib.sha256(function.encode()).hexdigest()[:16])
    day = date(2026, 1, 1) + timedelta(chance.randrange(300))
    host, release = f"web{chance.randrange(500)}", f"6.1.0-{chance.randrange(40, 57)}"
    one = found(number, host=host, release=release)
    finding = {
        "severity": "warning",
        "kind": f"kind-{chance.randrange(9)}",
        "message": "m",
        "evidence": ["a"],
    }
    return one, result(one, row, system={"date": f"{day}T01:02:03+00:00"}, findings=[finding])


def synthetic(count: int, folder: Path) -> None:
    """Results out of nothing, kept, grouped and shown."""
    chance = random.Random(1)  # noqa: S311 - the same ones each time
    ledger = Ledger(open_folder(folder))
    dumps = []
    with timed(f"{count} results kept"):
        for number in range(count):
            one, came = made(number, chance)
            keep(ledger, one, came)
            dumps.append(one)
    with timed("grouped"):
        regroup(ledger)
    with timed("triage.jsonl"):
        outputs.write(ledger)
    with timed("all pages"):
        write_pages(ledger)
    (folder / "index.html").unlink()
    with timed("both lists anew"):
        write_pages(ledger)
    with timed("one dump more, all written"):
        keep(ledger, *made(count, chance))
        regroup(ledger)
        outputs.write(ledger)
        write_pages(ledger)
    with timed("all kept: nothing to do"):
        assert not plan(dumps, ledger).todo  # noqa: S101 - a benchmark
        regroup(ledger)
    ledger.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    sizes = {path.name: f"{path.stat().st_size >> 10} KiB" for path in sorted(folder.glob("*.html"))}
    print(f"{'peak memory':40} {peak:8} MiB; {sizes}")


def real(dumps: list[str], crash: str, jobs: int, folder: Path) -> None:
    """A batch, what it does when all is kept, and the loop."""
    search = find_dumps(dumps)
    able = [one for one in search.dumps if one.trouble is None]
    rates = {}
    for which in ("first run", "second run (kernels known)"):
        ledger = Ledger(open_folder(folder / which[:6]))
        began = time.perf_counter()
        with timed(f"batch, {which}"):
            Batch(ledger, Options(jobs=jobs, crash=(crash,), memory=None)).run(plan(able, ledger).todo)
        rates[which] = 3600 * len(able) / (time.perf_counter() - began)
        ledger.close()
    began = time.perf_counter()
    with timed("loop of crash -i"):
        loop(able, crash, jobs, folder)
    rates["loop"] = 3600 * len(able) / (time.perf_counter() - began)
    for which, rate in rates.items():
        print(f"{which:40} {rate:8.0f} dumps/h, {rate / rates['loop']:.2f} times the loop's")


class Gaps(Nobody):
    """How long a slot was empty between two dumps, in all."""

    def __init__(self, jobs: int) -> None:
        self._lock, self._free = threading.Lock(), [time.perf_counter()] * jobs
        self.seconds = 0.0

    def began(self, dump: str, name: str) -> None:
        """A slot is filled."""
        del dump, name
        with self._lock:
            self.seconds += time.perf_counter() - self._free.pop(0)

    def ended(self, dump: str, name: str, result: Result) -> None:
        """A slot is free; its dump is kept."""
        del dump, name
        if result.status == "failed":
            raise SystemExit(f"{result.vmcore}: {result.reason}")
        with self._lock:
            self._free.append(time.perf_counter())


def workers(dumps: list[str], crash: str, jobs: int, repeat: int, folder: Path) -> None:
    """One worker against several over the same dumps, in turn: walls, processor, empty slots."""
    able = [one for one in find_dumps(dumps).dumps if one.trouble is None]
    run_batch(able, crash, jobs, folder / "warm")
    walls: dict[int, list[float]] = {1: [], jobs: []}
    for number in range(repeat):
        for count in (1, jobs) if number % 2 else (jobs, 1):
            load = os.getloadavg()[0]
            mine, theirs = own(resource.RUSAGE_SELF), own(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            gaps = run_batch(able, crash, count, folder / f"{number}-{count}")
            wall = time.perf_counter() - began
            walls[count].append(wall)
            mine, theirs = own(resource.RUSAGE_SELF) - mine, own(resource.RUSAGE_CHILDREN) - theirs
            print(
                f"-j {count}: {wall:7.1f} s wall; processor: workers {theirs:7.1f} s, parent {mine:5.2f} s;"
                f" slots empty {gaps.seconds:5.2f} s, load {load:.1f}", flush=True,
            )  # fmt: skip
    ratios = sorted(one / other for one, other in zip(walls[1], walls[jobs], strict=True))
    print(f"{jobs} workers, {len(able)} dumps: {statistics.median(ratios):.2f} times one ({ratios})")


def own(who: int) -> float:
    """Seconds of processor of this process, or of those that it started and that have ended."""
    use = resource.getrusage(who)
    return use.ru_utime + use.ru_stime


def run_batch(able: list[Found], crash: str, jobs: int, folder: Path) -> Gaps:
    """A batch into a new folder."""
    ledger, gaps = Ledger(open_folder(folder)), Gaps(jobs)
    Batch(ledger, Options(jobs=jobs, crash=(crash,), memory=None), watcher=gaps).run(plan(able, ledger).todo)
    ledger.close()
    return gaps


def copies(dumps: list[str], count: int, folder: Path) -> list[str]:
    """So many dumps of those that are named: the same with one byte more are others."""
    folder.mkdir()
    paths = list(dumps)
    vmlinux = {one.path: one.vmlinux for one in find_dumps(dumps).dumps}
    lines = ["vmcore,vmlinux,host"]
    while len(paths) < count:
        whole = Path(dumps[len(paths) % len(dumps)])
        paths.append(str(folder / f"vmcore.{len(paths)}"))
        Path(paths[-1]).write_bytes(whole.read_bytes() + bytes([len(paths)]))
        vmlinux[paths[-1]] = vmlinux[str(whole.absolute())]
    lines += [f"{Path(path).absolute()},{vmlinux.get(str(Path(path).absolute())) or ''}," for path in paths]
    (folder / "list.csv").write_text("\n".join(lines))
    return [f"@{folder}/list.csv"]


def loop(dumps: list[Found], crash: str, jobs: int, folder: Path) -> None:
    """A crash for each dump with all commands, N at a time."""
    commands = folder / "commands"
    commands.write_text("".join(f"{command}\n" for command in COMMANDS))
    left, running = list(dumps), list[subprocess.Popen[bytes]]()
    while left or running:
        while left and len(running) < jobs:
            one = left.pop()
            running.append(
                subprocess.Popen(
                    [crash, "-s", "-i", str(commands), str(one.vmlinux), one.path],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                )
            )  # fmt: skip
        running[0].wait()
        running = [process for process in running if process.poll() is None]


def main() -> int:
    """Measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--synthetic", type=int, metavar="COUNT")
    parser.add_argument("--crash", default="/usr/bin/crash")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--workers", action="store_true", help="one worker against N")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    parser.add_argument(
        "--count", type=int, default=0, metavar="N", help="make N dumps of those that are named"
    )
    parser.add_argument("dumps", nargs="*")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="batch-") as place:
        if chosen.synthetic:
            synthetic(chosen.synthetic, Path(place) / "synthetic")
        dumps = copies(chosen.dumps, chosen.count, Path(place) / "dumps") if chosen.count else chosen.dumps
        if dumps and chosen.workers:
            workers(dumps, chosen.crash, chosen.jobs, chosen.repeat, Path(place))
        elif dumps:
            real(dumps, chosen.crash, chosen.jobs, Path(place))
    return 0


if __name__ == "__main__":
    sys.exit(main())
