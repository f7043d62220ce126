"""Interrupts and timers of real dumps: as crash's irq and timer have them, and drgn."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.parsers.irq import Irq

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def crash(lab: Any) -> Crash:
    return Crash(lab.session, keep=False)


def test_interrupts_as_irq_has_them(crash: Crash) -> None:
    ours = {row.irq: row for row in crash.run_report("irq").table("interrupts").rows}
    counted = {row.irq: row for row in crash.irq(show="counts")}
    assert ours.keys() <= counted.keys()
    for number, row in ours.items():
        assert row.irq_counts == counted[number].counts
    for said in crash.irq(show="affinities"):
        # crash 8.0.2 has none on 6.1
        if said.irq in ours and said.cpus:
            assert set(ours[said.irq].affinity_cpus) == set(said.cpus) & {0, 1}
    for line in crash.irq(used=True):
        if isinstance(line, Irq) and line.irq in ours:
            assert ours[line.irq].irq_desc == line.irq_desc
            assert ours[line.irq].irq_names == tuple(one.name for one in line.actions)


def test_timers_as_timer_has_them(crash: Crash) -> None:
    ours = {row.timer_address for row in crash.run_report("timers").table("timers").rows}
    bases = list(crash.timer())
    said = {timer.timer_list for base in bases for timer in base.timers}
    # crash 8.0.2 and 8.0.6 know two wheels of a CPU, and kernels since 6.9 have three
    assert said
    assert said <= ours
    if len(bases) == len(crash.run_report("timers").table("wheels").rows):
        assert said == ours


def test_timers_of_high_resolution_as_timer_has_them(crash: Crash) -> None:
    rows = crash.run_report("timers").table("hrtimers").rows
    said = [timer for base in crash.timer(show="hr") for timer in base.timers]
    assert len(rows) == len(said)


def test_workqueues_as_drgn_has_them(crash: Crash, peer: Any) -> None:
    from drgn.helpers.linux.idr import idr_for_each_entry
    from drgn.helpers.linux.list import list_count_nodes, list_for_each_entry

    report = crash.run_report("workqueues", all=True)
    queues = {row.address: row for row in report.table("queues").rows}
    seen = set()
    for queue in list_for_each_entry("struct workqueue_struct", peer["workqueues"].address_of_(), "list"):
        row = queues[queue.value_()]
        seen.add(queue.value_())
        pools = list(list_for_each_entry("struct pool_workqueue", queue.pwqs.address_of_(), "pwqs_node"))
        assert row.workqueue == queue.name.string_().decode()
        assert row.active_work == sum(pool.nr_active.value_() for pool in pools)
        assert row.held_work == sum(list_count_nodes(pool.inactive_works.address_of_()) for pool in pools)
    assert seen == queues.keys()
    found = {row.worker_pool: row for row in report.table("pools").rows}
    theirs = {
        pool.value_(): pool
        for _, pool in idr_for_each_entry(peer["worker_pool_idr"].address_of_(), "struct worker_pool")
    }
    assert found.keys() == theirs.keys()
    for address, pool in theirs.items():
        row = found[address]
        assert (row.pool, row.workers, row.idle_workers) == (
            pool.id.value_(), pool.nr_workers.value_(), pool.nr_idle.value_(),
        )  # fmt: skip
        assert row.pending_work == list_count_nodes(pool.worklist.address_of_())
        assert list_count_nodes(pool.workers.address_of_()) == row.workers
