"""Pressure of the machine and of cgroups, as ``*.pressure`` has it (kernel/sched/psi.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple, Self

from crashdrive.linux.survey import Fields
from crashdrive.records import Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crashdrive.linux.cgroups.groups import Found
    from crashdrive.linux.survey import Survey

_GROUP = "struct psi_group"
# enum psi_states (include/linux/psi_types.h), in its order
_STATES = (("io", "some"), ("io", "full"), ("memory", "some"), ("memory", "full"), ("cpu", "some"),
           ("cpu", "full"), ("irq", "full"))  # fmt: skip
_FSHIFT = 11  # of fixed-point averages (include/linux/sched/loadavg.h)
_SECOND = 1e9


class Pressure(Record, frozen=True):
    """How long tasks of a cgroup were stalled for lack of a resource; ``path`` is None for the whole machine.

    ``pressure_of``: ``cpu``, ``memory``, ``io`` or ``irq``; ``share``: ``some`` tasks, or ``full``: all.
    ``avg10_percent`` and so on: averages over 10, 60 and 300 seconds, at most two seconds old.
    ``stalled_seconds``: the sum since boot.
    """

    path: str | None
    pressure_of: str
    share: str
    avg10_percent: float
    avg60_percent: float
    avg300_percent: float
    stalled_seconds: float


def pressures(survey: Survey, found: Iterable[Found]) -> Iterator[Pressure]:
    """Pressure of the machine, then of each cgroup of version 2; none without PSI."""
    kernel = survey.kernel
    if not kernel.has_type(_GROUP) or not kernel.symbols.has("psi_system"):
        survey.absent("pressure stall information")
        return
    groups: list[tuple[str | None, int]] = [(None, kernel.symbols.address("psi_system"))]
    groups += _of_cgroups(survey, [one for one in found if one.hierarchy.unified and one.above is not None])
    form = _Form.of(survey)
    memory = kernel.gather(part for _, place in groups for part in form.parts(place))
    for path, place in groups:
        total, average = (memory.get(*part) for part in form.parts(place))
        if total is None or average is None:
            survey.miss(
                [Notice(kind="hole", message=f"pressure of {path or 'the machine'}: not in the dump")]
            )
            continue
        averages = struct.unpack(f"{kernel.order}{3 * form.states}{form.letter}", average)
        stalled = struct.unpack(f"{kernel.order}{form.states}Q", total[: 8 * form.states])
        for at, (resource, share) in enumerate(_STATES[: form.states]):
            short, middle, long = (part / (1 << _FSHIFT) for part in averages[3 * at : 3 * at + 3])
            yield Pressure(
                path=path, pressure_of=resource, share=share, avg10_percent=short, avg60_percent=middle,
                avg300_percent=long, stalled_seconds=stalled[at] / _SECOND,
            )  # fmt: skip


class _Form(NamedTuple):
    """Offsets of the sums and averages in a ``struct psi_group``, and the number of its states."""

    total_at: int
    total_size: int
    average_at: int
    average_size: int
    states: int
    letter: str

    @classmethod
    def of(cls, survey: Survey) -> Self:
        kernel = survey.kernel
        total, average = (kernel.sizeof(kernel.place(_GROUP, name).type) for name in ("total", "avg"))
        return cls(
            total_at=kernel.offset(_GROUP, "total"),
            total_size=total,
            average_at=kernel.offset(_GROUP, "avg"),
            average_size=average,
            states=average // (3 * kernel.pointer_size),
            letter="Q" if kernel.pointer_size == 8 else "I",
        )

    def parts(self, place: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Addresses and sizes of the two."""
        return (place + self.total_at, self.total_size), (place + self.average_at, self.average_size)


def _of_cgroups(survey: Survey, found: list[Found]) -> list[tuple[str | None, int]]:
    kernel = survey.kernel
    # a pointer since 6.1 (34f26a15611a)
    embedded = kernel.place("struct cgroup", "psi").type
    if kernel.sizeof(embedded) > kernel.pointer_size:
        shift = kernel.offset("struct cgroup", "psi")
        return [(one.path, one.address + shift) for one in found]
    fields = Fields(kernel, "struct cgroup", {"psi": ("psi",)}, ("psi",))
    rows = survey.rows(fields, [one.address for one in found], "pressure of cgroups")
    return [(one.path, row["psi"]) for one, row in zip(found, rows, strict=True) if row["psi"]]
