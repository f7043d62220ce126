"""Each controller's structure for a cgroup, which begins with a ``cgroup_subsys_state``."""

from __future__ import annotations

from typing import NamedTuple

Paths = dict[str, tuple[str, ...]]


class Keeper(NamedTuple):
    """A controller's name in version 2 (in version 1 where version 2 lacks it), and its structure."""

    controller: str
    struct: str
    fields: Paths


def _counter(name: str, prefix: str) -> Paths:
    """Members of a ``struct page_counter``."""
    return {
        f"{prefix}_pages": (f"{name}.usage.counter",),
        f"{prefix}_peak": (f"{name}.watermark",),
        f"{prefix}_min": (f"{name}.min",),
        f"{prefix}_low": (f"{name}.low",),
        f"{prefix}_high": (f"{name}.high",),
        f"{prefix}_max": (f"{name}.max",),
    }


# enum memcg_memory_event (include/linux/memcontrol.h)
_EVENTS = {"high": 1, "max": 2, "oom": 3, "oom_kill": 4}

MEMORY = Keeper(
    "memory",
    "struct mem_cgroup",
    {
        **_counter("memory", "memory"),
        **_counter("swap", "swap"),
        # shared with swap by version 1
        "memsw_pages": ("memsw.usage.counter",),
        "memsw_max": ("memsw.max",),
        "oom_group": ("oom_group",),
        **{f"memory_{name}_events": (f"memory_events[{at}].counter",) for name, at in _EVENTS.items()},
        "statistics": ("vmstats",),
        "per_cpu_statistics": ("vmstats_percpu",),
    },
)
CPU = Keeper(
    "cpu",
    "struct task_group",
    {
        "shares": ("shares",),
        "idle_group": ("idle",),
        "quota": ("cfs_bandwidth.quota",),
        "period": ("cfs_bandwidth.period",),
        "burst": ("cfs_bandwidth.burst",),
        "periods": ("cfs_bandwidth.nr_periods",),
        "throttled_periods": ("cfs_bandwidth.nr_throttled",),
        "throttled": ("cfs_bandwidth.throttled_time",),
    },
)
PIDS = Keeper(
    "pids",
    "struct pids_cgroup",
    {
        "pids": ("counter.counter",),
        "pids_limit": ("limit.counter", "limit"),
        "pids_peak": ("watermark",),
        # of the group itself in version 2 since 6.11 (385a635cacfe)
        "pids_failures": ("events[0].counter", "events_limit.counter"),
    },
)
FREEZER = Keeper("freezer", "struct freezer", {"freezer_state": ("state",)})
IO = Keeper("io", "struct blkcg", {})
KEEPERS = (MEMORY, CPU, PIDS, FREEZER)
