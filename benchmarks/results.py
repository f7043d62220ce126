"""What was measured, as one document: JSON, a table, Markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.goals import MANY_SOCKETS, Goal, goals
from benchmarks.measure import Figure
from benchmarks.ways import OTHERS, WAYS

_MIB = 1 << 20


class Asked(msgspec.Struct, frozen=True):
    """A case on a dump: its figures by way; ``failed``: why a way has none."""

    case: str
    title: str
    figures: dict[str, Figure]
    failed: dict[str, str] = {}
    than: str = ""


class OnDump(msgspec.Struct, frozen=True):
    """All cases on one dump; ``sizes``: how many tasks and sockets it has."""

    dump: str
    crash: str
    sizes: dict[str, int]
    cases: list[Asked]


class Results(msgspec.Struct, frozen=True):
    """One run of the program."""

    machine: dict[str, str]
    runs: int
    dumps: list[OnDump]
    goals: list[Goal] = []
    missing: dict[str, str] = {}


def goals_of(dumps: Sequence[OnDump], found: Mapping[str, float]) -> list[Goal]:
    """What is to be reached: of netstat on the dump with most sockets, of all else on the first one."""
    figures = [{asked.case: asked.figures for asked in one.cases} for one in dumps]
    most = max(range(len(dumps)), key=lambda number: dumps[number].sizes.get("sockets", 0))
    return goals(figures[most], figures[0], found)


def ratio(asked: Asked, way: str) -> float | None:
    """How long a way takes, in times of drgn's process, of ``crash -i`` where drgn has none."""
    base = next((asked.figures[name] for name in ("drgn", "crash") if name in asked.figures), None)
    found = asked.figures.get(way)
    return None if base is None or found is None or not base.processor else found.processor / base.processor


def _cell(asked: Asked, way: str) -> str:
    if way in asked.failed:
        return "failed"
    if (found := asked.figures.get(way)) is None:
        return "-"
    share = ratio(asked, way)
    times = "" if share is None or way in OTHERS else f" ({share:.2f}x)"
    return f"{found.seconds:.2f} / {found.processor:.2f}{times}{' *' if found.sampled else ''}"


def _notes(one: OnDump) -> Iterator[str]:
    yield "seconds by the clock / seconds of processor; (x) processor in times of drgn's, else of crash's"
    for asked in one.cases:
        if asked.than:
            yield f"{asked.title}: {asked.than}"
        for way, found in asked.figures.items():
            if found.sampled:
                yield f"* {asked.title}, {WAYS[way]}: {found.sampled}, the rest is computed from them"
        for way, why in asked.failed.items():
            yield f"{asked.title}, {WAYS[way]}: {why}"


def _fewer(one: OnDump, runs: int) -> Iterator[str]:
    """Cases for whose runs there wasn't time."""
    for asked in one.cases:
        done = min((len(found.runs) for found in asked.figures.values()), default=runs)
        if done < runs:
            yield f"{asked.title}: medians of {done}"


def _of_goals(results: Results) -> Iterator[str]:
    """What has to be known beside their table."""
    sockets = max((one.sizes.get("sockets", 0) for one in results.dumps), default=0)
    if sockets < MANY_SOCKETS:
        yield f"netstat's goals are meant for {MANY_SOCKETS:,} sockets, and these are {sockets:,}"
    yield from (f"{what}: {why}" for what, why in results.missing.items())


_GOALS = ("to reach (seconds of processor)", "goal", "found", "held")


def _work(one: OnDump) -> Iterator[tuple[str, ...]]:
    yield ("case", "commands", "terminal", "FIFO", "client", "crash")
    for asked in one.cases:
        known = asked.figures.get("known")
        if known is not None and (did := known.counted) is not None:
            sizes = (did.terminal_bytes, did.fifo_bytes, did.client_memory, did.crash_memory)
            yield (asked.title, str(did.commands), *(f"{size / _MIB:.1f} MiB" for size in sizes))


def _ways(one: OnDump) -> list[str]:
    return [way for way in WAYS if any(way in asked.figures or way in asked.failed for asked in one.cases)]


def show(results: Results) -> None:
    """The tables on standard output: as wide as they are where that is no terminal."""
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 240)
    for name, value in results.machine.items():
        console.print(f"{name}: {value}", markup=False, highlight=False)
    for one in results.dumps:
        sizes = ", ".join(f"{count} {what}" for what, count in one.sizes.items())
        console.print(f"\n{one.dump}: {sizes}; {one.crash}; medians of {results.runs}", markup=False)
        ways = _ways(one)
        rows = [(asked.title, *(_cell(asked, way) for way in ways)) for asked in one.cases]
        console.print(_table(("case", *(WAYS[way] for way in ways)), rows))
        for note in (*_notes(one), *_fewer(one, results.runs)):
            console.print(note, markup=False, highlight=False)
        head, *work = _work(one)
        if work:
            console.print("\nwith the kernel known, crashdrive's work and peak memory:", markup=False)
            console.print(_table(head, work))
    if results.goals:
        console.print()
        console.print(_table(_GOALS, [goal.shown() for goal in results.goals]))
        for note in _of_goals(results):
            console.print(note, markup=False, highlight=False)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table


def markdown(results: Results, pictures: Sequence[str]) -> str:
    """The same as a page."""
    lines = [
        "# What crashdrive takes, side by side",
        "",
        *(f"- {k}: {v}" for k, v in results.machine.items()),
    ]
    for one in results.dumps:
        sizes = ", ".join(f"{count} {what}" for what, count in one.sizes.items())
        ways = _ways(one)
        lines += ["", f"## {one.dump}", "", f"{sizes}; {one.crash}; medians of {results.runs}.", ""]
        lines += _rows([("case", *(WAYS[way] for way in ways))])
        lines += ["|---" * (len(ways) + 1) + "|"]
        lines += _rows((asked.title, *(_cell(asked, way) for way in ways)) for asked in one.cases)
        lines += ["", *(f"- {note}" for note in (*_notes(one), *_fewer(one, results.runs))), ""]
        head, *work = _work(one)
        if work:
            lines += [*_rows([head]), "|---" * len(head) + "|", *_rows(work)]
    if results.goals:
        lines += ["", "## To reach", "", *_rows([_GOALS]), "|---" * len(_GOALS) + "|"]
        lines += [*_rows([goal.shown() for goal in results.goals]), ""]
        lines += [f"- {note}" for note in _of_goals(results)]
    return "\n".join([*lines, "", *(f"![{name}]({name})" for name in pictures), ""])


def _rows(rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in rows]
