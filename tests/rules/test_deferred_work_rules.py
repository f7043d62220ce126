"""Rules over interrupts, timers, workqueues and RCU: each fires, and is silent on what is near it."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.linux.irq.interrupts import Interrupt
from crashdrive.linux.irq.vectors import CpuVectors
from crashdrive.linux.rcu.grace_periods import GracePeriod, RcuCpu
from crashdrive.linux.time.hrtimers import CpuHrtimers
from crashdrive.linux.time.wheel import TimerWheel
from crashdrive.linux.workqueues.pools import BusyWorker, WorkerPool
from crashdrive.linux.workqueues.queues import Workqueue
from crashdrive.rules import Facts, judge, rule_for


def of(kind: Any, **fields: Any) -> Any:
    """A record of which nothing else is known."""
    return kind(**dict.fromkeys(kind.__struct_fields__) | fields)


CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    (
        "irq-nobody-cared", "irq.interrupts",
        [of(Interrupt, irq=9, irq_names=("acpi",), irq_state="disabled, nobody cared")],
        [of(Interrupt, irq=9, irq_names=("acpi",), irq_state="disabled")],
    ),
    (
        "irq-unhandled", "irq.interrupts", [of(Interrupt, irq=9, irq_names=(), unhandled=10_000)],
        [of(Interrupt, irq=9, irq_names=(), unhandled=9_999), of(Interrupt, irq=9, irq_names=())],
    ),
    (
        "vectors-exhausted", "irq.vectors", [of(CpuVectors, cpu=0, free_vectors=0, vectors_online=True)],
        [of(CpuVectors, cpu=0, free_vectors=0, vectors_online=False), of(CpuVectors, cpu=0)],
    ),
    (
        "workqueue-stalled", "workqueues.pools", [of(WorkerPool, pending_work=1, stalled_seconds=30.0)],
        [of(WorkerPool, pending_work=1, stalled_seconds=29.9), of(WorkerPool, pending_work=0)],
    ),
    (
        "work-running-long", "workqueues.busy", [of(BusyWorker, running_seconds=30.0)],
        [of(BusyWorker, running_seconds=29.9), of(BusyWorker)],
    ),
    (
        "work-piled-up", "workqueues.queues", [of(Workqueue, waiting_work=400, held_work=600)],
        [of(Workqueue, waiting_work=400, held_work=599)],
    ),
    (
        "rcu-stall", "rcu.grace_period",
        [of(GracePeriod, in_progress=True, age_seconds=21.0, held_up_cpus=(1,))],
        [of(GracePeriod, in_progress=True, age_seconds=20.9), of(GracePeriod, in_progress=False)],
    ),
    (
        "rcu-stall", "rcu.grace_period",
        [of(GracePeriod, in_progress=True, age_seconds=4.1, stall_timeout=4.0)],
        [
            of(GracePeriod, in_progress=True, age_seconds=25.0, stall_timeout=60.0),
            of(GracePeriod, in_progress=True, stall_timeout=4.0),
        ],
    ),
    (
        "rcu-callbacks", "rcu.cpus", [of(RcuCpu, cpu=0, callbacks=100_000)],
        [of(RcuCpu, cpu=0, callbacks=99_999), of(RcuCpu, cpu=0)],
    ),
    (
        "timers-late", "timers.wheels",
        [of(TimerWheel, cpu=0, wheel="standard", timer_count=1, next_left=-2.5, lag_seconds=2.5)],
        [
            of(TimerWheel, cpu=0, wheel="deferrable", timer_count=1, next_left=-2.5, lag_seconds=2.5),
            of(TimerWheel, cpu=0, wheel="local", timer_count=0, next_left=-2.5, lag_seconds=2.5),
            of(
                TimerWheel, cpu=0, wheel="global", timer_count=1, next_left=-2.5, lag_seconds=2.5,
                wheel_idle=True,
            ),
            of(TimerWheel, cpu=0, wheel="global", timer_count=1, next_left=1.0, lag_seconds=2.5),
        ],
    ),
    (
        "hrtimer-hang", "timers.cpus", [of(CpuHrtimers, cpu=0, hangs=100)],
        [of(CpuHrtimers, cpu=0, hangs=99), of(CpuHrtimers, cpu=0)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "source", "rows", "near"), CASES, ids=[name for name, *_ in CASES])
def test_a_rule_fires_and_is_silent(name: str, source: str, rows: list[Any], near: list[Any]) -> None:
    for given, expected in ((rows, [name]), (near, [])):
        found = judge(Facts(given={source: given}), [rule_for(name)])
        assert [finding.kind for finding in found.findings] == expected
        assert found.complete
