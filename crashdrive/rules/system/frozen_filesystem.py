"""A filesystem is frozen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.fs.frozen import Filesystem


@rule(
    id="frozen-filesystem",
    severity="critical",
    looks_at=("hang.frozen",),
    message="{count:filesystem is|filesystems are} frozen",
    threshold="super_block.s_writers.frozen is not zero",
    explanation="Writers sleep until it is thawed; a failed backup may have left it frozen.",
    advice=(
        "Look for what froze it: fsfreeze, lvm, a guest agent. See which tasks wait: crashdrive report hang."
    ),
    reference="fs/super.c: freeze_super()",
)
def frozen_filesystem(filesystems: Iterable[Filesystem]) -> Iterator[Match]:
    return matches(filesystems, _told)


def _told(one: Filesystem) -> str:
    return f"{one.mount_point or '(not mounted)'} on {one.device} ({one.type}): {one.frozen}"
