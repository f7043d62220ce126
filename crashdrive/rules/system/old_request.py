"""Requests to disks that have been pending for long."""

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
    message="{count:request to a disk has|requests to disks have} been pending for long",
    threshold="a request is 5 seconds old or older",
    explanation="Tasks that wait for it are in D. The disk, the host, or a device below the disk is stuck.",
    advice=(
        "In flight: look at the devices below the disk. Waiting: look at its queue: crashdrive report "
        "block --queues."
    ),
    reference="block/blk-mq.c: blk_mq_timeout_work()",
)
def old_request(requests: Iterable[Request]) -> Iterator[Match]:
    return matches((one for one in requests if (one.age or 0) >= SECONDS), _told)


def _told(one: Request) -> str:
    where = "" if one.sector is None else f" at sector {one.sector}"
    return f"{one.device}: {one.operation}{where} for {one.age:.1f} s, {one.state}"
