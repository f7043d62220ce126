"""Whole structures of real dumps, member by member the same as in drgn."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import pytest

from crashdrive.errors import FaultError, UnknownMemberError, UnknownSymbolError, UnknownTypeError
from crashdrive.kernel import addr_of, container_of
from crashdrive.linux.kernel import Kernel

pytestmark = pytest.mark.live
linux = pytest.importorskip("drgn.helpers.linux")
drgn = pytest.importorskip("drgn")


@pytest.fixture(scope="module")
def warm(lab: Any) -> Kernel:
    """The dump's kernel, kept for all tests here."""
    return Kernel(lab.session)


def differences(ours: Any, theirs: Any, path: str) -> list[str]:
    """Where two values of the same type differ; an array of char is bytes here, numbers there."""
    if isinstance(ours, dict):
        # drgn leaves flexible arrays out
        ours = {name: value for name, value in ours.items() if name in theirs or value != []}
        if ours.keys() != theirs.keys():
            return [f"{path}: members {sorted(ours.keys() ^ theirs.keys())}"]
        return [d for name in ours for d in differences(ours[name], theirs[name], f"{path}.{name}")]
    if isinstance(ours, bytes):
        theirs = bytes(value & 255 for value in theirs)
    if isinstance(ours, list):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{path}[{i}]")]
    return [] if ours == theirs else [f"{path}: {ours!r} here, {theirs!r} there"]


def samples(warm: Kernel, peer: Any) -> Iterable[tuple[str, int]]:
    yield from (("struct task_struct", a) for a in warm.for_each_task(idle=True).addresses[::7])
    yield from (("struct module", a) for a in warm.for_each_module().addresses)
    yield from (("struct net", a) for a in warm.for_each_net_namespace().addresses)
    yield from (("struct net_device", a) for a in warm.for_each_net_device().addresses)
    yield from (("struct mount", a) for a in warm.for_each_mount().addresses)
    yield from (("struct super_block", a) for a in warm.for_each_super_block().addresses[:5])
    yield from (("struct rq", rq.address_ or 0) for rq in warm.run_queues())
    yield from (("struct mm_struct", int(t.mm)) for t in islice(linux.for_each_task(peer), 3) if t.mm)


def test_whole_structures(warm: Kernel, peer: Any) -> None:
    count = 0
    for kind, address in samples(warm, peer):
        ours = warm.object(kind, address).value_()
        theirs = drgn.Object(peer, kind, address=address).value_()
        assert differences(ours, theirs, kind) == []
        count += 1
    assert count > 40


def test_scripts_read_like_c(warm: Kernel, peer: Any) -> None:
    task = warm.symbol("init_task")
    theirs = peer["init_task"]
    assert task.type_name_ == "struct task_struct"
    assert task.comm.string_() == theirs.comm.string_().decode()
    assert task.signal.rlim[7].rlim_cur == theirs.signal.rlim[7].rlim_cur.value_()
    assert task.tasks.next == theirs.tasks.next.value_()
    first = container_of(task.tasks.next, "struct task_struct", "tasks")
    assert first.pid == 1
    assert container_of(addr_of(first, "tasks"), "struct task_struct", "tasks") == first
    assert (
        first["__state"]
        == drgn.Object(peer, "struct task_struct", address=first.address_).member_("__state").value_()
    )
    assert {"pid", "comm", "mm"} <= set(dir(first))
    assert warm.symbol("jiffies_64") == warm.jiffies
    assert len(warm.per_cpu("runqueues")) == len(warm.cpus)
    assert warm.per_cpu("runqueues")[0].cpu == 0
    assert warm.hz in {100, 250, 300, 1000}
    assert warm.page_size == 4096
    assert warm.byte_order == "little"
    assert warm.pointer_size == 8


def test_a_structure_shows_what_crash_shows(warm: Kernel, lab: Any) -> None:
    """The same members with the same values, as far as one line holds both."""
    address = warm.for_each_module().addresses[0]
    theirs = lab.session.run(f"struct module.name,num_syms,taints,init {address:x}").check().text
    module = warm.object("struct module", address)
    for name in ("num_syms", "taints"):
        assert f"{name} = {int(module[name])}," in theirs
    assert f'name = "{module.name.string_()}' in theirs
    shown = repr(module)
    assert shown.startswith("struct module {\n  state = MODULE_STATE_LIVE,\n  list = {\n    next = 0x")
    assert f'  name = "{module.name.string_()}",\n' in shown


def test_bad_input(warm: Kernel) -> None:
    task = warm.symbol("init_task")
    with pytest.raises(UnknownMemberError, match=r"struct task_struct has no member 'comn'; near: comm"):
        _ = task.comn
    with pytest.raises(UnknownTypeError):
        warm.object("struct no_such_struct", 0)
    with pytest.raises(UnknownSymbolError):
        warm.symbol("no_such_symbol")
    for name in ("init_task;x", "a|b", "x\ny", "!ls", "$(x)"):
        with pytest.raises((UnknownSymbolError, UnknownTypeError)):
            warm.symbol(name)
        with pytest.raises(UnknownTypeError):
            warm.object(f"struct {name}", 0)
    for address in (0, 0xDEAD_0000_0000_0100, 0x7F00_0000_1000, 1 << 63, 0xFFFF_FFFF_FFFF_FFFF):
        with pytest.raises(FaultError):
            warm.object("struct list_head", address).next.value_()
        assert "not in the dump" in repr(warm.object("struct list_head", address))
