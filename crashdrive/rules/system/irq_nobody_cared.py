"""The kernel disabled an interrupt that no handler took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.irq.interrupts import Interrupt


@rule(
    id="irq-nobody-cared",
    severity="critical",
    looks_at=("irq.interrupts",),
    message="the kernel disabled {count:interrupt|interrupts} that nobody cared for",
    threshold="an interrupt was disabled as nearly all of 100,000 weren't handled",
    explanation="Its devices are polled, or don't work at all: time-outs of disks and networks follow.",
    advice=(
        "A driver or a device of the interrupt is broken: see irq_names. The option irqpoll is a workaround."
    ),
    reference="kernel/irq/spurious.c: note_interrupt()",
)
def irq_nobody_cared(interrupts: Iterable[Interrupt]) -> Iterator[Match]:
    shut = (one for one in interrupts if "nobody cared" in (one.irq_state or ""))
    return matches(shut, lambda one: f"irq {one.irq}: {', '.join(one.irq_names)}")
