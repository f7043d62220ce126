"""IPC namespaces, the objects in them, and the limits of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields
from crashdrive.records import Long, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_SPACE, _TASK = "struct ipc_namespace", "struct task_struct"
# include/linux/ipc_namespace.h: IPC_SEM_IDS, IPC_MSG_IDS, IPC_SHM_IDS
SEMAPHORES, MESSAGES, SHARED = 0, 1, 2
"""Places of the kinds in ``ipc_namespace.ids``."""
_FIELDS = {
    "inum": ("ns.inum", "proc_inum"),
    "segments": ("ids[2].in_use",),
    "segments_max": ("shm_ctlmni",),
    "shared_pages": ("shm_tot",),
    "shared_pages_max": ("shm_ctlall",),
    "segment_bytes_max": ("shm_ctlmax",),
    "queues": ("ids[1].in_use",),
    "queues_max": ("msg_ctlmni",),
    "queue_bytes_max": ("msg_ctlmnb",),
    "message_bytes_max": ("msg_ctlmax",),
    "sets": ("ids[0].in_use",),
    "sets_max": ("sem_ctls[3]",),
    "semaphores": ("used_sems",),
    "semaphores_max": ("sem_ctls[1]",),
    "mqueues": ("mq_queues_count",),
    "mqueues_max": ("mq_queues_max",),
    "mount": ("mq_mnt",),
}
_OF_TASK = {
    "pid": ("pid",),
    "tgid": ("tgid",),
    "comm": ("comm",),
    "cpu": ("cpu", "thread_info.cpu", "se.cfs_rq->rq->cpu"),
    "exec_start": ("se.exec_start",),
    "mm": ("mm",),
    "space": ("nsproxy->ipc_ns",),
    "undo_list": ("sysvsem.undo_list",),
}
_PERM = {
    "key": "key", "perms": "mode", "uid": "uid.val", "gid": "gid.val", "creator_uid": "cuid.val",
    "creator_gid": "cgid.val", "number": "id",
}  # fmt: skip


class IpcLimits(Record, frozen=True):
    """Usage and limits of an IPC namespace: ``ipcs -u`` and ``ipcs -l``.

    ``segments``, ``queues``, ``sets`` and ``mqueues``: how many; ``semaphores``: in all sets;
    sizes are in bytes, as ``shm_total`` of all segments is.
    """

    ipc_namespace: int
    segments: int | None
    segments_max: int | None
    shm_total: Long | None
    shm_total_max: Long | None
    segment_bytes_max: Long | None
    queues: int | None
    queues_max: int | None
    queue_bytes_max: int | None
    message_bytes_max: int | None
    sets: int | None
    sets_max: int | None
    semaphores: int | None
    semaphores_max: int | None
    mqueues: int | None
    mqueues_max: int | None


class Space(NamedTuple):
    """An IPC namespace: its address, its number, its members by our names."""

    address: int
    inum: int
    own: Mapping[str, Any]


class Tasks(NamedTuple):
    """Tasks by their addresses, by what they have of IPC."""

    by_address: Mapping[int, Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]]


def ipc_tasks(survey: Survey) -> Tasks:
    """All tasks, with the members that tell waiters and users of IPC objects."""
    found = for_each_task(survey.kernel, threads=True)
    survey.walked(found, "tasks")
    fields = Fields(survey.kernel, _TASK, _OF_TASK, ("pid", "tgid"))
    rows = survey.rows(fields, found.addresses, "tasks")
    return Tasks(dict(zip(found.addresses, rows, strict=True)), rows)


def spaces(survey: Survey, tasks: Tasks) -> list[Space]:
    """The first IPC namespace, and all others in which there are tasks."""
    kernel = survey.kernel
    first = [kernel.symbols.address("init_ipc_ns")] if kernel.symbols.has("init_ipc_ns") else []
    places = list(dict.fromkeys([*first, *(row["space"] for row in tasks.rows if row["space"])]))
    rows = survey.addressed(Fields(kernel, _SPACE, _FIELDS, ("inum",)), places, "IPC namespaces")
    return [Space(place, row["inum"], row) for place, row in rows if row["inum"] is not None]


def limits(survey: Survey, found: Sequence[Space]) -> Iterator[IpcLimits]:
    """A row for each namespace."""
    page = survey.kernel.page_size
    for one in found:
        own = one.own
        amounts = {name: own[name] for name in _FIELDS if name in IpcLimits.__struct_fields__}
        yield IpcLimits(
            ipc_namespace=one.inum,
            shm_total=None if own["shared_pages"] is None else own["shared_pages"] * page,
            shm_total_max=None if own["shared_pages_max"] is None else own["shared_pages_max"] * page,
            **amounts,
        )


def objects(survey: Survey, space: Space, which: int, kind: str, perm: str) -> list[int]:
    """Addresses of a namespace's objects of a kind, whose ``kern_ipc_perm`` is the member ``perm``."""
    kernel = survey.kernel
    found = kernel.walk_idr(space.address + kernel.offset(_SPACE, f"ids[{which}].ipcs_idr"))
    survey.walked(found, "IPC objects")
    shift = kernel.offset(kind, perm)
    return [address - shift for _, address in found]


def perm_paths(perm: str) -> dict[str, tuple[str, ...]]:
    """Members of an object's ``kern_ipc_perm`` by our names."""
    return {name: (f"{perm}.{path}", f"{perm}.{path.removesuffix('.val')}") for name, path in _PERM.items()}


def pid_of(member: str) -> tuple[str, ...]:
    """Paths of a pid that an object keeps: a struct pid since 4.17 (98f929b1bd4d), a number before."""
    return (f"{member}->numbers[0].nr", member)


def moment(seconds: int | None) -> int | None:
    """Seconds since 1970; None for 0, which is never."""
    return seconds or None


def octal(mode: int | None) -> str | None:
    """Permission bits as ls and ipcs show them: ``640``."""
    return None if mode is None else f"{mode & 0o777:o}"
