"""Devices of the device mapper that are suspended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.text import counted

if TYPE_CHECKING:
    from crashdrive.linux.block.dm import MappedDevice


@rule(
    id="suspended-device",
    severity="critical",
    looks_at=("block.mapped",),
    message="{count:device of the device mapper is|devices of the device mapper are} suspended",
    threshold="a device is suspended",
    explanation=(
        "Reads and writes wait until it is resumed. lvm suspends a device while it changes the table."
    ),
    advice="Look for who suspended it: dmsetup, lvm, a snapshot that failed; dmsetup resume would go on.",
    reference="drivers/md/dm.c: dm_submit_bio(), dm_suspend()",
)
def suspended_device(devices: Iterable[MappedDevice]) -> Iterator[Match]:
    return matches((one for one in devices if one.suspended), _told)


def _told(one: MappedDevice) -> str:
    waiting = counted(one.deferred, "bio waits", "bios wait")
    return f"{one.name} ({one.mapped_name or 'no name'}): {waiting}"
