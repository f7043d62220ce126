"""Balloons that hold much of the guest's memory for the hypervisor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.virtio.balloons import Balloon


PERCENT = 25.0


@rule(
    id="balloon-inflated",
    severity="warning",
    looks_at=("virtio.balloons",),
    message="{count:balloon gives|balloons give} much of the memory to the hypervisor",
    threshold=f"a balloon has {PERCENT:.0f} % of all memory",
    explanation=(
        "The guest has so much less memory than its size says: it reclaims, swaps and kills for want of it."
    ),
    advice="See what is left: crashdrive report memory. The host sets the balloon's size: ask there why.",
    reference="drivers/virtio/virtio_balloon.c: towards_target()",
)
def balloon_inflated(balloons: Iterable[Balloon]) -> Iterator[Match]:
    large = (one for one in balloons if (one.balloon_percent or 0) >= PERCENT)
    return matches(large, _told)


def _told(one: Balloon) -> str:
    held = (one.balloon_bytes or 0) >> 20
    return f"{one.virtio_device}: {held} MB, {one.balloon_percent} % of all memory"
