"""What waits for a CPU to be run there: calls from other CPUs, wakeups, IRQ work (kernel/smp.c).

The queue of a CPU (``call_single_queue``) has calls, wakeups of tasks and IRQ work of other CPUs; IRQ work of
its own is on ``raised_list`` and ``lazy_list`` (kernel/irq_work.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.errors import UnknownMemberError
from crashdrive.linux.survey import Fields, enumerators

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

CALL = "struct __call_single_data"
_WORK, _TASK = "struct irq_work", "struct task_struct"
# a node of its own since 5.8 (4b44a21dd640)
_LINK = ("node.llist", "llist")
FIELDS = {"flags": ("node.u_flags", "flags"), "function": ("func",)}
# include/linux/smp_types.h; before 5.8 (4b44a21dd640) there were calls alone, and a bit of those waited for
_TYPES = {
    "CSD_TYPE_ASYNC": "call",
    "CSD_TYPE_SYNC": "call",
    "CSD_TYPE_IRQ_WORK": "IRQ work",
    "CSD_TYPE_TTWU": "wakeup",
}
_SYNC, _MASK, _OLD_SYNC = "CSD_TYPE_SYNC", "CSD_FLAG_TYPE_MASK", "CSD_FLAG_SYNCHRONOUS"


class Kinds(NamedTuple):
    """The bits of a call's flags."""

    lock: int
    sync: int
    mask: int
    names: dict[int, str]

    def kind(self, flags: int | None) -> str | None:
        """``call``, ``IRQ work`` or ``wakeup``."""
        return None if flags is None else self.names.get(flags & self.mask, "call")

    def waits(self, flags: int | None) -> bool:
        """Whether the caller waits until the function has returned."""
        return flags is not None and bool(flags & self.lock) and flags & self.mask == self.sync


class Queued(NamedTuple):
    """An entry of a CPU's queue: what kind, the function (or the task that is woken up), its address."""

    cpu: int
    kind: str | None
    flags: int | None
    function: int | None
    task: int | None
    place: int


def kinds(survey: Survey) -> Kinds:
    """The bits that this kernel has."""
    known = enumerators(survey, "CSD_FLAG_LOCK")
    sync = known.get(_SYNC, known.get(_OLD_SYNC))
    if sync is None:
        raise UnknownMemberError(f"no {_SYNC} and no {_OLD_SYNC} beside CSD_FLAG_LOCK")
    return Kinds(
        lock=known["CSD_FLAG_LOCK"],
        sync=sync,
        mask=known.get(_MASK, sync),
        names={known[name]: word for name, word in _TYPES.items() if name in known},
    )


def queued(survey: Survey, bits: Kinds) -> list[Queued]:
    """The entries of all CPUs' queues, in the order in which they are run."""
    kernel = survey.kernel
    link = kernel.path(CALL, *_LINK)
    found: list[tuple[int, int]] = []
    for cpu, head in _heads(survey, "call_single_queue"):
        walked = kernel.walk_hlist(head, CALL, link)
        survey.walked(walked, "queues of calls between CPUs")
        # entries are put in front
        found += [(cpu, place) for place in reversed(walked.addresses)]
    places = [place for _, place in found]
    rows = survey.rows(Fields(kernel, CALL, FIELDS, ("flags", "function")), places, "queued calls")
    works = _works(survey, [p for p, row in zip(places, rows, strict=True) if _is(bits, row, "IRQ work")])
    return [
        _queued(survey, bits, cpu, place, row, works) for (cpu, place), row in zip(found, rows, strict=True)
    ]


def _heads(survey: Survey, name: str) -> list[tuple[int, int]]:
    """Each present CPU with the head of its list, fetched together: most are empty."""
    kernel = survey.kernel
    heads = [(cpu, kernel.per_cpu_address(name, cpu)) for cpu in kernel.cpus]
    kernel.prefetch((head, kernel.pointer_size) for _, head in heads)
    return heads


def _is(bits: Kinds, row: Mapping[str, Any], kind: str) -> bool:
    return bits.kind(row["flags"]) == kind


def _queued(
    survey: Survey, bits: Kinds, cpu: int, place: int, row: Mapping[str, Any], works: Mapping[int, int | None]
) -> Queued:
    kind = bits.kind(row["flags"])
    task = place - survey.kernel.offset(_TASK, "wake_entry") if kind == "wakeup" else None
    function = works.get(place) if kind == "IRQ work" else row["function"] if kind == "call" else None
    return Queued(cpu, kind, row["flags"], function, task, place)


def _works(survey: Survey, nodes: Sequence[int]) -> dict[int, int | None]:
    """The functions of IRQ work by the addresses of their nodes."""
    kernel = survey.kernel
    if not nodes:
        return {}
    offset = kernel.offset(_WORK, "node")
    column = survey.gaps(kernel.read_many(_WORK, [node - offset for node in nodes], ["func"]), "IRQ work")
    return dict(zip(nodes, column["func"], strict=True))


def own_works(survey: Survey) -> Iterator[tuple[int, str, int | None, int]]:
    """IRQ work that a CPU raised for itself: (CPU, ``raised`` or ``lazy``, function, address)."""
    kernel = survey.kernel
    link = kernel.path(_WORK, "node.llist", "llnode")
    for name, word in (("raised_list", "raised"), ("lazy_list", "lazy")):
        for cpu, head in _heads(survey, name) if kernel.symbols.has(name) else ():
            walked = kernel.walk_hlist(head, _WORK, link)
            survey.walked(walked, "IRQ work")
            column = survey.gaps(walked.read(["func"]), "IRQ work")["func"]
            for place, function in zip(reversed(walked.addresses), reversed(column), strict=True):
                yield cpu, word, function, place
