"""Reports of the system on real dumps, against what drgn's own helpers find there."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.crash import Crash, open_dump
from tests.live.conftest import LAB, crash_binary

pytestmark = pytest.mark.live
drgn = pytest.importorskip("drgn")
_SECTOR = 512


@pytest.fixture(scope="module")
def crash(lab: Any) -> Crash:
    return Crash(lab.session, keep=False)


def test_interrupts(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.cpumask import for_each_cpu
    from drgn.helpers.linux.irq import (
        for_each_irq_desc,
        irq_desc_action_names,
        irq_desc_affinity_mask,
        irq_desc_chip_name,
        irq_desc_kstat_cpu,
    )

    rows = {row.irq: row for row in crash.run_report("irq").table("interrupts").rows}
    theirs = dict(for_each_irq_desc(peer))
    assert rows.keys() <= theirs.keys()
    for number, desc in theirs.items():
        names = tuple(name.decode() for name in irq_desc_action_names(desc))
        # what nobody took, and what never came, is no row
        assert number in rows or not names
        if number not in rows:
            continue
        row = rows[number]
        assert row.irq_desc == desc.value_()
        assert row.irq_names == names
        assert row.irq_counts == {cpu: irq_desc_kstat_cpu(desc, cpu) for cpu in (0, 1)}
        assert row.chip == (irq_desc_chip_name(desc) or b"").decode()
        assert set(row.affinity_cpus) == {*for_each_cpu(irq_desc_affinity_mask(desc))} & {0, 1}


def test_timers(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.percpu import per_cpu
    from drgn.helpers.linux.timer import hrtimer_clock_base_for_each, timer_base_for_each

    report = crash.run_report("timers")
    wheel = {
        timer.value_(): timer
        for cpu in (0, 1)
        for base in per_cpu(peer["timer_bases"], cpu)
        for timer in timer_base_for_each(base.address_of_())
    }
    rows = report.table("timers").rows
    assert {row.timer_address for row in rows} == wheel.keys()
    assert len(rows) == len(wheel)
    now = peer["jiffies"].value_()
    for row in rows:
        # jiffies of this guest count to 250 in a second
        assert row.expires_left == (wheel[row.timer_address].expires.value_() - now) / 250
    high = {
        timer.value_(): cpu
        for cpu in (0, 1)
        for base in per_cpu(peer["hrtimer_bases"], cpu).clock_base
        for timer in hrtimer_clock_base_for_each(base.address_of_())
    }
    assert {row.timer_address: row.cpu for row in report.table("hrtimers").rows} == high


def test_pci(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.pci import for_each_pci_dev, pci_is_bridge, pci_name

    rows = {row.pci_dev: row for row in crash.run_report("pci").table("functions").rows}
    theirs = {device.value_(): device for device in for_each_pci_dev(peer)}
    assert rows.keys() == theirs.keys()
    assert theirs
    for address, device in theirs.items():
        row = rows[address]
        assert row.pci_address == pci_name(device)
        assert row.vendor_id == f"{device.vendor.value_():04x}"
        assert row.device_id == f"{device.device.value_():04x}"
        driver = device.driver
        assert row.driver_name == (driver.name.string_().decode() if driver else None)
        assert ("bridge" in (row.pci_type or "")) == pci_is_bridge(device)


def test_disks(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.block import for_each_disk, for_each_partition, part_name

    rows = crash.run_report("block").table("disks").rows
    theirs = {part_name(part).decode(): part for part in for_each_partition(peer)}
    assert {row.name for row in rows} <= theirs.keys()
    for row in rows:
        part = theirs[row.name]
        assert row.address == part.value_()
        assert row.size == part.bd_nr_sectors.value_() * _SECTOR
        assert (row.major, row.minor) == (part.bd_dev.value_() >> 20, part.bd_dev.value_() & 0xFFFFF)
    whole = {row.gendisk for row in rows if row.partition is None}
    assert whole <= {disk.value_() for disk in for_each_disk(peer)}
    assert whole


# guests of the small set have no request on its way: their disks have answered all
@pytest.mark.parametrize(
    ("dump", "version"), [("6.1-kdump-stuckrequest", "8.0.6"), ("6.12-kdump-stuckrequest", "9.0.2")]
)
def test_requests(dump: str, version: str) -> None:
    from drgn.helpers.linux.block import blk_rq_pos, for_each_disk, request_queue_busy_iter

    vmcore = LAB / "dumps" / dump / "vmcore"
    if not vmcore.exists():
        pytest.skip(f"{dump} is missing: scripts/lab dump --death stuckrequest makes it")
    vmlinux = vmcore.parent / "vmlinux"
    peer = drgn.Program()
    peer.set_core_dump(vmcore)
    peer.load_debug_info([vmlinux])
    theirs = {
        request.value_(): request
        for disk in for_each_disk(peer)
        for request in request_queue_busy_iter(disk.queue)
    }
    assert theirs
    with open_dump(vmlinux, vmcore, crash=[str(crash_binary(version))]) as crash:
        rows = {row.address: row for row in crash.run_report("block").table("requests").rows}
    assert theirs.keys() <= rows.keys()
    for address, request in theirs.items():
        assert rows[address].sector == blk_rq_pos(request).value_()


def test_programs_and_maps_of_ebpf(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.bpf import bpf_link_for_each, bpf_map_for_each, bpf_prog_for_each

    report = crash.run_report("bpf")
    programs = {program.value_(): program for program in bpf_prog_for_each(peer)}
    rows = {row.bpf_prog: row for row in report.table("programs").rows}
    assert rows.keys() == programs.keys()
    for address, program in programs.items():
        assert rows[address].program_id == program.aux.id.value_()
        assert rows[address].jited_bytes == program.jited_len.value_()
        assert rows[address].program_tag == bytes(program.tag.value_()).hex()
    maps = {each.value_(): each for each in bpf_map_for_each(peer)}
    found = {row.bpf_map: row for row in report.table("maps").rows}
    assert found.keys() == maps.keys()
    for address, each in maps.items():
        row = found[address]
        assert (row.map_id, row.key_bytes, row.value_bytes, row.max_entries) == (
            each.id.value_(), each.key_size.value_(), each.value_size.value_(), each.max_entries.value_(),
        )  # fmt: skip
    links = {link.value_() for link in bpf_link_for_each(peer)}
    assert {row.bpf_link for row in report.table("links").rows} == links


def test_keys(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.rbtree import rbtree_inorder_for_each_entry

    rows = {row.key_struct: row for row in crash.run_report("keys").table("keys").rows}
    theirs = list(
        rbtree_inorder_for_each_entry("struct key", peer["key_serial_tree"].address_of_(), "serial_node")
    )
    assert rows.keys() == {key.value_() for key in theirs}
    assert theirs
    for key in theirs:
        row = rows[key.value_()]
        assert row.key_serial == f"{key.serial.value_():08x}"
        assert row.uid == key.uid.val.value_()
        assert row.key_type == key.type.name.string_().decode()
        assert row.usage_count == key.usage.refs.counter.value_()


def test_control_groups(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.cgroup import cgroup_path, css_for_each_descendant_pre

    root = peer["cgrp_dfl_root"].cgrp
    theirs = {
        cgroup_path(css.cgroup).decode() for css in css_for_each_descendant_pre(root.self.address_of_())
    }
    rows = crash.run_report("cgroups").table("cgroups").rows
    assert {row.path for row in rows if row.hierarchy == "unified"} == theirs


def test_the_grace_period(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.list import list_for_each_entry
    from drgn.helpers.linux.percpu import per_cpu

    report = crash.run_report("rcu")
    (row,) = report.table("grace_period").rows
    state = peer["rcu_state"]
    sequence = state.gp_seq.value_()
    assert row.in_progress == bool(sequence & 3)
    assert row.thread_pid == state.gp_kthread.pid.value_()
    assert row.forced_scans == state.n_force_qs.value_()
    cpus = report.table("cpus").rows
    assert [one.cpu for one in cpus] == [0, 1]
    for one in cpus:
        data = per_cpu(peer["rcu_data"], one.cpu)
        assert one.callbacks == data.cblist.len.counter.value_()
        assert one.grace_periods_behind == (sequence >> 2) - (data.gp_seq.value_() >> 2)
        mask = data.grpmask.value_() if data.mynode.qsmask.value_() & data.grpmask.value_() else 0
        assert one.holds_up == bool(mask)
    blocked = {
        task.value_()
        for node in [state.node[at] for at in range(peer["rcu_num_nodes"].value_())]
        for task in list_for_each_entry("struct task_struct", node.blkd_tasks.address_of_(), "rcu_node_entry")
    }
    assert {one.task for one in report.table("readers").rows} == blocked


def test_calls_between_cpus(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.llist import llist_for_each
    from drgn.helpers.linux.percpu import per_cpu

    rows = crash.run_report("smp").table("cpus").rows
    assert [row.cpu for row in rows] == [0, 1]
    for row in rows:
        queue = per_cpu(peer["call_single_queue"], row.cpu)
        assert row.queued_calls == len(list(llist_for_each(queue.first)))


def test_devices_of_virtio(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.device import bus_for_each_dev
    from drgn.helpers.linux.list import list_count_nodes

    if "virtio_bus" not in peer:
        pytest.skip("virtio is a module of this kernel, whose debug data drgn isn't given")
    kind = peer.type("struct virtio_device")
    theirs = {
        drgn.container_of(device, kind, "dev").value_(): device
        for device in bus_for_each_dev(peer["virtio_bus"].address_of_())
    }
    report = crash.run_report("virtio")
    rows = {row.virtio_struct: row for row in report.table("devices").rows}
    assert rows.keys() == theirs.keys()
    for address in theirs:
        device = drgn.Object(peer, peer.pointer_type(kind), address)
        name = device.dev.kobj.name.string_().decode()
        assert rows[address].virtio_device == name
        queues = [row for row in report.table("queues").rows if row.virtio_device == name]
        assert len(queues) == list_count_nodes(device.vqs.address_of_())
