"""Memory of cgroups: usage, limits, and events of limits (mm/memcontrol.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.kernfs import kernfs_paths
from crashdrive.linux.mm.nodes import scaled
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crashdrive.linux.survey import Survey

_KIND, _STATE = "struct mem_cgroup", "struct cgroup_subsys_state"
_FIELDS = {
    "node": ("css.cgroup->kn",),
    "flags": ("css.flags",),
    "usage": ("memory.usage.counter", "memory.count.counter"),
    "most": ("memory.watermark",),
    "limit": ("memory.max", "memory.limit"),
    "high": ("memory.high", "high"),
    "swap": ("swap.usage.counter", "swap.count.counter"),
}
_EVENTS = {"at_limit": "MEMCG_MAX", "oom": "MEMCG_OOM", "oom_kill": "MEMCG_OOM_KILL"}
_ENUM = "enum memcg_memory_event"
# CSS_ONLINE
_ONLINE = 1 << 1
_DEEPEST = 64


class CgroupMemory(Record, frozen=True):
    """A cgroup's memory, that of groups below it included.

    ``limit_bytes`` (memory.max) and ``high_bytes`` (memory.high) are None for no limit. ``peak_bytes``: the
    highest usage. ``limit_hits``: how often it was about to exceed its limit, as in memory.events;
    ``oom_events``: how often reclaim didn't help, ``oom_kills``: tasks killed for it. ``cgroup_online``:
    False for a removed cgroup that still has memory charged. ``swap_bytes``: its swap; in cgroup v1 memory
    and swap.
    """

    cgroup: str | None
    usage_bytes: int | None
    limit_bytes: int | None
    limit_percent: float | None
    cgroup_high_bytes: int | None
    peak_bytes: int | None
    swap_bytes: int | None
    limit_hits: int | None
    oom_events: int | None
    oom_kills: int | None
    cgroup_online: bool | None
    mem_cgroup: Address


def cgroup_memory(survey: Survey) -> Iterator[CgroupMemory]:
    """All memory cgroups, from the root downwards; none where the kernel was built without them."""
    kernel = survey.kernel
    if not kernel.symbols.has("root_mem_cgroup"):
        return
    places = _below(survey)
    fields = Fields(kernel, _KIND, _FIELDS | _events(survey), ("usage", "limit"))
    rows = survey.addressed(fields, places, "memory cgroups")
    # the first one is the root
    names = {row["node"]: "/" for _, row in rows[:1] if row["node"]}
    below = [row["node"] for _, row in rows if row["node"] and row["node"] not in names]
    paths = names | kernfs_paths(survey, below, "cgroups")
    # PAGE_COUNTER_MAX: LONG_MAX / PAGE_SIZE
    most = ((1 << (8 * kernel.pointer_size - 1)) - 1) // kernel.page_size
    for address, row in rows:
        yield _row(survey, address, row, paths.get(row["node"] or 0), most)


def _events(survey: Survey) -> dict[str, tuple[str, ...]]:
    """Paths of the counts of events, where the kernel has them."""
    kernel = survey.kernel
    if not kernel.has_type(_ENUM) or not kernel.has_member(_KIND, "memory_events"):
        return dict.fromkeys(_EVENTS, ())
    numbers = kernel.enumerators(_ENUM)
    return {
        name: (f"memory_events[{numbers[event]}].counter",) if event in numbers else ()
        for name, event in _EVENTS.items()
    }


def _below(survey: Survey) -> list[int]:
    """The root and all groups below it, a level at a time."""
    kernel = survey.kernel
    root = kernel.read_pointer(kernel.symbols.address("root_mem_cgroup"))
    state, children = kernel.offset(_KIND, "css"), kernel.offset(_STATE, "children")
    found: dict[int, None] = {}
    level = [root] if root else []
    for _ in range(_DEEPEST):
        found |= dict.fromkeys(level)
        heads = [group + state + children for group in level]
        walked = kernel.walk_lists(heads, _STATE, "sibling")
        survey.walked(walked, "memory cgroups")
        level = [css - state for css in walked.addresses if css - state not in found]
        if not level:
            return list(found)
    survey.miss([Notice(kind="depth", message=f"memory cgroups: more than {_DEEPEST} levels; not read")])
    return list(found)


def _row(survey: Survey, address: int, row: Mapping[str, Any], name: str | None, most: int) -> CgroupMemory:
    page = survey.kernel.page_size

    def limit(value: int | None) -> int | None:
        return None if value is None or value >= most else value * page

    usage, bound, flags = row["usage"], limit(row["limit"]), row["flags"]
    return CgroupMemory(
        cgroup=name,
        usage_bytes=scaled(usage, page),
        limit_bytes=bound,
        limit_percent=None if usage is None or not bound else round(100 * usage * page / bound, 1),
        cgroup_high_bytes=limit(row["high"]),
        peak_bytes=scaled(row["most"], page),
        swap_bytes=scaled(row["swap"], page),
        limit_hits=row["at_limit"],
        oom_events=row["oom"],
        oom_kills=row["oom_kill"],
        cgroup_online=None if flags is None else bool(flags & _ONLINE),
        mem_cgroup=address,
    )
