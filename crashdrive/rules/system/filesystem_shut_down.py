"""A filesystem is shut down."""

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
    threshold="ext4 has its flag for it",
    explanation="What is read or written there fails with EIO. An ioctl told it so, or it lost its disk.",
    advice="Look for errors of its disk, and for who asked: crashdrive report block, dmesg.",
    reference="fs/ext4/ioctl.c: ext4_force_shutdown()",
)
def filesystem_shut_down(filesystems: Iterable[SuperBlock]) -> Iterator[Match]:
    return matches((one for one in filesystems if one.state == "shut down"), _told)


def _told(one: SuperBlock) -> str:
    return f"{one.mount_point or '(not mounted)'} on {one.name} ({one.type}): {one.state}"
