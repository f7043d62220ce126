"""Namespaces of all kinds: those of tasks, their owners and parents, and those that files keep."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.fs.mount_table import mount_rows
from crashdrive.linux.fs.open_files import held_files
from crashdrive.linux.namespaces.kinds import EXTENTS, KINDS
from crashdrive.linux.net.net_list import for_each_net_namespace
from crashdrive.linux.sched.pid_numbers import inner_pids
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields, Reading, Survey
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.namespaces.kinds import Kind

_TASK, _EXTENT = "struct task_struct", "struct uid_gid_extent"
_OWN = {
    "pid": ("pid",),
    "tgid": ("tgid",),
    "comm": ("comm",),
    "pid_struct": ("thread_pid", "pids[0].pid"),
    "level": ("thread_pid->level", "pids[0].pid->level"),
    "exit_state": ("exit_state",),
}
_NUMBER = re.compile(r"(\w+):\[(\d+)\]")
_DEEPEST = 64
_ADDING = 1 << 31  # PIDNS_ADDING (include/linux/pid_namespace.h)
_MOST_EXTENTS = 340  # UID_GID_MAP_MAX_EXTENTS (include/linux/user_namespace.h)


class NamespaceRow(Record, frozen=True):
    """A namespace. ``inum``: its number, as lsns and /proc/PID/ns have it.

    ``owner_inum``: the user namespace whose root has all capabilities over it, ``owner_uid``: the creator of
    a user namespace; ``parent_inum``: of user and pid namespaces. ``processes``: how many are in it,
    ``first_pid``: the lowest of them, ``comm``: its name. ``keepers``: other references: ``/run/netns/red``
    (mounted), ``fd 5 of 123``. ``details``: by kind the host's name, offsets of clocks, the number of pids or
    mounts, a map of users. ``initial``: the first one of its kind. ``address``: None where only a file leads
    to it.
    """

    kind: str
    inum: int
    initial: bool
    parent_inum: int | None
    owner_inum: int | None
    owner_uid: int | None
    processes: int
    first_pid: int | None
    comm: str | None
    keepers: tuple[str, ...]
    details: str | None
    address: Address | None


class NamespaceMember(Record, frozen=True):
    """A task in a namespace; a thread stands where its process is in another namespace."""

    kind: str
    inum: int
    pid: int
    tgid: int | None
    comm: str | None


class _Members(NamedTuple):
    """Tasks by kind and address of the namespace; ``also``: namespaces that only future children are in."""

    tasks: Mapping[tuple[str, int], Sequence[Mapping[str, Any]]]
    also: Sequence[tuple[str, int]]


class Namespaces(NamedTuple):
    """All namespaces, and their members."""

    rows: tuple[NamespaceRow, ...]
    members: tuple[NamespaceMember, ...]


def read(kernel: Machine) -> Reading[NamespaceRow]:
    """All namespaces, by kinds."""
    survey = Survey(kernel)
    found = survey.attempt("namespaces", lambda: [namespaces(survey)])
    return survey.reading(row for one in found for row in one.rows)


def namespaces(survey: Survey) -> Namespaces:
    """All namespaces of the kinds that this kernel has, and the tasks in them."""
    members = _members(survey)
    found = _closed(survey, members)
    inums = {(kind, address): row["inum"] for (kind, address), row in found.items()}
    held = _held(survey)
    rows = [
        _row(survey, kind, address, row, members.tasks.get((kind.name, address), ()), inums, held)
        for kind in KINDS
        for (name, address), row in found.items()
        if name == kind.name and row["inum"] is not None
    ]
    known = {(row.kind, row.inum) for row in rows}
    rows += [_told(kind, inum, by) for (kind, inum), by in held.items() if (kind, inum) not in known]
    order = {kind.name: at for at, kind in enumerate(KINDS)}
    rows.sort(key=lambda row: (order.get(row.kind, len(order)), not row.initial, row.inum))
    living = [
        NamespaceMember(kind=kind, inum=inum, pid=one["pid"], tgid=one["tgid"], comm=one["comm"])
        for (kind, address), tasks in members.tasks.items()
        if (inum := inums.get((kind, address))) is not None
        for one in tasks
        if one["pid"]
    ]
    living.sort(key=lambda one: (order[one.kind], one.inum, one.pid))
    return Namespaces(tuple(rows), tuple(living))


def _members(survey: Survey) -> _Members:
    """Processes, and threads in other namespaces than their process; ended tasks are left out."""
    kernel = survey.kernel
    there = [kind for kind in KINDS if kernel.has_type(kind.struct)]
    own = {f"{kind.name}_{at}": (path,) for kind in there for at, path in enumerate(kind.of_task)}
    tasks = for_each_task(kernel, threads=True)
    survey.walked(tasks, "tasks")
    fields = Fields(kernel, _TASK, {**_OWN, **own}, ("pid", "tgid", "pid_struct"))
    rows = [
        row for row in survey.rows(fields, tasks.addresses, "namespaces of tasks") if not row["exit_state"]
    ]
    spaces = inner_pids(survey, ((row["pid_struct"], row["level"]) for row in rows)).places
    found: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    also: dict[tuple[str, int], None] = {}
    for kind in there:
        for at in range(len(kind.of_task)):
            places = dict.fromkeys(row[f"{kind.name}_{at}"] for row in rows)
            also.update(((kind.name, place), None) for place in places if place)
        column = f"{kind.name}_0"
        leaders: dict[int, int | None] = {}
        for row in rows:
            lives = spaces.get(row["pid_struct"]) if kind.name == "pid" else row[column]
            if not lives:
                continue
            if row["pid"] == row["tgid"]:
                leaders[row["tgid"]] = lives
            elif leaders.get(row["tgid"]) == lives:
                continue
            found.setdefault((kind.name, lives), []).append(row)
    return _Members(found, tuple(also))


def _closed(survey: Survey, members: _Members) -> dict[tuple[str, int], dict[str, Any]]:
    """These namespaces, all their owners and parents, and network namespaces without tasks."""
    kernel = survey.kernel
    level = dict.fromkeys([*members.tasks, *members.also])
    networks = survey.attempt("network namespaces", lambda: [for_each_net_namespace(kernel)])
    for one in networks:
        survey.walked(one, "network namespaces")
        level.update(dict.fromkeys(("net", address) for address in one.addresses))
    if kernel.symbols.has("init_net") and kernel.has_type("struct net"):
        level["net", kernel.symbols.address("init_net")] = None
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for _ in range(_DEEPEST):
        if not level:
            break
        above: dict[tuple[str, int], None] = {}
        for kind in KINDS:
            places = [address for name, address in level if name == kind.name]
            for address, row in zip(places, _read(survey, kind, places), strict=True):
                found[kind.name, address] = row
                if row["owner"]:
                    above["user", row["owner"]] = None
                if row["parent"]:
                    above[kind.name, row["parent"]] = None
        level = {key: None for key in above if key not in found}
    return found


def _read(survey: Survey, kind: Kind, places: Sequence[int]) -> list[dict[str, Any]]:
    if not places:
        return []
    # the number moved into struct ns_common in 3.19 (435d5f4bb2cc)
    wanted = {"inum": ("ns.inum", "proc_inum"), "owner": kind.owner, "parent": kind.parent, **kind.more}
    return survey.rows(
        Fields(survey.kernel, kind.struct, wanted, ("inum",)), places, f"{kind.name} namespaces"
    )


def _row(
    survey: Survey,
    kind: Kind,
    address: int,
    row: Mapping[str, Any],
    tasks: Sequence[Mapping[str, Any]],
    inums: Mapping[tuple[str, int], int | None],
    held: Mapping[tuple[str, int], Sequence[str]],
) -> NamespaceRow:
    first = min((one for one in tasks if one["pid"]), key=lambda one: one["pid"], default=None)
    owner = row["parent"] if kind.name == "user" else row["owner"]
    return NamespaceRow(
        kind=kind.name,
        inum=row["inum"],
        initial=address == _initial(survey, kind),
        parent_inum=inums.get((kind.name, row["parent"])) if row["parent"] else None,
        owner_inum=inums.get(("user", owner)) if owner else None,
        owner_uid=row.get("owner_uid"),
        processes=len({one["tgid"] for one in tasks}),
        first_pid=first["pid"] if first else None,
        comm=first["comm"] if first else None,
        keepers=tuple(held.get((kind.name, row["inum"]), ())),
        details=_details(survey, kind, row),
        address=address,
    )


def _told(kind: str, inum: int, by: Sequence[str]) -> NamespaceRow:
    """The row of a namespace that only a file leads to."""
    return NamespaceRow(
        kind=kind, inum=inum, initial=False, parent_inum=None, owner_inum=None, owner_uid=None, processes=0,
        first_pid=None, comm=None, keepers=tuple(by), details=None, address=None,
    )  # fmt: skip


_INITIAL = {
    "mnt": None, "net": "init_net", "user": "init_user_ns", "pid": "init_pid_ns", "uts": "init_uts_ns",
    "ipc": "init_ipc_ns", "cgroup": "init_cgroup_ns", "time": "init_time_ns",
}  # fmt: skip


def _initial(survey: Survey, kind: Kind) -> int | None:
    """The address of the initial one; that of mounts is made at run time, and init_task is in it."""
    kernel, name = survey.kernel, _INITIAL[kind.name]
    if name is not None:
        return kernel.symbols.address(name) if kernel.symbols.has(name) else None
    task = kernel.symbols.address("init_task")
    columns = kernel.read_many(_TASK, [task], [kind.of_task[0]])
    place: int | None = columns.columns[0][0]
    return place


def _held(survey: Survey) -> dict[tuple[str, int], list[str]]:
    """Mounts and descriptors of each namespace, by its kind and number."""
    found: dict[tuple[str, int], dict[str, None]] = {}
    for mount in survey.attempt("mounts", lambda: mount_rows(survey)):
        if mount.type == "nsfs" and (said := _NUMBER.fullmatch(mount.root or "")):
            found.setdefault((said[1], int(said[2])), {})[mount.mount_point or "(mounted)"] = None
    for file in survey.attempt("open files", lambda: held_files(survey)):
        if said := _NUMBER.fullmatch(file.path or ""):
            key = said[1], int(said[2])
            if key[0] in _INITIAL:
                found.setdefault(key, {})[f"fd {file.held_by} of {file.pid}"] = None
    return {key: list(by) for key, by in found.items()}


def _details(survey: Survey, kind: Kind, row: Mapping[str, Any]) -> str | None:
    texts = {
        "uts": ("host {nodename}", ("nodename",)),
        "mnt": ("{mounts} mounts", ("mounts",)),
        "pid": ("{pids} pids, level {level}", ("pids", "level")),
        "time": ("monotonic {monotonic:+d} s, boottime {boottime:+d} s", ("monotonic", "boottime")),
    }
    if kind.name == "user":
        parts = _extents(survey, row)
        return None if parts is None else f"uid map {', '.join(parts) or 'empty'}"
    if kind.name not in texts:
        return None
    form, needed = texts[kind.name]
    known = {name: row[name] for name in needed}
    if known.get("pids") is not None:
        known["pids"] &= ~_ADDING
    return None if None in known.values() else form.format(**known)


def _extents(survey: Survey, row: Mapping[str, Any]) -> list[str] | None:
    """Lines of /proc/PID/uid_map: first id inside, first id outside, count."""
    count = row["uid_map_extents"]
    if count is None or not 0 <= count <= _MOST_EXTENTS:
        return None
    names = ("first", "lower_first", "count")
    if count <= EXTENTS:
        parts: Iterable[Sequence[int | None]] = (
            [row[f"uid_map_{at}_{name}"] for name in names] for at in range(count)
        )
    else:
        size = survey.kernel.sizeof(_EXTENT)
        places = [row["uid_map_forward"] + at * size for at in range(count)]
        parts = survey.gaps(survey.kernel.read_many(_EXTENT, places, names), "maps of users")
    return [" ".join(map(str, part)) for part in parts]


def nesting(rows: Sequence[NamespaceRow], kind: str) -> Iterator[tuple[int, NamespaceRow]]:
    """Namespaces of user or pid, each below its parent, with its depth."""
    mine = [row for row in rows if row.kind == kind]
    numbers = {row.inum for row in mine}
    below: dict[int | None, list[NamespaceRow]] = {}
    for row in mine:
        below.setdefault(row.parent_inum if row.parent_inum in numbers else None, []).append(row)
    waiting = [(0, row) for row in reversed(below.get(None, []))]
    while waiting:
        depth, row = waiting.pop()
        yield depth, row
        waiting += [(depth + 1, child) for child in reversed(below.get(row.inum, []))]
