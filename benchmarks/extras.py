"""What goals ask for beside the cases: starts with an index, edited scripts, members in a loop, look-ups."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from benchmarks import kept
from benchmarks.budget import Budget
from benchmarks.cases import FIVE, Case
from benchmarks.goals import INDEXED
from benchmarks.measure import HERE
from benchmarks.ways import FAILURES, Ways

_LAB = HERE / ".lab/crash"
_MEMBERS = """\
import time


def report(crash):
    task = crash.kernel.symbol("init_task")
    int(task.pid)
    times = []
    for work in (lambda: task.pid, lambda: int(task.pid)):
        began = time.process_time()
        for _ in range(300_000):
            work()
        times.append(time.process_time() - began)
    print(*times)
"""


class Extras(msgspec.Struct):
    """Seconds of the processor by name (see `benchmarks.goals`); why one is missing."""

    seconds: dict[str, float] = {}
    failed: dict[str, str] = {}


def extras(ways: Ways, runs: int, budget: Budget, say: Callable[[str], None]) -> Extras:
    """Measure all of them while there is time."""
    found = Extras()
    parts: list[tuple[str, Callable[[], Iterable[tuple[str, float]]]]] = [
        ("members read in a loop", lambda: _members(ways, runs)),
        ("a look-up in a large store", lambda: [("lookup", kept.looked_up().median)]),
        ("an edited script", lambda: _edited(ways, runs, budget)),
        *(
            (f"starts of crash {version}", lambda version=version: _starts(ways, version, runs, budget))
            for version in INDEXED
        ),
    ]
    for what, measure in parts:
        if budget.over:
            found.failed[what] = "no time was left"
            continue
        say(what)
        try:
            found.seconds.update(measure())
        except FAILURES as error:
            found.failed[what] = str(error)
    return found


def _members(ways: Ways, runs: int) -> list[tuple[str, float]]:
    script = ways.folder / "members.py"
    script.write_text(_MEMBERS)
    said = [ways.said(["run"], [str(script)]).split() for _ in range(runs)]
    access, reads = (statistics.median(map(float, column)) for column in zip(*said, strict=True))
    return [("access", access / 300_000), ("reads", reads)]


def _edited(ways: Ways, runs: int, budget: Budget) -> list[tuple[str, float]]:
    script = ways.folder / "edited.py"
    text = (FIVE / "blocked.py").read_text()
    script.write_text(text)
    case = Case(name="edited", title="an edited script", words=("run",), behind=(str(script),))
    for _ in range(2):
        ways.once("known", case)
    taken: dict[str, list[float]] = {"unedited": [], "edited": []}
    for number in budget.rounds(runs):
        taken["unedited"].append(ways.once("known", case).processor)
        script.write_text(f"{text}# edited {number}\n")
        taken["edited"].append(ways.once("known", case).processor)
    return _medians(taken)


def _starts(ways: Ways, version: str, runs: int, budget: Budget) -> list[tuple[str, float]]:
    """Full starts, with gdb's index and without, in turns."""
    binary = _LAB / version / "crash"
    if not binary.exists():
        return []
    ways.said(["prepare"], [], vmcore=False)
    taken: dict[str, list[float]] = {f"plain {version}": [], f"indexed {version}": []}
    for _ in budget.rounds(runs):
        taken[f"plain {version}"].append(ways.start(str(binary), index=False))
        taken[f"indexed {version}"].append(ways.start(str(binary), index=True))
    return _medians(taken)


def _medians(taken: Mapping[str, Sequence[float]]) -> list[tuple[str, float]]:
    return [(name, statistics.median(seconds)) for name, seconds in taken.items() if seconds]
