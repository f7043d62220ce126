"""What a session costs over crash itself, on any dump: ratios, side by side in one run.

    scripts/benchmark session --vmlinux VMLINUX --vmcore VMCORE [--crash PATH]

- the median round trip of `rd`, alone and in one input file;
- a report of 200 commands against ``crash -i`` with the same commands, each with its start; the medians of
  several runs taken in turns, also without the starts.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.given import readable
from crashdrive.session import Session
from crashdrive.session.binaries import find_binaries

REPORT = [
    "sys",
    "bt",
    "ps",
    "mod",
    "log",
    "mount",
    "p jiffies",
    "whatis list_head",
    "sym schedule",
    "rd init_task 64",
]


def timed(act: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def processor(act: Callable[[], object]) -> float:
    """Seconds of processor time that a call takes, here and in the processes that it ends."""

    def spent() -> float:
        usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    began = spent()
    act()
    return spent() - began


def crash_i(crash: str, files: Sequence[str], commands: Sequence[str]) -> None:
    """crash with the commands from a file, its output thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "commands")
        script.write_text("\n".join([*commands, "quit", ""]))
        subprocess.run(
            [crash, "-s", "--no_crashrc", "--no_scroll", "-i", str(script), *files], check=False, cwd=folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def round_trips(session: Session) -> None:
    """`rd`, one by one and together."""
    one = [timed(lambda: session.run("rd init_task")) for _ in range(1000)]
    together = timed(lambda: session.run_many(["rd init_task"] * 1000)) / 1000
    print(f"rd, one by one     median {statistics.median(one) * 1e3:.3f} ms (goal: at most 1 ms)")
    print(f"rd, 1000 together  {together * 1e3:.3f} ms each")


def report(open_session: Callable[[], Session], crash: str, files: Sequence[str], runs: int) -> None:
    """200 commands: a session's whole life against crash -i's, in turns."""
    commands = REPORT * 20

    def ours() -> float:
        with open_session() as session:
            return timed(lambda: session.run_many(commands, timeout=600))

    whole, inside, theirs, start = [], [], [], []
    our_processor, their_processor = [], []
    for _ in range(runs):
        our_processor.append(processor(lambda: whole.append(timed(lambda: inside.append(ours())))))
        their_processor.append(
            processor(lambda: theirs.append(timed(lambda: crash_i(crash, files, commands))))
        )
        start.append(timed(lambda: crash_i(crash, files, ["p 1"])))
    ratio = statistics.median(whole) / statistics.median(theirs)
    alone = statistics.median(t - s for t, s in zip(theirs, start, strict=True))
    medians = f"session {statistics.median(whole):.2f} s, crash -i {statistics.median(theirs):.2f} s"
    print(f"200 commands       {medians}")
    print(f"                   ratio {ratio:.3f} (goal: at most 1.05)")
    busy = statistics.median(our_processor) / statistics.median(their_processor)
    print(f"  processor time   ratio {busy:.3f}: what to go by on a busy machine")
    print(f"  without starts   session {statistics.median(inside):.2f} s, crash -i about {alone:.2f} s")


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vmlinux", required=True)
    parser.add_argument("--vmcore", required=True)
    parser.add_argument("--crash", default="")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    readable(options.vmlinux)
    readable(options.vmcore)
    crash = str(Path(options.crash or find_binaries()[0].path).absolute())
    files = [str(Path(options.vmlinux).absolute()), str(Path(options.vmcore).absolute())]

    def open_session() -> Session:
        return Session.open(*files, crash=[crash], timeout=600)

    with open_session() as session:
        print(f"crash {session.version}, {session.identity.get('osrelease')}")
        round_trips(session)
    report(open_session, crash, files, options.runs)


if __name__ == "__main__":
    main()
