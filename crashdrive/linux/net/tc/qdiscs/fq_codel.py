"""fq_codel: many flows, each with codel (net/sched/sch_fq_codel.c)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import (
    Block,
    Details,
    Kind,
    Private,
    Share,
    credible,
    linked,
    list_length,
    words32,
)
from crashdrive.linux.net.tc.qdiscs.codel import parameter_members, parameters, seconds, times
from crashdrive.linux.net.tc.qdiscs.packets import chain_length
from crashdrive.linux.net.tc.words import word_list
from crashdrive.linux.survey import Fields, Survey

_FLOW = "struct fq_codel_flow"
_WHAT = "flows of fq_codel"
_MOST_FLOWS = 1 << 16  # fq_codel_change() allows no more


class FqCodel(Details, frozen=True):
    """``target``, ``interval`` and ``ce_threshold`` (None: off) in seconds; ``limit`` and ``drop_batch`` in
    packets; ``quantum``, ``memory_limit`` and ``memory_used`` in bytes; ``new_flows`` and ``old_flows``:
    active flows.
    """

    limit: int | None
    flows: int
    quantum: int
    target: float
    ce_threshold: float | None
    interval: float
    memory_limit: int | None
    ecn: bool
    drop_batch: int | None
    maxpacket: int
    drop_overlimit: int
    new_flow_count: int
    ecn_mark: int
    ce_mark: int | None
    memory_used: int | None
    drop_overmemory: int | None
    new_flows: int | None
    old_flows: int | None

    def words(self) -> list[str]:
        """As q_fq_codel.c."""
        memory = None if self.memory_limit is None else f"memory_limit {tcwords.size(self.memory_limit)}"
        batch = f"drop_batch {self.drop_batch}" if self.drop_batch else None
        head = (f"limit {self.limit}p", f"flows {self.flows}", f"quantum {self.quantum}")
        return word_list(*head, *times(self), memory, "ecn" if self.ecn else None, batch)

    def lines(self) -> list[str]:
        """As q_fq_codel.c."""
        always = ("maxpacket", "drop_overlimit", "new_flow_count", "ecn_mark")
        sometimes = ("ce_mark", "memory_used", "drop_overmemory")
        told = [*always, *(name for name in sometimes if getattr(self, name))]
        new, old = ("?" if n is None else n for n in (self.new_flows, self.old_flows))
        return [
            "  " + " ".join(f"{name} {getattr(self, name)}" for name in told),
            f"  new_flows_len {new} old_flows_len {old}",
        ]


class Flow(Details, frozen=True):
    """A flow that has packets; ``deficit`` in bytes, ``last_delay`` in seconds."""

    deficit: int
    count: int
    last_count: int
    last_delay: float
    dropping: bool

    def lines(self) -> list[str]:
        """As q_fq_codel.c."""
        delay = tcwords.microseconds(self.last_delay)
        dropping = " dropping" if self.dropping else ""
        counts = f"count {self.count} lastcount {self.last_count}"
        return [f"  deficit {self.deficit} {counts} ldelay {delay}{dropping}"]


_PLAIN = ("maxpacket", "drop_overlimit", "new_flow_count", "ecn_mark", "ce_mark", "drop_overmemory")


def _make(survey: Survey, one: Private) -> FqCodel:
    row = one.row
    lengths: dict[str, Any] = {
        name: list_length(survey, one.address + survey.kernel.offset(_STRUCTURE, name), row[name], _WHAT)
        for name in ("new_flows", "old_flows")
    }
    return FqCodel(
        limit=one.qdisc["limit"],
        flows=row["count"],
        quantum=row["quantum"],
        memory_limit=row["memory_limit"],
        memory_used=row["memory_used"],
        drop_batch=row["drop_batch"],
        **parameters(row),
        **{name: row[name] for name in _PLAIN},
        **lengths,
    )


_FLOW_MEMBERS = {
    "head": ("head",), "deficit": ("deficit",), "count": ("cvars.count",),
    "last_count": ("cvars.lastcount",), "last_delay": ("cvars.ldelay",), "dropping": ("cvars.dropping",),
}  # fmt: skip


def _idle(survey: Survey, one: Private) -> bool:
    """Whether both lists are empty."""
    places = {
        name: one.address + survey.kernel.offset(_STRUCTURE, name) for name in ("new_flows", "old_flows")
    }
    return all(one.row[name] == place for name, place in places.items())


def _classes(survey: Survey, one: Private) -> Iterator[Share]:
    """The active flows: those that are on one of the lists."""
    kernel, first = survey.kernel, one.row["flows"]
    count = credible(survey, one.row["count"], _MOST_FLOWS, _WHAT)
    if not first or _idle(survey, one):
        return
    places = [first + i * kernel.sizeof(_FLOW) for i in range(count)]
    busy = linked(survey, _FLOW, "flowchain", places, _WHAT)
    fields = Fields(kernel, _FLOW, _FLOW_MEMBERS, _FLOW_MEMBERS)
    rows = survey.rows(fields, [places[i] for i in busy], _WHAT)
    backlogs = words32(survey, [one.row["backlogs"] + 4 * i for i in busy], _WHAT)
    for i, waiting, row in zip(busy, backlogs, rows, strict=True):
        if None in row.values():
            continue
        counters = {"drops": 0, "overlimits": 0, "requeues": 0, "backlog": waiting}
        yield Share(
            one.handle | i + 1,
            one.handle,
            counters={**counters, "qlen": chain_length(survey, row["head"])},
            details=Flow(
                deficit=row["deficit"],
                count=row["count"],
                last_count=row["last_count"],
                last_delay=seconds(row["last_delay"]),
                dropping=bool(row["dropping"]),
            ),
        )


_STRUCTURE = "struct fq_codel_sched_data"
KIND = Kind(
    names=("fq_codel",),
    structure=_STRUCTURE,
    members={
        **parameter_members("cparams"),
        "flows": ("flows",), "count": ("flows_cnt",), "backlogs": ("backlogs",), "quantum": ("quantum",),
        "drop_batch": ("drop_batch_size",), "memory_limit": ("memory_limit",),
        "memory_used": ("memory_usage",), "drop_overmemory": ("drop_overmemory",),
        "drop_overlimit": ("drop_overlimit",), "new_flow_count": ("new_flow_count",),
        "maxpacket": ("cstats.maxpacket",), "ecn_mark": ("cstats.ecn_mark",), "ce_mark": ("cstats.ce_mark",),
        "new_flows": ("new_flows.next",), "old_flows": ("old_flows.next",),
    },
    optional=frozenset(
        {"ce_threshold", "ce_mark", "drop_batch", "memory_limit", "memory_used", "drop_overmemory"}
    ),
    make=_make,
    classes=_classes,
    blocks=(Block("block"),),
)  # fmt: skip
