"""All cgroups of all hierarchies, with their limits and counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.cgroups.controllers import KEEPERS
from crashdrive.linux.cgroups.members import memberships
from crashdrive.linux.cgroups.roots import Hierarchy, controllers, hierarchies
from crashdrive.linux.cgroups.statistics import memory_statistics
from crashdrive.linux.kernfs import kernfs_paths
from crashdrive.linux.sched.cputime import Spent, adjusted
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields, Reading, Survey
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crashdrive.linux.machine import Machine

_CGROUP, _TASK = "struct cgroup", "struct task_struct"
_FIELDS = {
    "level": ("level",),
    "node": ("kn",),
    "flags": ("flags",),
    "css_flags": ("self.flags",),
    "children": ("nr_descendants",),
    "dying": ("nr_dying_descendants",),
    "subtree": ("subtree_control",),
    "utime": ("bstat.cputime.utime",),
    "stime": ("bstat.cputime.stime",),
    "runtime": ("bstat.cputime.sum_exec_runtime",),
    "previous_utime": ("prev_cputime.utime",),
    "previous_stime": ("prev_cputime.stime",),
    "freeze": ("freezer.freeze",),
}
_OF_TASK = {
    "pid": ("pid",),
    "tgid": ("tgid",),
    "comm": ("comm",),
    "css_set": ("cgroups",),
    "exit_state": ("exit_state",),
}
_ONLINE = 1 << 1  # CSS_ONLINE (include/linux/cgroup-defs.h)
_FROZEN = 1 << 3  # CGRP_FROZEN
_FREEZER_FROZEN, _FREEZER_FREEZING = 1 << 3, 1 << 1 | 1 << 2  # kernel/cgroup/legacy_freezer.c
_NO_PIDS = 4 * 1024 * 1024 + 1  # PIDS_MAX: one more than PID_MAX_LIMIT
_DEEPEST = 256
_SECOND = 1e9


class CgroupRow(Record, frozen=True):
    """A cgroup. ``hierarchy``: ``unified`` (version 2), or the controllers of one of version 1.

    ``processes`` and ``threads``: those in the cgroup itself, not below. ``dying``: it was removed, and
    something holds a reference. ``cgroups_below`` counts the groups below it without dying ones,
    ``dying_below`` the dying ones. ``controllers``: those that it may use. ``frozen``: ``frozen``,
    ``freezing`` or ``thawed``.

    Limits are None where there is none: ``memory_max`` and so on in bytes, ``quota_seconds`` in each
    ``period_seconds``, ``pids_max``. ``cpu_weight``: 1 to 10000 as in version 2. ``memory_*_events``: how
    often, of the group with those below it. ``anonymous_bytes`` and others of ``memory.stat``,
    ``user_seconds`` and other CPU times: as the kernel summed them up last, of the group with those below it;
    what CPUs have counted since then isn't added.
    """

    hierarchy: str
    path: str | None
    level: int | None
    processes: int
    threads: int
    dying: bool
    cgroups_below: int | None
    dying_below: int | None
    controllers: tuple[str, ...]
    frozen: str | None
    user_seconds: float | None
    system_seconds: float | None
    usage_seconds: float | None
    cpu_weight: int | None
    quota_seconds: float | None
    period_seconds: float | None
    burst_seconds: float | None
    periods: int | None
    throttled_periods: int | None
    throttled_seconds: float | None
    memory_bytes: int | None
    memory_peak_bytes: int | None
    memory_min: int | None
    memory_low: int | None
    memory_high: int | None
    memory_max: int | None
    swap_bytes: int | None
    swap_max: int | None
    memory_high_events: int | None
    memory_max_events: int | None
    memory_oom_events: int | None
    memory_oom_kills: int | None
    anonymous_bytes: int | None
    file_bytes: int | None
    shmem_bytes: int | None
    kernel_bytes: int | None
    slab_bytes: int | None
    sock_bytes: int | None
    pids_current: int | None
    pids_max: int | None
    pids_failures: int | None
    cgroup_address: Address


class CgroupTask(Record, frozen=True):
    """A task in a cgroup."""

    hierarchy: str
    path: str | None
    pid: int
    tgid: int | None
    comm: str | None


class Found(NamedTuple):
    """A cgroup: its hierarchy, path and own fields; ``above``: its parent's address."""

    hierarchy: Hierarchy
    address: int
    above: int | None
    own: Mapping[str, Any]
    path: str | None


class Cgroups(NamedTuple):
    """All cgroups, and the tasks in them."""

    rows: tuple[CgroupRow, ...]
    tasks: tuple[CgroupTask, ...]
    found: tuple[Found, ...]


def read(kernel: Machine) -> Reading[CgroupRow]:
    """All cgroups of all hierarchies, each below its parent."""
    survey = Survey(kernel)
    found = survey.attempt("cgroups", lambda: [cgroups(survey)])
    return survey.reading(row for one in found for row in one.rows)


def cgroups(survey: Survey) -> Cgroups:
    """The cgroups of all hierarchies with their tasks; none where the kernel was built without cgroups."""
    if not survey.kernel.symbols.has("cgrp_dfl_root"):
        survey.absent("cgroups")
        return Cgroups((), (), ())
    found = [one for each in hierarchies(survey) for one in _tree(survey, each)]
    tasks = list(_tasks(survey, {one.address: one for one in found}))
    counts: dict[tuple[str, str | None], tuple[set[int | None], list[int]]] = {}
    for task in tasks:
        processes, threads = counts.setdefault((task.hierarchy, task.path), (set(), []))
        processes.add(task.tgid)
        threads.append(task.pid)
    kept = _Kept(survey, found)
    rows = [_row(survey, one, kept, counts) for one in found]
    return Cgroups(tuple(rows), tuple(tasks), tuple(found))


def _name(hierarchy: Hierarchy) -> str:
    return "unified" if hierarchy.unified else hierarchy.label


def _tree(survey: Survey, hierarchy: Hierarchy) -> list[Found]:
    """The cgroups of a hierarchy, each after its parent; they are read level by level."""
    kernel = survey.kernel
    head = kernel.offset(_CGROUP, "self.children")
    above: dict[int, int | None] = {hierarchy.root_cgroup: None}
    level = [int(hierarchy.root_cgroup)]
    for _ in range(_DEEPEST):
        if not level:
            break
        walked = kernel.walk_lists([one + head for one in level], _CGROUP, "self.sibling")
        survey.walked(walked, "cgroups")
        children = list(zip(walked.walk.lists, walked.addresses, strict=True))
        fresh = [(level[number], child) for number, child in children if child not in above]
        above.update({child: parent for parent, child in fresh})
        level = [child for _, child in fresh]
    addresses = list(above)
    rows = survey.rows(Fields(kernel, _CGROUP, _FIELDS, ("level", "node")), addresses, "cgroups")
    paths = kernfs_paths(survey, [row["node"] for row in rows if row["node"]], "cgroups")
    found = [
        Found(hierarchy, address, above[address], row, paths.get(row["node"]))
        for address, row in zip(addresses, rows, strict=True)
    ]
    return sorted(found, key=lambda one: (one.path or "").split("/") if one.path != "/" else [])


def _tasks(survey: Survey, known: Mapping[int, Found]) -> list[CgroupTask]:
    """Living tasks by their cgroups, those of the topmost cgroups first."""
    tasks = for_each_task(survey.kernel, threads=True)
    survey.walked(tasks, "tasks")
    fields = Fields(survey.kernel, _TASK, _OF_TASK, _OF_TASK)
    rows = survey.rows(fields, tasks.addresses, "cgroups of tasks")
    alive = [row for row in rows if row["pid"] and row["exit_state"] == 0]
    groups = memberships(survey, [row["css_set"] for row in alive]).by_set
    made = [
        CgroupTask(
            hierarchy=_name(one.hierarchy), path=one.path, pid=row["pid"], tgid=row["tgid"], comm=row["comm"]
        )
        for row in alive
        for one in groups.get(row["css_set"] or 0, ())
        if one.cgroup in known
    ]
    order = {
        name: at for at, name in enumerate(dict.fromkeys(_name(one.hierarchy) for one in known.values()))
    }
    return sorted(made, key=lambda one: (order[one.hierarchy], one.path or "", one.pid))


_OF_ROOTS = ("statistics", "freezer_state", "memory_oom_kill_events")


class _Kept:
    """Controllers' data of all cgroups, read at once."""

    def __init__(self, survey: Survey, found: Sequence[Found]) -> None:
        kernel = survey.kernel
        self.controllers = controllers(survey)
        numbers = {
            name: one.id for one in self.controllers for name in (one.old_name, one.name) if name is not None
        }
        self.of: dict[int, dict[str, Any]] = {one.address: {} for one in found}
        self.subtree = {one.address: one.own["subtree"] for one in found}
        self._states(survey, found, numbers)
        for keeper in KEEPERS:
            if keeper.controller not in numbers or not kernel.has_type(keeper.struct):
                continue
            mine = {
                address: row[keeper.controller]
                for address, row in self.states.items()
                if row.get(keeper.controller)
            }
            fields = Fields(kernel, keeper.struct, keeper.fields)
            what = f"{keeper.controller} of cgroups"
            rows = survey.rows(fields, list(mine.values()), what) if fields.paths else []
            for address, row in zip(mine, rows, strict=True):
                self.of[address].update(row)
        for one in found:
            if one.above is None:  # a root has neither limits nor counters of its own
                self.of[one.address] = {name: self.of[one.address].get(name) for name in _OF_ROOTS}
        self.statistics = memory_statistics(survey, self.of)

    def _states(self, survey: Survey, found: Sequence[Found], numbers: Mapping[str, int]) -> None:
        """Each cgroup's own ``cgroup_subsys_state`` by the controller's name."""
        names = {name: (f"subsys[{number}]",) for name, number in numbers.items()}
        fields = Fields(survey.kernel, _CGROUP, names)
        addresses = [one.address for one in found]
        rows = survey.rows(fields, addresses, "controllers of cgroups")
        self.states = dict(zip(addresses, rows, strict=True))


def _row(
    survey: Survey,
    one: Found,
    kept: _Kept,
    counts: Mapping[tuple[str, str | None], tuple[set[int | None], list[int]]],
) -> CgroupRow:
    own, of = one.own, kept.of[one.address]
    processes, threads = counts.get((_name(one.hierarchy), one.path), (set(), []))
    spent = _spent(own) if one.hierarchy.unified and one.above is not None else None
    bytes_of = _Bytes(survey.kernel.page_size, survey.kernel.pointer_size, of)
    flags = own["css_flags"]
    weight = of.get("shares")
    return CgroupRow(
        hierarchy=_name(one.hierarchy),
        path=one.path,
        level=own["level"],
        processes=len(processes),
        threads=len(threads),
        dying=flags is not None and one.above is not None and not flags & _ONLINE,
        cgroups_below=own["children"],
        dying_below=own["dying"],
        controllers=_controllers(one, kept),
        frozen=_frozen(one, of),
        user_seconds=None if spent is None else spent.user / _SECOND,
        system_seconds=None if spent is None else spent.system / _SECOND,
        usage_seconds=_seconds(own["runtime"]) if spent is not None else None,
        cpu_weight=_weight(weight, survey.kernel.pointer_size) if weight and one.above is not None else None,
        quota_seconds=None if _is_none(of.get("quota")) else _seconds(of.get("quota")),
        period_seconds=_seconds(of.get("period")),
        burst_seconds=_seconds(of.get("burst")),
        periods=of.get("periods"),
        throttled_periods=of.get("throttled_periods"),
        throttled_seconds=_seconds(of.get("throttled")),
        memory_bytes=bytes_of.amount("memory_pages"),
        memory_peak_bytes=bytes_of.amount("memory_peak"),
        memory_min=bytes_of.amount("memory_min"),
        memory_low=bytes_of.amount("memory_low"),
        memory_high=bytes_of.limit("memory_high"),
        memory_max=bytes_of.limit("memory_max"),
        swap_bytes=bytes_of.amount("swap_pages"),
        swap_max=bytes_of.limit("swap_max"),
        memory_high_events=of.get("memory_high_events"),
        memory_max_events=of.get("memory_max_events"),
        memory_oom_events=of.get("memory_oom_events"),
        memory_oom_kills=of.get("memory_oom_kill_events"),
        **kept.statistics.get(one.address, dict.fromkeys(_STATISTICS)),
        pids_current=of.get("pids"),
        pids_max=None if (of.get("pids_limit") or _NO_PIDS) >= _NO_PIDS else of.get("pids_limit"),
        pids_failures=of.get("pids_failures"),
        cgroup_address=one.address,
    )  # fmt: skip


_STATISTICS = ("anonymous_bytes", "file_bytes", "shmem_bytes", "kernel_bytes", "slab_bytes", "sock_bytes")


class _Bytes(NamedTuple):
    """Counts of pages as bytes; a limit at the counter's maximum is no limit."""

    page: int
    pointer: int
    of: Mapping[str, Any]

    def amount(self, name: str) -> int | None:
        value: int | None = self.of.get(name)
        return None if value is None else value * self.page

    def limit(self, name: str) -> int | None:
        value: int | None = self.of.get(name)
        most = ((1 << 8 * self.pointer - 1) - 1) // (self.page if self.pointer == 8 else 1)
        return None if value is None or value >= most else value * self.page


def _is_none(quota: int | None) -> bool:
    """RUNTIME_INF: all bits are set."""
    return quota is None or quota in {(1 << 64) - 1, -1}


def _weight(shares: int, pointer: int) -> int:
    """cpu.weight of shares, which 64-bit kernels keep with 10 more bits."""
    plain = shares >> 10 if pointer == 8 else shares
    return max(1, (plain * 100 + 512) // 1024)


def _controllers(one: Found, kept: _Kept) -> tuple[str, ...]:
    """The controllers that the parent enables for its children."""
    if not one.hierarchy.unified or one.above is None:
        return one.hierarchy.controllers
    mask = kept.subtree[one.above]
    return tuple(each.name for each in kept.controllers if each.name and (mask or 0) >> each.id & 1)


def _frozen(one: Found, of: Mapping[str, Any]) -> str | None:
    if one.hierarchy.unified:
        flags, wanted = one.own["flags"], one.own["freeze"]
        if flags is None or wanted is None:
            return None
        return "frozen" if flags & _FROZEN else "freezing" if wanted else "thawed"
    state = of.get("freezer_state")
    if state is None or "freezer" not in one.hierarchy.controllers:
        return None
    return "frozen" if state & _FREEZER_FROZEN else "freezing" if state & _FREEZER_FREEZING else "thawed"


def _spent(own: Mapping[str, Any]) -> Spent | None:
    names = ("utime", "stime", "runtime", "previous_utime", "previous_stime")
    if any(own[name] is None for name in names):
        return None
    ticks, told = Spent(own["utime"], own["stime"]), Spent(own["previous_utime"], own["previous_stime"])
    return adjusted(ticks, own["runtime"], told)


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / _SECOND
