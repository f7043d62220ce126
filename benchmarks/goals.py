"""What has to be reached, each goal beside what was found: seconds of the processor, ratios of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from benchmarks.measure import Figure

SCRIPTS = ("blocked", "slabs", "stuck", "mounts", "devices")
# the dump that the goals of netstat speak of
MANY_SOCKETS = 39_500
# of a full start with gdb's index, to one without
INDEXED = {"8.0.2": 0.5, "8.0.6": 0.5, "9.0.2": 0.8}
# what a script takes that was edited, to the same one unedited: noise aside, as much
EDITED = 1.15

Figures = Mapping[str, Mapping[str, Figure]]


class Goal(msgspec.Struct, frozen=True):
    """One of them. ``found`` None: it wasn't measured. Both in ``unit``: s, or times (x) of something."""

    what: str
    most: float
    found: float | None
    unit: str = "s"

    @property
    def held(self) -> bool | None:
        """Whether it is reached."""
        return None if self.found is None else self.found <= self.most

    def shown(self) -> tuple[str, str, str, str]:
        """For a table."""
        held = {True: "yes", False: "NO", None: "not measured"}[self.held]
        found = "-" if self.found is None else f"{self.found:.3g} {self.unit}"
        return self.what, f"<= {self.most:.3g} {self.unit}", found, held


def goals(socketful: Figures, usual: Figures, extras: Mapping[str, float]) -> list[Goal]:
    """All of them: by cases and ways on the dump with many sockets, and on the usual one."""
    return [
        *_kept(socketful, usual),
        *_netstat(socketful),
        *_scripts(usual),
        *(
            Goal(
                f"full start with an index, crash {version}", most,
                _share(extras.get(f"indexed {version}"), extras.get(f"plain {version}")), "x plain",
            )
            for version, most in INDEXED.items()
        ),
        Goal(
            "a script that was edited", EDITED, _share(extras.get("edited"), extras.get("unedited")),
            "x unedited",
        ),
        Goal("object.member", 10.0, _times(extras.get("access"), 1e6), "us"),
        Goal("300,000 reads in a loop", 4.0, extras.get("reads")),
        Goal("warm session: exec 'p jiffies'", 0.15, _of(usual, "jiffies", "warm")),
        Goal("look-up in a store of 10,000 dumps' answers", 5.0, _times(extras.get("lookup"), 1e3), "ms"),
    ]  # fmt: skip


def _kept(socketful: Figures, usual: Figures) -> Iterator[Goal]:
    drgn = _of(socketful, "netstat", "drgn")
    for case, form in (("netstat", "JSON"), ("netstat-table", "table")):
        kept = _of(socketful, case, "kept")
        yield Goal(f"kept netstat, {form}", 0.15, kept)
        yield Goal(f"kept netstat, {form}", 0.1, _share(kept, drgn), "x drgn")
    yield Goal("kept small report", 0.12, _of(usual, "sysinfo", "kept"))


def _netstat(socketful: Figures) -> Iterator[Goal]:
    known, drgn = _of(socketful, "netstat", "known"), _of(socketful, "netstat", "drgn")
    yield Goal("cold netstat, kernel known", 1.0, _share(known, drgn), "x drgn")


def _scripts(usual: Figures) -> Iterator[Goal]:
    bare = _of(usual, "start", "crash")
    for script in SCRIPTS:
        yield Goal(f"{script}, first ever", 1.3, _share(_of(usual, script, "first"), bare), "x crash -s")
    ours, others = (_together(usual, way) for way in ("first", "drgn"))
    yield Goal("the five scripts together, first ever", 2.0, _share(ours, others), "x drgn")
    for script in SCRIPTS:
        known, drgn = _of(usual, script, "known"), _of(usual, script, "drgn")
        more = None if known is None or drgn is None else known - drgn
        yield Goal(f"{script}, kernel known", 1.0, more, "s more than drgn")


def _together(figures: Figures, way: str) -> float | None:
    found = [_of(figures, script, way) for script in SCRIPTS]
    return None if None in found else sum(one for one in found if one is not None)


def _of(figures: Figures, case: str, way: str) -> float | None:
    found = figures.get(case, {}).get(way)
    return None if found is None else found.processor


def _share(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other


def _times(value: float | None, times: float) -> float | None:
    return None if value is None else value * times


def unreached(found: Sequence[Goal]) -> list[Goal]:
    """Those that were measured and aren't held."""
    return [goal for goal in found if goal.held is False]
