"""Filesystems that are shut down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.fs.super_blocks import SuperBlock


@rule(
    id="filesystem-shut-down",
    severity="critical",
    looks_at=("files.filesystems",),
    message="{count:filesystem is|filesystems are} shut down",
    threshold="ext4's flag EXT4_FLAGS_SHUTDOWN is set",
    explanation="Reads and writes fail with EIO. An ioctl shut it down, or it lost its disk.",
    advice="Look for errors of its disk, or for the ioctl: crashdrive report block, crashdrive report dmesg.",
    reference="fs/ext4/ioctl.c: ext4_force_shutdown()",
)
def filesystem_shut_down(filesystems: Iterable[SuperBlock]) -> Iterator[Match]:
    return matches((one for one in filesystems if one.state == "shut down"), _told)


def _told(one: SuperBlock) -> str:
    return f"{one.mount_point or '(not mounted)'} on {one.name} ({one.type}): {one.state}"
