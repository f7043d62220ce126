"""Fuzz the parsers with atheris, from the golden files as seeds.

    .venv/bin/pip install atheris
    scripts/fuzz --seconds 3600

An input is a command line, a newline, and what that command is said to have printed. A parser may give an
answer or raise one of crashdrive's errors; anything else is a finding, and so is one that takes longer than
a bound in proportion to its text. Findings are left in the folder that --artifacts names. A run that
is given the same --corpus goes on where the last one ended.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from crashdrive.errors import CrashdriveError

GOLDEN = Path(__file__).resolve().parents[1] / "golden_outputs"
LONGEST = 1 << 14
# of CPU time: the machine may be busy. Generous: the slowest parser does 1 MB/s, instrumentation costs ten
# times that
SECONDS = 2.0


class Findings:
    """What went wrong, once for each place in the parsers; the run goes on after it."""

    def __init__(self, folder: Path, parse: Callable[..., object]) -> None:
        self.folder = folder
        self.parse = parse
        self.seen: set[str] = set()

    def one(self, data: bytes) -> None:
        """Parse one input; keep it where that fails in a new way."""
        try:
            one(data, self.parse)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            place = where(error)
            if place not in self.seen:
                self.seen.add(place)
                (self.folder / f"finding{len(self.seen)}").write_bytes(data)
                print(f"FINDING {len(self.seen)}: {place}", file=sys.stderr)


def where(error: Exception) -> str:
    """The error's kind and the innermost place in the package."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "crashdrive" in frame.filename]
    last = ours[-1] if ours else frames[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


def one(data: bytes, parse: Callable[..., object]) -> None:
    """Parse one input, strictly and leniently."""
    command, _, text = data.decode("utf-8", "backslashreplace").partition("\n")
    began = time.process_time()
    for lenient in (False, True):
        try:
            parse(command, text, lenient=lenient)
        except CrashdriveError:
            continue
    took = time.process_time() - began
    if took > SECONDS:
        raise TimeoutError(f"{took:.1f} s for {len(data)} bytes")


def seeds(folder: Path) -> int:
    """Write the golden files as inputs; gives how many."""
    count = 0
    for count, case in enumerate(sorted(GOLDEN.glob("*/*/*/*.cmd")), 1):
        command = case.read_bytes().split(b"\n", 1)[0]
        output = case.with_suffix(".out").read_bytes()[:LONGEST]
        (folder / f"seed{count}").write_bytes(command + b"\n" + output)
    return count


def main() -> None:
    """Run libFuzzer for so many seconds."""
    form = argparse.RawDescriptionHelpFormatter
    options = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    options.add_argument("--seconds", type=int, default=3600, help="how long (default: 3600)")
    options.add_argument("--artifacts", default=".", help="folder for findings (default: here)")
    options.add_argument("--corpus", type=Path, help="folder of inputs, kept (default: one that is removed)")
    chosen = options.parse_args()
    import atheris  # noqa: PLC0415 - in no extra, and nothing that --help needs

    with atheris.instrument_imports(include=["crashdrive.parsers"]):
        from crashdrive import parsers  # noqa: PLC0415 - instrumented here

        for name in parsers.command_names():
            parsers.module_for(name)
    findings = Findings(Path(chosen.artifacts), parsers.parse)
    with contextlib.ExitStack() as stack:
        folder = chosen.corpus or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{seeds(folder)} seeds, {chosen.seconds} s", file=sys.stderr)
        flags = [f"-max_total_time={chosen.seconds}", f"-max_len={LONGEST}", "-timeout=300"]
        places = [f"-artifact_prefix={chosen.artifacts}/", str(folder)]
        atheris.Setup([sys.argv[0], *flags, "-rss_limit_mb=4096", *places], findings.one)
        atheris.Fuzz()
