"""What layouts of PyKdump's programs are held to: recorded reports, and the lines made of them.

golden_outputs/pykdump/layouts/NAME.out has the lines of each of `layouts`; ``python scripts/layoutkit.py``
writes them anew. Read what has changed before you commit it.
"""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from crashdrive.pykdump.likeness import devices, routes, sockets, summary, tasks
from crashdrive.text import printable

CHECKOUT = Path(__file__).resolve().parents[1]
GOLDEN = CHECKOUT / "golden_outputs"
LAYOUTS_FOLDER = GOLDEN / "pykdump" / "layouts"
_NETWORK, _TASKS = "sessions/6.1-elf-sysrq-8.0.2", "reports/ps/6.1-elf-tasks-8.0.2"
_SOCKETS = "netstat all=True processes=True detail=True"
_THREADS = "ps threads=True wait=True show=('scheduling', 'times')"


class Layout(NamedTuple):
    """A recorded report: its recording and case; ``lines`` as `crashdrive.pykdump.asked.Asked` has them."""

    recording: str
    case: str
    lines: Callable[[Any], Iterator[str]]


def layouts() -> dict[str, Layout]:
    """All of them, by the command that prints so."""
    every: list[tuple[str, str, str, Callable[..., Iterator[str]]]] = [
        ("xportshow-a", _NETWORK, _SOCKETS, partial(sockets.lines, verbosity=0)),
        ("xportshow-avv", _NETWORK, _SOCKETS, partial(sockets.lines, verbosity=2)),
        ("xportshow-r", _NETWORK, "routing classic=True", routes.classic),
        ("xportshow-rv", _NETWORK, "routing all=True details=True", routes.tables),
        (
            "xportshow-rtcache",
            _NETWORK,
            "routing four=True rules=True nexthops=True cache=True",
            routes.exceptions,
        ),
        ("xportshow-arp", _NETWORK, "neighbours", routes.neighbours),
        ("xportshow-i", _NETWORK, "interfaces", devices.interfaces),
        ("xportshow-ivv", _NETWORK, "interfaces all=True", partial(devices.interfaces, verbosity=2)),
        ("xportshow-s", _NETWORK, "snmp nonzero=True group=('Tcp', 'Udp') netns=red", devices.statistics),
        ("xportshow-softnet", _NETWORK, "softnet packets=True", devices.softnet),
        ("xportshow-summary", _NETWORK, "netsummary", summary.lines),
        ("taskinfo", _TASKS, _THREADS, partial(tasks.lines, ask=str)),
        ("taskinfo-r", _TASKS, _THREADS, partial(tasks.lines, ask=str, recent=True, most=9)),
        ("taskinfo-cmd", _TASKS, "ps state=('D', 'Z')", partial(tasks.lines, ask=_answered, command="set")),
    ]
    return {name: Layout(recording, case, made) for name, recording, case, made in every}


def _answered(command: str) -> str:
    return f"what crash says to\n{command}"


@cache
def _recorded(recording: str) -> Any:
    return json.loads(lzma.decompress((GOLDEN / recording / "expected.json.xz").read_bytes()))


def lines(layout: Layout) -> list[str]:
    """What a layout makes of its report."""
    told = _recorded(layout.recording)[layout.case]["tables"]
    tables = [SimpleNamespace(name=name, rows=[_row(row) for row in rows]) for name, rows in told.items()]
    found = layout.lines(SimpleNamespace(tables=tables))
    return ["\t".join(map(printable, line.split("\t"))) for line in found]


def _row(value: Any) -> Any:
    """A row out of JSON: addresses are numbers again; members that are structures are rows, too."""
    if isinstance(value, dict):
        found = SimpleNamespace(**{name: _row(item) for name, item in value.items()})
        found.get = value.get
        return found
    if isinstance(value, list):
        return tuple(_row(item) for item in value)
    return int(value, 16) if isinstance(value, str) and value.startswith("0x") else value


def main() -> int:
    """Write the lines of each."""
    LAYOUTS_FOLDER.mkdir(parents=True, exist_ok=True)
    for name, layout in layouts().items():
        target = LAYOUTS_FOLDER / f"{name}.out"
        target.write_text("".join(f"{line}\n" for line in lines(layout)), encoding="utf-8")
        print(target.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
