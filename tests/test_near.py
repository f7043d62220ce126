"""What somebody may have meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.near import hint, nearest

SYMBOLS = [
    "init_task", "_sinittext", "_einittext", "init_tis", "init_fs", "modules", "mode", "jiffies",
    "jiffies_64", "runqueues", "tcp_hashinfo", "net_namespace_list", "__crc_net_namespace_list", "x",
]  # fmt: skip


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("initt_task", "init_task"), ("init_tsk", "init_task"), ("inti_task", "init_task"),
        ("init_tas", "init_task"), ("nit_task", "init_task"), ("INIT_TASK", "init_task"),
        ("modlues", "modules"), ("jiffie", "jiffies"), ("runqueue", "runqueues"),
        ("tcp_hashinfoo", "tcp_hashinfo"), ("net_namespace_lst", "net_namespace_list"),
        ("net_name", "net_namespace_list"),
    ],
)  # fmt: skip
def test_slips(slip: str, meant: str) -> None:
    assert nearest(slip, SYMBOLS)[0] == meant


def test_what_is_far_is_not_near() -> None:
    assert nearest("qqqqq", SYMBOLS) == []
    assert "_sinittext" not in nearest("initt_task", SYMBOLS)
    assert nearest("anything", []) == []


@given(st.sampled_from(SYMBOLS[:-1]), st.data())
def test_one_slip_finds_the_name(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 1))
    kind = data.draw(st.sampled_from(["less", "more", "other"]))
    slip = name[:place] + {"less": "", "more": "q" + name[place], "other": "q"}[kind] + name[place + 1 :]
    assert name in nearest(slip, SYMBOLS)


def test_the_hint() -> None:
    assert hint("slab", ["slabs", "areas"], every=True) == "; near: slabs"
    assert hint("qqq", ["slabs", "areas"], every=True) == "; there are slabs, areas"
    assert hint("qqq", ["slabs", "areas"]) == ""
