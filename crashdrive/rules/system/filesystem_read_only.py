"""A filesystem writes nothing any more after an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.fs.super_blocks import SuperBlock


@rule(
    id="filesystem-read-only",
    severity="critical",
    looks_at=("files.filesystems",),
    message="{count:filesystem writes|filesystems write} nothing any more after an error",
    threshold="ext4 is aborted, or its journal",
    explanation="Writes to it fail, also where /proc/mounts says rw: since 6.12 it doesn't tell.",
    advice="Look for the first error: crashdrive report block has those of the log. Then fsck it.",
    reference="fs/ext4/super.c: ext4_handle_error()",
)
def filesystem_read_only(filesystems: Iterable[SuperBlock]) -> Iterator[Match]:
    return matches((one for one in filesystems if one.state == "aborted"), _told)


def _told(one: SuperBlock) -> str:
    return f"{one.mount_point or '(not mounted)'} on {one.name} ({one.type}): {one.state}"
