"""What drgn is asked: ``python -m benchmarks.by_drgn CASE VMLINUX VMCORE``; imports nothing of crashdrive."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from drgn import Program
from drgn.helpers.linux.list_nulls import hlist_nulls_for_each_entry
from drgn.helpers.linux.pid import for_each_task

AF_INET6 = 10


def opened(vmlinux: str, vmcore: str) -> Program:
    """The dump with its debug data."""
    program = Program()
    program.set_core_dump(vmcore)
    program.load_debug_info([vmlinux])
    return program


def start(program: Program) -> None:
    """One symbol."""
    print(hex(program.symbol("jiffies").address))


def sysinfo(program: Program) -> None:
    """Names, times and processors."""
    names = program["init_uts_ns"].name
    for name in ("nodename", "release", "version", "machine"):
        print(name, names.member_(name).string_().decode())
    print("taint", program["tainted_mask"].value_(), "tasks", sum(1 for _ in for_each_task(program)))


def bt(program: Program) -> None:
    """The stack of each task."""
    for task in for_each_task(program):
        print(task.pid.value_(), task.comm.string_().decode("utf-8", "backslashreplace"))
        try:
            for frame in program.stack_trace(task):
                print(f"        {frame.name}")
        except (ValueError, LookupError) as error:  # a task that ran on a CPU whose registers are gone
            print(f"        {error}")


def netstat(program: Program) -> None:
    """State, addresses and ports of TCP sockets."""
    info = program["tcp_hashinfo"]
    for table, head in (("ehash", "chain"), ("lhash2", "nulls_head")):
        buckets = info.member_(table)
        for number in range(info.member_(f"{table}_mask").value_() + 1):
            chain = buckets[number].member_(head).address_of_()
            for sock in hlist_nulls_for_each_entry("struct sock", chain, "__sk_common.skc_nulls_node"):
                print(*members(sock.member_("__sk_common")))


def members(common: Any) -> tuple[Any, ...]:
    """What a row has, addresses as numbers."""
    if common.skc_family.value_() == AF_INET6:
        local, remote = common.skc_v6_rcv_saddr.in6_u.u6_addr8, common.skc_v6_daddr.in6_u.u6_addr8
    else:
        local, remote = common.skc_rcv_saddr, common.skc_daddr
    return (
        common.skc_state.value_(), local.value_(), common.skc_num.value_(), remote.value_(),
        common.skc_dport.value_(),
    )  # fmt: skip


PROGRAMS: dict[str, Callable[[Program], None]] = {
    "start": start,
    "sysinfo": sysinfo,
    "bt": bt,
    "netstat": netstat,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](opened(sys.argv[2], sys.argv[3]))
