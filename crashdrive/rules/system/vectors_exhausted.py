"""A CPU has no interrupt vectors left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.irq.vectors import CpuVectors


@rule(
    id="vectors-exhausted",
    severity="warning",
    looks_at=("irq.vectors",),
    message="{count:CPU has|CPUs have} no interrupt vectors left",
    threshold="no vector of a CPU that is online is free",
    explanation="Devices get no interrupts on that CPU, and no other CPU's interrupts can be moved to it.",
    advice="Use fewer queues of network and storage devices, or spread their interrupts over more CPUs.",
    reference="kernel/irq/matrix.c: irq_matrix_alloc()",
)
def vectors_exhausted(vectors: Iterable[CpuVectors]) -> Iterator[Match]:
    used_up = (one for one in vectors if one.vectors_online and one.free_vectors == 0)
    return matches(used_up, lambda one: f"cpu {one.cpu}: {one.allocated_vectors} allocated, none free")
