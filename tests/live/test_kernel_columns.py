"""Columns of real dumps, the same as drgn's objects say."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.linux.kernel import Kernel

pytestmark = pytest.mark.live
linux = pytest.importorskip("drgn.helpers.linux")
drgn = pytest.importorskip("drgn")

SOCK = [
    "__sk_common.skc_state", "__sk_common.skc_family", "__sk_common.skc_num", "__sk_common.skc_dport",
    "__sk_common.skc_daddr", "__sk_common.skc_rcv_saddr", "__sk_common.skc_reuse", "__sk_common.skc_ipv6only",
]  # fmt: skip
TASK = [
    "pid",
    "tgid",
    "flags",
    "prio",
    "utime",
    "sched_class",
    "in_execve",
    "se.load.weight",
    "real_parent->pid",
]


@pytest.fixture(scope="module")
def warm(lab: Any) -> Kernel:
    """The dump's kernel, kept for all tests here."""
    return Kernel(lab.session)


def value(thing: Any, path: str) -> Any:
    """A member in drgn, by a path of ours."""
    for name in path.replace("->", ".").split("."):
        thing = thing.member_(name)
    return thing.value_()


def test_members_of_all_tasks(warm: Kernel, peer: Any) -> None:
    tasks = warm.for_each_task().addresses
    columns = warm.read_many("struct task_struct", tasks, TASK).check()
    for address, row in zip(tasks, columns, strict=True):
        task = drgn.Object(peer, "struct task_struct *", address)
        assert list(row) == [value(task, path) for path in TASK]


def test_members_of_all_tcp_sockets(warm: Kernel, peer: Any) -> None:
    info = warm.symbol("tcp_hashinfo")
    size = warm.sizeof("struct inet_ehash_bucket")
    table = warm.walk_table(
        info.ehash, int(info.ehash_mask) + 1, "struct sock", "__sk_common.skc_nulls_node",
        step=size, nulls=True, nulls_base=0, fields=SOCK,
    )  # fmt: skip
    assert table.complete
    assert table.columns is not None
    assert table.columns.complete
    assert list(table.columns) == list(warm.read_many("struct sock", table.addresses, SOCK))
    for address, row in zip(table.addresses, table.columns, strict=True):
        sock = drgn.Object(peer, "struct sock *", address)
        assert list(row) == [value(sock, path) for path in SOCK]


def test_holes_are_marked_among_good_rows(warm: Kernel) -> None:
    good = warm.symbols.address("init_task")
    addresses = [
        good,
        0,
        0xDEAD_0000_0000_0100,
        0x7F00_0000_1000,
        1 << 63,
        good + 1,
        0xFFFF_FFFF_FFFF_FFFF,
        good,
    ]
    columns = warm.read_many("struct task_struct", addresses, ["pid", "static_prio"])
    rows = list(columns)
    assert rows[0] == rows[7] == (0, 120)
    assert all(rows[i] == (None, None) for i in (1, 2, 3, 4, 6))
    assert rows[5][0] is not None
    assert {gap.row for gap in columns.gaps} == {1, 2, 3, 4, 6}
    assert not columns.complete
