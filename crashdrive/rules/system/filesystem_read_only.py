"""Filesystems that became read-only after an error."""

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
    message="{count:filesystem|filesystems} became read-only after an error",
    threshold="ext4 is aborted, or its journal",
    explanation="Writes fail, though /proc/mounts may say rw: since 6.12 it doesn't show the error.",
    advice="Look for the first error in the log: crashdrive report block. Then run fsck.",
    reference="fs/ext4/super.c: ext4_handle_error()",
)
def filesystem_read_only(filesystems: Iterable[SuperBlock]) -> Iterator[Match]:
    return matches((one for one in filesystems if one.state == "aborted"), _told)


def _told(one: SuperBlock) -> str:
    return f"{one.mount_point or '(not mounted)'} on {one.name} ({one.type}): {one.state}"
