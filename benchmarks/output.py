"""What reading crash's output costs over a bare loop of os.read, on any dump: side by side in one run.

    scripts/benchmark output --vmlinux VMLINUX --vmcore VMCORE [--crash PATH] [--gigabyte]

The symbol table (`sym -l`, 5.5 MB) through the session's terminal: by the session, and by a loop that does
nothing but read until the prompt has come. With ``--gigabyte``: how much memory 1 GB of output to a file
takes (`rd` of the same memory again and again).
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from pathlib import Path

from crashdrive.session import Session
from crashdrive.session.transport import PtyTransport


def bare(transport: PtyTransport, command: bytes) -> tuple[float, int]:
    """Seconds and bytes of a loop that only reads."""
    master, prompt = transport.process.master, transport.prompt
    began = time.perf_counter()
    os.write(master, command + b"\n")
    size, tail = 0, b""
    while not tail.endswith(prompt):
        data = os.read(master, 1 << 16)
        size += len(data)
        tail = (tail + data)[-len(prompt) :]
    return time.perf_counter() - began, size


def symbols(session: Session, runs: int) -> None:
    """`sym -l`, in turns."""
    transport = session._transport  # noqa: SLF001 - the benchmark is about its inside
    assert isinstance(transport, PtyTransport)  # noqa: S101 - nothing is recorded
    session.run("sym -l")
    ours, theirs, size = [], [], 0
    for _ in range(runs):
        seconds, size = bare(transport, b"sym -l")
        theirs.append(seconds)
        ours.append(session.run("sym -l").elapsed)
    ratio = statistics.median(ours) / statistics.median(theirs)
    medians = f"session {statistics.median(ours):.3f} s, os.read {statistics.median(theirs):.3f} s"
    print(f"sym -l, {size / 1e6:.1f} MB   {medians}")
    print(f"                  ratio {ratio:.2f} (goal: at most 1.5)")


def gigabyte(session: Session) -> None:
    """1 GB to a file."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    size = 0
    with Path(os.devnull).open("wb") as file:
        while size < 1 << 30:
            session.run("sym -l", to=file)
            size += 5_500_000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    seconds = time.perf_counter() - began
    print(f"{size / 1e9:.1f} GB to a file   {seconds:.1f} s, memory grew by {grown >> 10} MB")


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vmlinux", required=True)
    parser.add_argument("--vmcore", required=True)
    parser.add_argument("--crash", default="")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--gigabyte", action="store_true")
    options = parser.parse_args()
    crash = [options.crash] if options.crash else []
    with Session.open(options.vmlinux, options.vmcore, crash=crash) as session:
        symbols(session, options.runs)
        if options.gigabyte:
            gigabyte(session)


if __name__ == "__main__":
    main()
