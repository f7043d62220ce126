"""What a prompt costs: how soon it stands on a kept dump, and how long TAB takes among a kernel's names.

::

    scripts/benchmark shell .lab/dumps/6.1-elf-sysrq/vmcore [--crash BINARY] [--rounds 7]

The dump is asked once before, so that how crash comes up on it is kept. Medians of wall clock and of
processor seconds. Limits: a prompt in 0.2 s, a completion in 50 ms, among the kernel's own names and
among 150,000. The prompt stands before what edits its line is loaded; a key that is pressed at once waits
for that, and how long until it is shown is told beside it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pexpect

from benchmarks.given import fail, readable
from crashdrive.dump.find import find_target
from crashdrive.kernel.symbols.image import ImageSymbols
from crashdrive.shell.names import Sorted

PROMPT_LIMIT, TAB_LIMIT = 0.2, 0.05


class Prompt(NamedTuple):
    """Seconds of wall clock and of processor: until the prompt stands, until a key pressed then is shown."""

    wall: float
    processor: float
    key_wall: float
    key_processor: float


def prompt(words: list[str]) -> Prompt:
    """A shell that is started, and a key pressed at its first prompt."""
    began = time.perf_counter()
    child = pexpect.spawn(
        sys.executable, ["-m", "crashdrive", "shell", *words], dimensions=(24, 80), encoding="utf-8",
        timeout=120, env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
    )  # fmt: skip
    child.delaybeforesend = None
    try:
        child.expect_exact("crashdrive>")
        wall, processor = time.perf_counter() - began, processor_of(child.pid)
        child.send("z")
        child.expect_exact("z")
        return Prompt(wall, processor, time.perf_counter() - began, processor_of(child.pid))
    except (pexpect.EOF, pexpect.TIMEOUT):
        said = (child.before or "").strip().splitlines()
        fail(f"crashdrive shell gave no prompt: {said[-1] if said else 'without a word'}")
    finally:
        child.close(force=True)


def processor_of(pid: int | None) -> float:
    """What a process and the ended ones that it started took, in seconds of a hundredth each."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def took(work: Callable[[], object], rounds: int) -> float:
    """The median of seconds."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> int:
    """Measure, print, and say whether the limits were held."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    given.add_argument("vmcore")
    given.add_argument("--crash", action="append", default=[])
    given.add_argument("--rounds", type=int, default=7)
    options = given.parse_args()
    readable(options.vmcore)
    words = [*(word for path in options.crash for word in ("--crash", path)), options.vmcore]
    prompt(words)
    found = [prompt(words) for _ in range(options.rounds)]
    middle = Prompt(*(statistics.median(column) for column in zip(*found, strict=True)))
    print(f"prompt: {middle.wall:.3f} s, processor {middle.processor:.2f} s (limit {PROMPT_LIMIT})")
    print(f"a key pressed then, shown: {middle.key_wall:.3f} s, processor {middle.key_processor:.2f} s")
    vmlinux = find_target(None, options.vmcore).vmlinux.path
    began = time.perf_counter()
    names = Sorted(ImageSymbols(vmlinux).names())
    print(f"names loaded: {len(names)} in {time.perf_counter() - began:.3f} s")
    many = Sorted(f"symbol_{number:06d}" for number in range(150_000))
    slowest = 0.0
    for what, sorted_names, typed in (("kernel", names, "tcp_"), ("150,000", many, "symbol_0")):
        seconds = took(lambda one=sorted_names, text=typed: one.beginning(text, 200), options.rounds)  # type: ignore[misc]
        slowest = max(slowest, seconds)
        print(f"completion of {typed} among {what}: {1000 * seconds:.3f} ms (limit {1000 * TAB_LIMIT:.0f})")
    return 0 if middle.processor <= PROMPT_LIMIT and slowest <= TAB_LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
