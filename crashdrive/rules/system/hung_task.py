"""Tasks that have been blocked for long, by what they wait for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, rule
from crashdrive.text import counted

if TYPE_CHECKING:
    from crashdrive.linux.locks.groups import Group

# in seconds: khungtaskd's default is 120; a healthy task is in D for milliseconds
SECONDS = 3.0
_SHOWN = 8


@rule(
    id="hung-task",
    severity="critical",
    looks_at=("hang.groups",),
    message="{count:task is|tasks are} blocked",
    threshold="a task has been in D for 3 seconds",
    explanation=(
        "Tasks in uninterruptible sleep wait for a lock, for IO or for another task; no signal reaches them."
    ),
    advice="Look at the root task first, which holds up all others: crashdrive report hang --tasks.",
    reference="kernel/hung_task.c",
)
def hung_task(groups: Iterable[Group]) -> Iterator[Match]:
    for group in groups:
        if (group.longest or 0) >= SECONDS:
            yield Match(evidence=tuple(_evidence(group)), count=group.tasks, message=_message(group))


def _message(group: Group) -> str:
    name = group.lock or ("" if group.address is None else f"at {int(group.address):x}")
    what = " ".join(word for word in (group.type, name) if word) or f"something in {group.function}"
    return f"{counted(group.tasks, 'task is', 'tasks are')} blocked for {what}"


def _evidence(group: Group) -> Iterator[str]:
    yield f"longest: {group.longest:.1f} s, in {group.function}"
    if group.root_pid is not None:
        part = ", which is part of a deadlock" if group.deadlocked else ""
        yield f"in the end for {group.root_comm} ({group.root_pid}){part}"
    pairs = [f"{comm} ({pid})" for comm, pid in zip(group.comms, group.pids, strict=True)]
    more = f", and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    yield f"who: {', '.join(pairs[:_SHOWN])}{more}"
