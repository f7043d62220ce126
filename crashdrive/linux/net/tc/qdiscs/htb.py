"""htb: a hierarchy of token buckets (net/sched/sch_htb.c)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import Block, Details, Kind, Private, Share, whole
from crashdrive.linux.net.tc.words import word_list
from crashdrive.linux.survey import Fields, Survey

_CLASS = "struct htb_class"
_VERSION = "3.17"  # HTB_VER: since 2.6


class Htb(Details, frozen=True):
    """``default``: the class of packets without a filter; ``direct_packets``: sent past all classes."""

    r2q: int
    default: int
    direct_packets: int
    direct_qlen: int | None
    offload: bool | None

    def words(self) -> list[str]:
        """As q_htb.c."""
        return word_list(
            f"r2q {self.r2q}",
            f"default {self.default:#x}" if self.default else "default 0",
            f"direct_packets_stat {self.direct_packets}",
            f"ver {_VERSION}",
            None if self.direct_qlen is None else f"direct_qlen {self.direct_qlen}",
            "offload" if self.offload else None,
        )


class HtbClass(Details, frozen=True):
    """``rate`` and ``ceil`` in bytes per second, ``burst``, ``cburst`` and ``quantum`` in bytes; ``tokens``
    and ``ctokens`` as tc has them, in units of 64 nanoseconds. ``level`` 0: a leaf.
    """

    prio: int
    quantum: int
    rate: int
    ceil: int
    burst: int
    cburst: int
    overhead: int
    mpu: int
    ceil_mpu: int
    linklayer: str
    level: int
    lended: int
    borrowed: int
    giants: int
    tokens: int
    ctokens: int

    def words(self) -> list[str]:
        """As q_htb.c."""
        return word_list(
            None if self.level else f"prio {self.prio} quantum {self.quantum}",
            f"rate {tcwords.rate(self.rate)}",
            f"overhead {self.overhead}" if self.overhead else None,
            f"ceil {tcwords.rate(self.ceil)} linklayer {self.linklayer}",
            f"burst {tcwords.size(self.burst)}/1 mpu {tcwords.size(self.mpu)}",
            f"cburst {tcwords.size(self.cburst)}/1 mpu {tcwords.size(self.ceil_mpu)}",
            f"level {self.level}",
        )

    def lines(self) -> list[str]:
        """As q_htb.c."""
        return [
            f" lended: {self.lended} borrowed: {self.borrowed} giants: {self.giants}",
            f" tokens: {self.tokens} ctokens: {self.ctokens}",
        ]


def _make(_survey: Survey, one: Private) -> Htb:
    row = one.row
    return Htb(
        r2q=row["r2q"],
        default=row["default"],
        direct_packets=row["direct_packets"],
        direct_qlen=row["direct_qlen"],
        offload=None if row["offload"] is None else bool(row["offload"]),
    )


_MEMBERS = {
    "id": ("common.classid",), "parent": ("parent",), "level": ("level",), "leaf": ("leaf.q", "un.leaf.q"),
    "prio": ("prio",), "quantum": ("quantum",), "rate": ("rate.rate_bytes_ps",), "block": ("block",),
    "ceil": ("ceil.rate_bytes_ps",), "buffer": ("buffer",), "cbuffer": ("cbuffer",),
    "overhead": ("rate.overhead",), "mpu": ("rate.mpu",), "ceil_mpu": ("ceil.mpu",),
    "linklayer": ("rate.linklayer",), "lended": ("xstats.lends", "xstats_lends"),
    "borrowed": ("xstats.borrows", "xstats_borrows"), "giants": ("xstats.giants",),
    "tokens": ("tokens",), "ctokens": ("ctokens",), "drops": ("drops",),
    "overlimits": ("overlimits",), "bytes": ("bstats.bytes",), "packets": ("bstats.packets",),
    "rate_est": ("rate_est",),
}  # fmt: skip
# a class has these counters since 338ed9b4de57 (4.8) and 3c75f6ee139d (4.15); giants, which nothing has ever
# counted up, are gone where what is lent stands in the class itself
_OPTIONAL = frozenset({"giants", "drops", "overlimits", "mpu", "ceil_mpu", "block", "rate_est"})


def _classes(survey: Survey, one: Private) -> Iterator[Share]:
    kernel, count = survey.kernel, survey.buckets(one.row["buckets"] or 0, "classes of htb")
    if not one.row["hash"] or not count:
        return
    walked = kernel.walk_table(one.row["hash"], count, _CLASS, "common.hnode")
    survey.walked(walked, "classes of htb")
    fields = Fields(kernel, _CLASS, _MEMBERS, [name for name in _MEMBERS if name not in _OPTIONAL])
    rows = survey.rows(fields, walked.addresses, "classes of htb")
    ids = {address: row["id"] for address, row in zip(walked.addresses, rows, strict=True)}
    wanted = [name for name in _MEMBERS if name not in _OPTIONAL or (name == "giants" and fields.has(name))]
    for row in rows:
        if all(row[name] is not None for name in wanted):
            yield _share(survey, row, ids.get(row["parent"]) if row["parent"] else tcwords.ROOT)


def _share(survey: Survey, row: Mapping[str, Any], parent: int | None) -> Share:
    leaf = row["leaf"] if not row["level"] else None
    nothing = {} if leaf else {"qlen": 0, "backlog": 0}
    own = {"drops": row["drops"], "overlimits": row["overlimits"], "requeues": 0}
    return Share(
        row["id"],
        0 if parent is None else parent,
        leaf,
        counters={**whole(survey, row, "bytes", "packets"), **own, **nothing},
        from_leaf=("qlen", "backlog") if leaf else (),
        details=_class(row),
        block=row["block"],
        estimator=row["rate_est"],
    )


def _class(row: Mapping[str, Any]) -> HtbClass:
    plain = ("prio", "quantum", "rate", "ceil", "overhead", "level", "lended", "borrowed")
    return HtbClass(
        **{name: row[name] for name in plain},
        burst=tcwords.burst(row["rate"], row["buffer"]),
        cburst=tcwords.burst(row["ceil"], row["cbuffer"]),
        giants=row["giants"] or 0,
        mpu=row["mpu"] or 0,
        ceil_mpu=row["ceil_mpu"] or 0,
        linklayer=tcwords.link_layer(row["linklayer"]),
        tokens=tcwords.ticks(row["tokens"]),
        ctokens=tcwords.ticks(row["ctokens"]),
    )


KIND = Kind(
    names=("htb",),
    structure="struct htb_sched",
    members={
        "hash": ("clhash.hash",), "buckets": ("clhash.hashsize",), "r2q": ("rate2quantum",),
        "default": ("defcls",), "direct_packets": ("direct_pkts",), "direct_qlen": ("direct_qlen",),
        "offload": ("offload",), "overlimits": ("overlimits",),
    },
    optional=frozenset({"direct_qlen", "offload", "overlimits"}),
    make=_make,
    classes=_classes,
    blocks=(Block("block"),),
    overwrites={"overlimits": "overlimits"},
)  # fmt: skip
