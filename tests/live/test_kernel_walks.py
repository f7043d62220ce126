"""Every walk on real dumps: the same addresses as drgn finds, and as crash's own list and tree."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

from crashdrive.errors import FaultError
from crashdrive.kernel import Objects
from crashdrive.linux.kernel import Kernel
from crashdrive.session import Session

pytestmark = pytest.mark.live
linux = pytest.importorskip("drgn.helpers.linux")
drgn = pytest.importorskip("drgn")


@pytest.fixture(scope="module")
def warm(lab: Any) -> Kernel:
    """The dump's kernel, kept for all tests here."""
    return Kernel(lab.session)


def addresses(objects: Iterable[Any]) -> list[int]:
    """What drgn found: values of pointers."""
    return [int(each) for each in objects]


def same(found: Objects, theirs: Iterable[Any]) -> None:
    """Complete, without a doubt, and the same in the same order."""
    assert found.problems == ()
    assert found.complete
    assert list(found.addresses) == addresses(theirs)


def entries(kind: str, head: Any, member: str) -> list[int]:
    return addresses(linux.list_for_each_entry(kind, head, member))


def test_tasks(warm: Kernel, peer: Any) -> None:
    found = warm.for_each_task()
    assert found.check().problems == ()
    assert sorted(found.addresses) == sorted(addresses(linux.for_each_task(peer)))
    assert sorted(warm.for_each_pid().addresses) == sorted(addresses(linux.for_each_pid(peer)))
    idle = [int(linux.idle_task(peer, cpu)) for cpu in linux.for_each_present_cpu(peer)]
    assert list(warm.for_each_task(idle=True).addresses[: len(idle)]) == idle
    leaders = warm.for_each_task(threads=False)
    assert list(leaders.addresses) == entries(
        "struct task_struct", peer["init_task"].tasks.address_of_(), "tasks"
    )


def test_task_records_are_what_drgn_sees(warm: Kernel, peer: Any) -> None:
    answer = warm.tasks()
    assert answer.complete
    for record in answer:
        task = drgn.Object(peer, "struct task_struct *", record.task)
        assert record.pid == task.pid
        assert record.tgid == task.tgid
        assert record.ppid == task.real_parent.tgid
        assert record.uid == task.real_cred.uid.val
        assert record.cpu == linux.task_cpu(task)
        assert record.state_letter == linux.task_state_to_char(task)
        assert record.comm == task.comm.string_().decode("utf-8", "backslashreplace")
        assert record.mm == (task.mm.value_() or None)
        assert record.vsz == (task.mm.total_vm.value_() * 4096 if task.mm else None)


def test_modules(warm: Kernel, peer: Any) -> None:
    same(warm.for_each_module(), linux.for_each_module(peer))
    by_address = {int(module): module for module in linux.for_each_module(peer)}
    for record in warm.modules():
        assert record.name == by_address[record.module].name.string_().decode()
        assert record.base in {start for start, _ in linux.module_address_regions(by_address[record.module])}


def test_network_namespaces_and_devices(warm: Kernel, peer: Any) -> None:
    nets = list(linux.for_each_net(peer))
    same(warm.for_each_net_namespace(), nets)
    same(warm.for_each_net_device(), [d for net in nets for d in linux.for_each_netdev(net)])
    same(warm.for_each_net_device(int(nets[0])), linux.for_each_netdev(nets[0]))


def test_mounts_of_all_namespaces(warm: Kernel, peer: Any) -> None:
    same(warm.for_each_mount(), linux.for_each_mount(peer))
    spaces = {
        int(task.nsproxy.mnt_ns): task.nsproxy.mnt_ns for task in linux.for_each_task(peer) if task.nsproxy
    }
    for address, namespace in spaces.items():
        same(warm.for_each_mount(address), linux.for_each_mount(namespace))


def test_super_blocks_and_their_inodes(warm: Kernel, peer: Any) -> None:
    theirs = entries("struct super_block", peer["super_blocks"].address_of_(), "s_list")
    same(warm.for_each_super_block(), theirs)
    for block in theirs:
        head = drgn.Object(peer, "struct super_block *", block).s_inodes.address_of_()
        same(warm.for_each_inode(block), entries("struct inode", head, "i_sb_list"))


def test_page_caches(warm: Kernel, peer: Any) -> None:
    """XArrays of all inodes."""
    mapping = warm.offset("struct inode", "i_data") + warm.offset("struct address_space", "i_pages")
    seen = 0
    for block in warm.for_each_super_block().addresses:
        for inode in warm.for_each_inode(block).addresses:
            theirs = linux.inode_for_each_page(drgn.Object(peer, "struct inode *", inode))
            pages = [(index, int(page)) for index, page in theirs]
            found = warm.walk_xarray(inode + mapping)
            assert found.complete
            # values are shadows of pages that were dropped: drgn's helper leaves them out
            assert [(index, entry) for index, entry in found if not entry & 1] == pages
            seen += len(pages)
    assert seen > 100


def test_idrs(warm: Kernel, peer: Any) -> None:
    ours = warm.walk_idr(warm.symbol("init_pid_ns").idr)
    assert ours.complete
    assert list(ours) == [
        (i, int(entry)) for i, entry in linux.idr_for_each(peer["init_pid_ns"].idr.address_of_())
    ]
    for net in linux.for_each_net(peer):
        theirs = [(i, int(entry)) for i, entry in linux.idr_for_each(net.netns_ids.address_of_())]
        assert list(warm.walk_idr(int(net) + warm.offset("struct net", "netns_ids"))) == theirs


def test_open_files_and_areas_of_all_tasks(warm: Kernel, peer: Any) -> None:
    files = areas = 0
    for task in linux.for_each_task(peer):
        # a descriptor that is reserved but has no file yet is drgn's alone
        theirs = [(number, int(file)) for number, file in linux.for_each_file(task) if file]
        ours = warm.for_each_file(int(task))
        assert ours.complete
        assert [(number, file.address_) for number, file in ours] == theirs
        found = warm.for_each_vma(int(task))
        same(found, linux.for_each_vma(task.mm) if task.mm else [])
        files, areas = files + len(theirs), areas + len(found)
    assert files > 20
    assert areas > 50


def test_run_queues(warm: Kernel, peer: Any) -> None:
    theirs = [linux.per_cpu(peer["runqueues"], cpu).address_of_() for cpu in linux.for_each_present_cpu(peer)]
    ours = warm.run_queues()
    assert [rq.address_ for rq in ours] == addresses(theirs)
    assert [int(rq.nr_running) for rq in ours] == [rq.nr_running.value_() for rq in theirs]
    assert list(warm.online_cpus) == list(linux.for_each_online_cpu(peer))
    assert warm.jiffies == peer["jiffies_64"].value_()


def test_red_black_trees(warm: Kernel, peer: Any) -> None:
    """Areas of vmalloc, and timers of every CPU."""
    kind, member = "struct vmap_area", "rb_node"
    root = peer["free_vmap_area_root"].address_of_()
    same(warm.walk_rbtree(int(root), kind, member), linux.rbtree_inorder_for_each_entry(kind, root, member))
    for cpu in linux.for_each_present_cpu(peer):
        bases = linux.per_cpu(peer["hrtimer_bases"], cpu).clock_base
        for i in range(len(bases)):
            head = bases[i].active.rb_root
            theirs = linux.rbtree_inorder_for_each_entry(
                "struct hrtimer", head.rb_root.address_of_(), "node.node"
            )
            same(warm.walk_rbtree(int(head.address_of_()), "struct hrtimer", "node.node"), theirs)


def test_sockets_of_all_hash_tables(warm: Kernel, peer: Any) -> None:
    info, theirs = warm.symbol("tcp_hashinfo"), peer["tcp_hashinfo"]
    node = "__sk_common.skc_nulls_node"
    table = warm.walk_table(
        info.ehash, int(info.ehash_mask) + 1, "struct sock", node,
        nulls=True, nulls_base=0, step=warm.sizeof("struct inet_ehash_bucket"),
    )  # fmt: skip
    chains = (theirs.ehash[i].chain.address_of_() for i in range(theirs.ehash_mask.value_() + 1))
    same(table, nulls_entries(chains, node))
    assert len(table) > 20
    listening = warm.walk_table(
        info.lhash2.nulls_head, int(info.lhash2_mask) + 1, "struct sock", node,
        nulls=True, step=warm.sizeof("struct inet_listen_hashbucket"),
    )  # fmt: skip
    chains = (theirs.lhash2[i].nulls_head.address_of_() for i in range(theirs.lhash2_mask.value_() + 1))
    same(listening, nulls_entries(chains, node))
    assert len(listening) > 0


def nulls_entries(chains: Iterable[Any], member: str) -> list[int]:
    return [
        int(sock)
        for chain in chains
        for sock in linux.list_nulls.hlist_nulls_for_each_entry("struct sock", chain, member)
    ]


def test_udp_sockets(warm: Kernel, peer: Any) -> None:
    table, theirs = warm.symbol("udp_table"), peer["udp_table"]
    count = int(table.mask) + 1
    slot = warm.sizeof("struct udp_hslot")
    found = warm.walk_table(table.hash, count, "struct sock", "__sk_common.skc_node", step=slot)
    expected = [
        sock
        for i in range(count)
        for sock in linux.hlist_for_each_entry(
            "struct sock", theirs.hash[i].head.address_of_(), "__sk_common.skc_node"
        )
    ]
    same(found, expected)
    assert len(found) > 0


def test_priority_lists(warm: Kernel, peer: Any) -> None:
    """Swap devices, and tasks that wait for a futex."""
    kind = "struct swap_info_struct"
    theirs = linux.plist_for_each_entry(kind, peer["swap_active_head"].address_of_(), "list")
    same(warm.walk_plist(warm.symbol("swap_active_head"), kind, "list"), theirs)
    queues, seen = peer["__futex_data"].queues, 0
    ours = warm.symbol("__futex_data").queues
    for i in range(peer["__futex_data"].hashsize.value_()):
        waiting = addresses(
            linux.plist_for_each_entry("struct futex_q", queues[i].chain.address_of_(), "list")
        )
        same(warm.walk_plist(ours[i].chain, "struct futex_q", "list"), waiting)
        seen += len(waiting)
    assert seen > 0


def test_lock_less_lists(warm: Kernel, peer: Any) -> None:
    """BPF's free objects of each CPU and size, where the kernel has such (6.2: 958cf2e273f0)."""
    if not warm.symbols.has("bpf_global_ma"):
        pytest.skip("no list of this kind has anything on it")
    seen = 0
    caches = warm.symbol("bpf_global_ma").caches.value_()
    for cpu in warm.cpus:
        theirs = linux.per_cpu_ptr(peer["bpf_global_ma"].caches, cpu).cache
        ours = warm.object("struct bpf_mem_caches", warm.per_cpu_address(caches, cpu)).cache
        assert len(ours) == len(theirs)
        for cache, other in zip(ours, theirs, strict=True):
            free = addresses(linux.llist_for_each(other.free_llist.first))
            same(warm.walk_hlist(cache.free_llist, "struct llist_node", "next"), free)
            seen += len(free)
    assert seen > 10


def test_unreadable_roots_of_all_walks_are_problems(warm: Kernel) -> None:
    for head in (0, 8, 0xDEAD_0000_0000_0100, 0x7F00_0000_1000, 1 << 63, 0xFFFF_FFFF_FFFF_FFF8):
        for found in (
            warm.walk_plist(head, "struct swap_info_struct", "list"),
            warm.walk_rbtree(head, "struct vmap_area", "rb_node"),
            warm.walk_xarray(head),
            warm.walk_idr(head),
            warm.walk_maple(head),
            warm.walk_table(head, 4, "struct sock", "__sk_common.skc_node"),
            warm.for_each_vma(head),
            warm.for_each_file(head),
            warm.for_each_pid(head),
            warm.for_each_mount(head),
            warm.for_each_inode(head),
        ):
            assert len(found) == 0
            assert not found.complete
            with pytest.raises(FaultError):
                found.check()


_ADDRESS = re.compile(r"^([0-9a-f]{8,16})$", re.MULTILINE)


def crash_says(session: Session, command: str) -> list[int]:
    """Addresses out of crash's list or tree, one on each line."""
    return [int(text, 16) for text in _ADDRESS.findall(session.run(command).check().text)]


@pytest.mark.parametrize(
    ("symbol", "kind", "member"),
    [
        ("modules", "module", "list"),
        ("super_blocks", "super_block", "s_list"),
        ("net_namespace_list", "net", "list"),
        ("slab_caches", "kmem_cache", "list"),
        ("cgroup_roots", "cgroup_root", "root_list"),
    ],
)
def test_crash_lists_the_same(warm: Kernel, lab: Any, symbol: str, kind: str, member: str) -> None:
    head = warm.symbols.address(symbol)
    ours = warm.walk_list(head, f"struct {kind}", member)
    assert ours.complete
    assert list(ours.addresses) == crash_says(lab.session, f"list {kind}.{member} -H {head:x}")
    assert len(ours) > 0


def test_crash_lists_the_same_tasks(warm: Kernel, lab: Any) -> None:
    init = warm.symbols.address("init_task")
    theirs = crash_says(lab.session, f"list task_struct.tasks -h {init:x}")
    assert [init, *warm.for_each_task(threads=False).addresses] == theirs


def test_crash_shows_the_same_trees(warm: Kernel, lab: Any) -> None:
    root = warm.symbols.address("free_vmap_area_root")
    ours = warm.walk_rbtree(root, "struct vmap_area", "rb_node")
    offset = warm.offset("struct vmap_area", "rb_node")
    # crash prints a tree from its root downwards, we in its order
    theirs = crash_says(lab.session, f"tree -t rbtree -o {offset} {root:x}")
    assert sorted(ours.addresses) == sorted(theirs)
    pids = warm.walk_idr(warm.symbol("init_pid_ns").idr)
    place = warm.symbol("init_pid_ns").idr.idr_rt.address_
    found = crash_says(lab.session, f"tree -t xarray {place:x}")
    assert sorted(entry for _, entry in pids) == sorted(found)


@pytest.mark.parametrize(
    "head", [0, 8, 0xDEAD_0000_0000_0100, 0x7F00_0000_1000, 1 << 63, 0xFFFF_FFFF_FFFF_FFF8]
)
def test_bad_heads_give_nothing_and_say_why(warm: Kernel, head: int) -> None:
    for found in (
        warm.walk_list(head, "struct module", "list"),
        warm.walk_hlist(head, "struct sock", "__sk_common.skc_node"),
        warm.walk_chain(head, "struct module", "list") if head else None,
    ):
        if found is not None:
            assert list(found.addresses) == []
            assert not found.complete
            assert found.problems[0].message
