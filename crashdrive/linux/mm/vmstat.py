"""Counters of memory, as in /proc/vmstat: of zones, NUMA, nodes, and events (mm/vmstat.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.mm.nodes import unpacked, words
from crashdrive.linux.texts import texts
from crashdrive.records import Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_NAMES, _EVENTS, _EVENT_STATE = "vmstat_text", "vm_event_states", "struct vm_event_state"
# the global counters in the order of vmstat_text; counts per NUMA node have an array of their own since 5.14
_ARRAYS = (
    ("zone", "vm_zone_stat"),
    ("numa", "vm_numa_event"),
    ("numa", "vm_numa_stat"),
    ("node", "vm_node_stat"),
)
# /proc shows huge pages; the kernel counts pages since 5.12 (69473e5de873), where NR_SWAPCACHE exists
_HUGE = frozenset(
    {
        "nr_anon_transparent_hugepages", "nr_file_hugepages", "nr_shmem_hugepages", "nr_file_pmdmapped",
        "nr_shmem_pmdmapped",
    }
)  # fmt: skip
_SINCE_5_12 = "nr_swapcached"
# before it there are at most so many names of computed values, no counters (nr_dirty_threshold)
_FIRST_EVENT, _BETWEEN = "pgpgin", 8
_LONGEST = 64


class VmCounter(Record, frozen=True):
    """A counter by its name in /proc/vmstat; ``counter_group``: ``zone``, ``numa``, ``node`` or ``event``.

    Those of zones and nodes are pages (or huge pages, kB for stacks) at the time of the dump, without the
    parts that CPUs haven't added yet, as in /proc. Events are counted since boot. None where the dump lacks
    it.
    """

    counter: str
    counter_group: str
    count: int | None


def vm_counters(survey: Survey) -> Iterator[VmCounter]:
    """All counters in the order of /proc/vmstat, without values that it computes when it is read
    (thresholds).
    """
    for group, name, count in _counted(survey):
        yield VmCounter(counter=name, counter_group=group, count=count)


def counters_by_name(counters: Iterator[VmCounter] | list[VmCounter]) -> dict[str, int | None]:
    """Counts by the names of /proc/vmstat."""
    return {row.counter: row.count for row in counters}


def huge_unit(kernel: Machine) -> int:
    """Pages of a huge page, which an entry of a page middle directory maps."""
    return kernel.page_size // kernel.pointer_size


def _counted(survey: Survey) -> Iterator[tuple[str, str, int | None]]:
    kernel = survey.kernel
    found: list[tuple[str, int | None]] = []
    for group, symbol in _ARRAYS:
        if kernel.symbols.has(symbol):
            found += [(group, value) for value in _array(survey, symbol)]
    events = _events(survey)
    names = _names(survey, 0, len(found) + (_BETWEEN if events else 0))
    divided = huge_unit(kernel) if _SINCE_5_12 in names else 1
    for name, (group, value) in zip(names, found, strict=False):
        if name is not None:
            yield group, name, value // divided if value is not None and name in _HUGE else value
    if not events:
        return
    if _FIRST_EVENT not in names:
        message = f"{_NAMES} has no {_FIRST_EVENT}: counts of events have no names"
        survey.miss([Notice(kind="damaged", message=message)])
        return
    first = names.index(_FIRST_EVENT)
    for name, value in zip(_names(survey, first, len(events)), events, strict=True):
        if name is not None:
            yield "event", name, value


def _names(survey: Survey, first: int, count: int) -> list[str | None]:
    kernel = survey.kernel
    start = kernel.symbols.address(_NAMES) + first * kernel.pointer_size
    pointers = words(kernel, start, count)
    known = texts(survey, pointers, "names of counters", _LONGEST)
    return [known[pointer] for pointer in pointers]


def _array(survey: Survey, symbol: str) -> list[int | None]:
    """Global counters; one below 0, which CPUs' pending parts may cause, counts as 0."""
    kernel = survey.kernel
    count = kernel.variable_size(symbol) // kernel.pointer_size
    size = count * kernel.pointer_size
    window = kernel.window()
    place = kernel.symbols.address(symbol)
    window.fetch([(place, size)])
    raw = window.bytes(place, size)
    if raw is None:
        survey.miss([Notice(kind="hole", message=f"{symbol} is not in the dump")])
        return [None] * count
    return [max(value, 0) for value in unpacked(kernel, raw, signed=True)]


def _events(survey: Survey) -> list[int | None]:
    """Events, summed over the possible CPUs; none where the kernel doesn't count them."""
    kernel = survey.kernel
    if not kernel.symbols.has(_EVENTS):
        return []
    places = [kernel.per_cpu_address(_EVENTS, cpu) for cpu in kernel.possible_cpus]
    rows = survey.gaps(kernel.read_many(_EVENT_STATE, places, ["event"]), "counts of events")["event"]
    if None in rows:
        count = kernel.sizeof(_EVENT_STATE) // kernel.pointer_size
        return [None] * count
    mask = (1 << 8 * kernel.pointer_size) - 1
    return [sum(parts) & mask for parts in zip(*rows, strict=True)]


def pages_of(counts: Mapping[str, int | None], *names: str) -> int | None:
    """The sum of counters; None where one is missing, or the kernel has none of that name."""
    found = [counts.get(name) for name in names]
    return None if None in found else sum(one for one in found if one is not None)
