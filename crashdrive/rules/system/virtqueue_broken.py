"""Virtqueues that are broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.virtio.devices import VirtioQueue


@rule(
    id="virtqueue-broken",
    severity="critical",
    looks_at=("virtio.queues",),
    message="{count:queue to the hypervisor is|queues to the hypervisor are} broken",
    threshold="a virtqueue is marked as broken",
    explanation=(
        "The host gave wrong data, or the device was removed: nothing goes through the queue any more."
    ),
    advice="See the log for 'id %u out of range' or 'is not a head', and the hypervisor's own log.",
    reference="drivers/virtio/virtio_ring.c: virtqueue_is_broken()",
)
def virtqueue_broken(queues: Iterable[VirtioQueue]) -> Iterator[Match]:
    broken = (one for one in queues if one.broken)
    return matches(broken, lambda one: f"{one.virtio_device}: queue {one.virtqueue_name or one.queue_number}")
