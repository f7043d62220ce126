"""Interrupts that no handler took, many times in a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.irq.interrupts import Interrupt


UNHANDLED = 10_000


@rule(
    id="irq-unhandled",
    severity="warning",
    looks_at=("irq.interrupts",),
    message="{count:interrupt comes|interrupts come} that no handler takes",
    threshold=f"{UNHANDLED} or more of an interrupt's last 100,000 weren't handled",
    explanation=(
        "The line is shared with a device without a driver, or a driver misses its device's interrupts."
    ),
    advice=(
        "At nearly 100,000 the kernel disables it. See which drivers share it: irq_names of crashdrive "
        "report irq."
    ),
    reference="kernel/irq/spurious.c: note_interrupt()",
)
def irq_unhandled(interrupts: Iterable[Interrupt]) -> Iterator[Match]:
    many = (one for one in interrupts if (one.unhandled or 0) >= UNHANDLED)
    return matches(many, lambda one: f"irq {one.irq}: {one.unhandled} unhandled, {', '.join(one.irq_names)}")
