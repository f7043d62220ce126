"""The grace period of RCU at the time of the dump: its age, and the CPUs and tasks that hold it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.errors import UnknownMemberError
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.survey import Survey

_STATE, _NODE, _DATA, _TASK = "struct rcu_state", "struct rcu_node", "struct rcu_data", "struct task_struct"
_OF_STATE = {
    "sequence": ("gp_seq",),
    "start": ("gp_start",),
    "activity": ("gp_activity",),
    "urged": ("jiffies_resched",),
    "state": ("gp_state",),
    "forced": ("n_force_qs",),
    "expedited": ("expedited_sequence",),
    "pid": ("gp_kthread->pid",),
    "name": ("name",),
}
_OF_NODE = {
    "mask": ("qsmask",),
    "expedited": ("expmask",),
    "low": ("grplo",),
    "high": ("grphi",),
    "level": ("level",),
}
_OF_CPU = {
    "sequence": ("gp_seq",),
    "length": ("cblist.len.counter", "cblist.len"),
    "invoked": ("n_cbs_invoked",),
    "ticks": ("ticks_this_gp",),
    "lazy": ("lazy_len",),
    "offloads": ("nocb_cb_kthread->pid",),
}
# RCU_SEQ_CTR_SHIFT and RCU_SEQ_STATE_MASK of kernel/rcu/rcu.h since 4.16 (2e3e5e550183)
_SHIFT, _RUNNING = 2, 3
# RCU_GP_* of kernel/rcu/tree.h: the steps of the grace-period kthread
_STEPS = (
    "idle", "waits for a request", "request seen", "waits for CPUs to go on line", "begins",
    "waits for quiescent states", "forces quiescent states", "cleans up", "cleaned up",
)  # fmt: skip
_MOST_NODES = 1 << 16
# rcu_jiffies_till_stall_check() allows 3 to 300 seconds; a half is rounded, and lockdep adds 5 seconds
_TIMEOUTS = (2.9, 306.0)


class GracePeriod(Record, frozen=True):
    """The current grace period, of which there is one at a time.

    ``grace_period``: its number, counted from -300; ``g=`` in the kernel's messages is four times that, and
    a state.
    ``in_progress``: it hasn't ended, or isn't cleaned up. ``age_seconds``: since its beginning, while in
    progress; ``stall_timeout``: the age at which the kernel calls it a stall. ``idle_seconds``: since its
    kthread last ran; ``thread_step``: the kthread's step. ``held_up_cpus``: CPUs whose quiescent state is
    missing, ``expedited_cpus``: CPUs that an expedited grace period waits for. ``forced_scans``: how often
    the kernel looked for quiescent states itself.
    """

    flavor: str | None
    grace_period: int | None
    in_progress: bool | None
    age_seconds: float | None
    stall_timeout: float | None
    idle_seconds: float | None
    thread_step: str | None
    thread_pid: int | None
    held_up_cpus: tuple[int, ...] | None
    expedited_cpus: tuple[int, ...] | None
    forced_scans: int | None


class RcuCpu(Record, frozen=True):
    """RCU's data of a CPU.

    ``callbacks``: queued callbacks, waiting for a grace period or ready to run; ``callbacks_run``: run since
    boot. ``holds_up``: the grace period in progress waits for it. ``grace_periods_behind``: grace periods
    that it hasn't noticed yet. ``ticks``: its ticks since it noticed the last one. ``offload_pid``: the
    kthread that runs its callbacks, where they are offloaded (rcu_nocbs).
    """

    cpu: int
    callbacks: int | None
    lazy_callbacks: int | None
    callbacks_run: int | None
    holds_up: bool | None
    grace_periods_behind: int | None
    ticks: int | None
    offload_pid: int | None


class RcuReader(Record, frozen=True):
    """A task that was preempted or sleeps within a critical section of preemptible RCU."""

    pid: int | None
    comm: str | None
    first_cpu: int | None
    last_cpu: int | None
    task: Address


class Rcu(NamedTuple):
    """The grace period, CPUs, and tasks that block."""

    periods: list[GracePeriod]
    cpus: list[RcuCpu]
    readers: list[RcuReader]


class _Masks(NamedTuple):
    """CPUs whose quiescent states are missing; None where a node is missing."""

    normal: tuple[int, ...] | None
    expedited: tuple[int, ...] | None


def rcu(survey: Survey) -> Rcu:
    """The grace period, CPUs and readers; kernels with TINY_RCU aren't read."""
    kernel = survey.kernel
    place = kernel.symbols.address("rcu_state")
    fields = Fields(kernel, _STATE, _OF_STATE, ("sequence", "start"))
    (row,) = survey.rows(fields, [place], "the state of RCU")
    nodes = _nodes(survey, place)
    masks = _masks(survey, nodes)
    cpus = list(_cpus(survey, row["sequence"], masks.normal))
    return Rcu([_period(survey, row, masks)], cpus, list(_readers(survey, nodes)))


def _nodes(survey: Survey, place: int) -> list[tuple[int, dict[str, Any]]]:
    """The leaves of the tree of rcu_nodes, each for some CPUs."""
    kernel = survey.kernel
    column = kernel.read_many("int", [kernel.symbols.address("rcu_num_nodes")], [""])
    count = survey.gaps(column, "rcu_num_nodes")[""][0] or 0
    step = kernel.sizeof(_NODE)
    most = kernel.sizeof(kernel.place(_STATE, "node").type) // step
    if not 0 < count <= min(most, _MOST_NODES):
        survey.miss([Notice(kind="damaged", message=f"{count} nodes of RCU are impossible; not read")])
        return []
    start = place + kernel.offset(_STATE, "node")
    fields = Fields(kernel, _NODE, _OF_NODE, ("mask", "low", "high", "level"))
    rows = survey.addressed(fields, [start + step * number for number in range(count)], "nodes of RCU")
    levels = [row["level"] for _, row in rows if row["level"] is not None]
    last = max(levels, default=0)
    return [(node, row) for node, row in rows if row["level"] in {last, None}]


def _masks(survey: Survey, nodes: Sequence[tuple[int, dict[str, Any]]]) -> _Masks:
    """CPUs whose bits are set in the leaves."""
    possible = frozenset(survey.kernel.possible_cpus)

    def waited(which: str) -> tuple[int, ...] | None:
        found: list[int] = []
        for _, row in nodes:
            mask, low = row[which], row["low"]
            if mask is None or low is None:
                return None
            found += [low + bit for bit in range(mask.bit_length()) if mask >> bit & 1]
        return tuple(cpu for cpu in found if cpu in possible) if nodes else None

    return _Masks(waited("mask"), waited("expedited"))


def _period(survey: Survey, row: dict[str, Any], masks: _Masks) -> GracePeriod:
    sequence, step = row["sequence"], row["state"]
    bits = 8 * survey.kernel.pointer_size
    start, activity, urged = survey.seconds([row["start"], row["activity"], row["urged"]])
    running = None if sequence is None else bool(sequence & _RUNNING)
    return GracePeriod(
        flavor=_name(survey, row["name"]),
        grace_period=None if sequence is None else _signed(sequence, bits) >> _SHIFT,
        in_progress=running,
        age_seconds=abs(min(start, 0.0)) if running and start is not None else None,
        stall_timeout=_timeout(start, urged) if running else None,
        idle_seconds=abs(min(activity, 0.0)) if activity is not None else None,
        thread_step=None if step is None else _STEPS[step] if 0 <= step < len(_STEPS) else str(step),
        thread_pid=row["pid"],
        held_up_cpus=masks.normal,
        expedited_cpus=masks.expedited,
        forced_scans=row["forced"],
    )


def _timeout(start: float | None, urged: float | None) -> float | None:
    """The time-out of a grace period: at half of it, it urges CPUs (record_gp_stall_check_time())."""
    if start is None or urged is None:
        return None
    seconds = 2 * (urged - start)
    return seconds if _TIMEOUTS[0] <= seconds <= _TIMEOUTS[1] else None


def _name(survey: Survey, place: int | None) -> str | None:
    if not place:
        return None
    found = survey.attempt("the name of RCU", lambda: [survey.kernel.read_string(place, 64)])
    return found[0].decode("ascii", "backslashreplace") if found else None


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _cpus(survey: Survey, sequence: int | None, waited: tuple[int, ...] | None) -> Iterator[RcuCpu]:
    kernel, cpus = survey.kernel, survey.kernel.cpus
    places = [kernel.per_cpu_address("rcu_data", cpu) for cpu in cpus]
    rows = survey.rows(Fields(kernel, _DATA, _OF_CPU, ("sequence", "length")), places, "RCU's data of CPUs")
    mask = (1 << 8 * kernel.pointer_size) - 1
    for cpu, row in zip(cpus, rows, strict=True):
        behind = None
        if sequence is not None and row["sequence"] is not None:
            behind = ((sequence >> _SHIFT) - (row["sequence"] >> _SHIFT)) & (mask >> _SHIFT)
        yield RcuCpu(
            cpu=cpu,
            callbacks=row["length"],
            lazy_callbacks=row["lazy"],
            callbacks_run=row["invoked"],
            holds_up=None if waited is None else cpu in waited,
            grace_periods_behind=behind,
            ticks=row["ticks"],
            offload_pid=row["offloads"],
        )


def _readers(survey: Survey, nodes: Sequence[tuple[int, dict[str, Any]]]) -> Iterator[RcuReader]:
    """Tasks on the leaves' lists; none where RCU isn't preemptible."""
    kernel = survey.kernel
    if not kernel.has_member(_TASK, "rcu_node_entry"):
        return
    if not kernel.has_member(_NODE, "blkd_tasks"):
        raise UnknownMemberError(f"{_NODE} has no blkd_tasks")
    offset = kernel.offset(_NODE, "blkd_tasks")
    walked = kernel.walk_lists([node + offset for node, _ in nodes], _TASK, "rcu_node_entry")
    survey.walked(walked, "tasks that block RCU")
    columns = survey.gaps(walked.read(["pid", "comm"]), "tasks that block RCU")
    for place, number, (pid, comm) in zip(walked.addresses, walked.walk.lists, columns, strict=True):
        row = nodes[number][1]
        yield RcuReader(pid=pid, comm=comm, first_cpu=row["low"], last_cpu=row["high"], task=place)
