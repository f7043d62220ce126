"""What a type checker knows of an open dump. Nothing here runs: mypy reads it, in every run over the tests.

A line that has to be an error says so: mypy tells of an ignore that ignores nothing.
"""

from __future__ import annotations

from typing import assert_type

from crashdrive import Answer, Crash
from crashdrive.parsers import bt, files, foreach, ipcs, irq, kmem, net, ps, sys, tree, vm, whatis
from crashdrive.records import Report


def calls(crash: Crash) -> None:
    assert_type(crash.ps(), Answer[ps.Process])
    assert_type(crash.ps(1, "init", kernel=True), Answer[ps.Process])
    assert_type(crash.ps(1, show="parents"), Answer[ps.Ancestry])
    assert_type(crash.ps(show="arguments").one(), ps.Arguments)
    assert_type(crash.bt(pid=1)[0], bt.Backtrace)
    assert_type(crash.bt(show="overflows"), Answer[bt.StackOverflow])
    assert_type(crash.irq(show="counts"), Answer[irq.IrqCounts])
    assert_type(crash.sys(show="taint"), Answer[sys.Taint])
    assert_type(crash.sys(0, show="calls"), Answer[sys.SystemCall])
    assert_type(crash.kmem(), Answer[kmem.MemoryUse])
    assert_type(crash.kmem("info"), Answer[kmem.MemoryUse])
    assert_type(crash.kmem("caches", cache="dentry"), Answer[kmem.SlabCache])
    assert_type(crash.kmem("info", also=("nodes",)), Answer[kmem.KmemAnswer])
    assert_type(crash.net(arp=True), Answer[net.Neighbour])
    assert_type(crash.net(1, sockets=True), Answer[net.TaskSockets])
    assert_type(crash.files(dentry=1), Answer[files.Dentry])
    assert_type(crash.vm(1, mm_struct=True), Answer[vm.TaskStructures])
    assert_type(crash.ipcs("queues"), Answer[ipcs.MessageQueue])
    assert_type(crash.tree(1, "maple", ranges=True), Answer[tree.MapleTree | tree.MapleRange])
    assert_type(crash.whatis(member="mm_struct"), Answer[whatis.SizedType])
    assert_type(crash.foreach(["bt", "files"]), Answer[foreach.TaskAnswer])


def reports(crash: Crash, name: str) -> None:
    assert_type(crash.report("netstat", all=True, port=(80,)), Report)
    assert_type(crash.run_report(name, anything=1), Report)
    crash.report("netstat", every=True)  # type: ignore[call-overload]
    crash.report("netstat", all=1)  # type: ignore[call-overload]
    crash.report("netstta")  # type: ignore[call-overload]


def mistakes(crash: Crash) -> None:
    crash.ps(no_such_option=1)  # type: ignore[call-overload]
    crash.ps(show="parent")  # type: ignore[call-overload]
    crash.irq(used=True, show="counts")  # type: ignore[call-overload]
    crash.kmem("slab")  # type: ignore[call-overload]
    crash.swap(1)  # type: ignore[call-arg]
    crash.swp()  # type: ignore[attr-defined]
