"""A request to a disk has been pending for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.block.requests import Request

# a disk takes milliseconds; the usual timeout of a request is 30 seconds
SECONDS = 5.0


@rule(
    id="old-request",
    severity="critical",
    looks_at=("block.requests",),
    message="{count:request to a disk has|requests to disks have} not been done for long",
    threshold="a request is 5 seconds old",
    explanation="Who waits for it is in D. The disk, the host, or what the disk itself stands on is stuck.",
    advice="In flight: look at what the device stands on. Waiting: look at its queue (block --queues).",
    reference="block/blk-mq.c: blk_mq_timeout_work()",
)
def old_request(requests: Iterable[Request]) -> Iterator[Match]:
    return matches((one for one in requests if (one.age or 0) >= SECONDS), _told)


def _told(one: Request) -> str:
    where = "" if one.sector is None else f" at sector {one.sector}"
    return f"{one.device}: {one.operation}{where} for {one.age:.1f} s, {one.state}"
