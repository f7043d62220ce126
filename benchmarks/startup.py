"""What it costs to start: wall-clock seconds of ``import crashdrive`` and of ``crashdrive --help``.

Side by side with a bare interpreter, in turns within one run; medians. Limits: 0.15 s and 0.25 s.
Run it as ``scripts/benchmark startup [ROUNDS]``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import crashdrive": ["-c", "import crashdrive"],
    "crashdrive --help": ["-m", "crashdrive", "--help"],
    "crashdrive --version": ["-m", "crashdrive", "--version"],
}
LIMITS = {"import crashdrive": 0.15, "crashdrive --help": 0.25}


def once(arguments: list[str]) -> float:
    """Seconds of one run."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    """Print the medians; 1 where one is above its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rounds", type=int, nargs="?", default=11)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            times[name].append(once(arguments))
    bare = statistics.median(times["python -c pass"])
    late = False
    for name, seconds in times.items():
        median = statistics.median(seconds)
        limit = LIMITS.get(name)
        late = late or (limit is not None and median > limit)
        verdict = "" if limit is None else f"  limit {limit:.2f} s: {'ok' if median <= limit else 'ABOVE'}"
        print(f"{name:22} {median:.3f} s  {median / bare:5.2f} x bare python{verdict}")
    return int(late)


if __name__ == "__main__":
    print(f"python {sys.version.split()[0]} in {Path(sys.prefix).name}")
    sys.exit(main())
