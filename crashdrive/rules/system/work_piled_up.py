"""Workqueues in which very many items of work wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.workqueues.queues import Workqueue


ITEMS = 1000


@rule(
    id="work-piled-up",
    severity="warning",
    looks_at=("workqueues.queues",),
    message="much work waits in {count:workqueue|workqueues}",
    threshold=f"{ITEMS} items or more wait for a worker, or for other items of their queue",
    explanation="Work is queued faster than it is done, or the work that runs is stuck.",
    advice="See what workers run, and which functions wait: crashdrive report workqueues.",
    reference="kernel/workqueue.c",
)
def work_piled_up(queues: Iterable[Workqueue]) -> Iterator[Match]:
    long = (queue for queue in queues if queue.waiting_work + queue.held_work >= ITEMS)
    return matches(long, _told)


def _told(queue: Workqueue) -> str:
    return f"{queue.workqueue}: {queue.waiting_work} wait, {queue.held_work} held back"
