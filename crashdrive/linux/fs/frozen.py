"""Filesystems that are frozen or being frozen: ``super_block.s_writers`` (fs/super.c)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from crashdrive.linux.fs.mounts import for_each_mount, for_each_super_block
from crashdrive.linux.fs.paths import Paths
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

_KIND = "struct super_block"
_FIELDS = {
    "frozen": ("s_writers.frozen",),
    "device": ("s_id",),
    "type": ("s_type->name",),
}
_LONGEST = 64
# enum in include/linux/fs.h: SB_UNFROZEN, SB_FREEZE_WRITE, ..
_LEVELS = ("unfrozen", "write", "pagefault", "fs", "complete")


class Filesystem(Record, frozen=True):
    """A mounted filesystem that is frozen.

    ``frozen``: ``write``, ``pagefault``, ``fs`` (it is being frozen), ``complete``. ``device``: the kernel's
    name of it (``sda1``). ``mount_point``: in the first mount namespace, if it is in it.
    """

    super_block: Address
    device: str | None
    type: str | None
    mount_point: str | None
    frozen: str


def frozen(survey: Survey) -> Iterator[Filesystem]:
    """The filesystems that are frozen or being frozen."""
    kernel = survey.kernel
    blocks = for_each_super_block(kernel)
    survey.walked(blocks, "super blocks")
    rows = survey.addressed(Fields(kernel, _KIND, _FIELDS, ("frozen",)), blocks.addresses, "super blocks")
    found = [(address, row) for address, row in rows if row["frozen"]]
    points = mount_points(survey) if found else {}
    for address, row in found:
        level, name = row["frozen"], row["type"]
        yield Filesystem(
            super_block=address,
            device=row["device"],
            type=None if not name else kernel.read_string(name, _LONGEST).decode("utf-8", "backslashreplace"),
            mount_point=points.get(address),
            frozen=freeze_level(level),
        )


def freeze_level(number: int) -> str:
    """The name of a level of freezing, or its number."""
    return _LEVELS[number] if 0 <= number < len(_LEVELS) else str(number)


def mount_points(survey: Survey) -> dict[int, str]:
    """Where each super block is mounted first, in the first mount namespace."""
    kernel = survey.kernel
    mounts = for_each_mount(kernel)
    survey.walked(mounts, "mounts")
    blocks = survey.gaps(mounts.read(["mnt.mnt_sb"]), "mounts")["mnt.mnt_sb"]
    paths, found = Paths(kernel), dict[int, str]()
    for mount, block in zip(mounts.addresses, blocks, strict=True):
        if block and block not in found:
            found.update(survey.attempt("where it is mounted", partial(_point, paths, mount, block)))
    return found


def _point(paths: Paths, mount: int, block: int) -> list[tuple[int, str]]:
    return [(block, paths.mount_point(mount))]
