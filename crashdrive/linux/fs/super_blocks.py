"""Filesystems: flags, frozen, shut down or failed, dirty pages (fs/super.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.fs.frozen import freeze_level
from crashdrive.linux.fs.mount_table import super_options
from crashdrive.linux.fs.mounts import for_each_super_block
from crashdrive.linux.fs.writeback import Dirty, dirty
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_KIND = "struct super_block"
_FIELDS = {
    "type": ("s_type->name",),
    "id": ("s_id",),
    "device": ("s_dev",),
    "flags": ("s_flags",),
    "frozen": ("s_writers.frozen",),
    "info": ("s_bdi",),
    "private": ("s_fs_info",),
}
_MINOR_BITS = 20
_EXT4 = "struct ext4_sb_info"
_OF_EXT4 = {
    "mount_flags": ("s_mount_flags",),
    "flags": ("s_ext4_flags",),
    "mount_state": ("s_mount_state",),
    "journal": ("s_journal->j_flags",),
}
# fs/ext4/ext4.h: EXT4_MF_FS_ABORTED and EXT4_FLAGS_SHUTDOWN by number, EXT4_ERROR_FS; include/linux/jbd2.h
_ABORTED, _SHUT_DOWN, _ERRORS, _JOURNAL_ABORT = 1 << 1, 1 << 1, 0x2, 0x2


class SuperBlock(Record, frozen=True):
    """A filesystem in use.

    ``name``: the kernel's name of its device (``sda1``), or its type. ``super_options``: as in mountinfo.
    ``frozen``: ``unfrozen``, or the level of freezing. ``state``: of ext4 ``shut down``, ``aborted``
    (read-only after an error), ``errors``, or ``ok``; None for other types. ``dirty_bytes`` and
    ``writeback_bytes``: of the whole device; None where the filesystem writes nothing back.
    """

    type: str | None
    name: str | None
    major: int | None
    minor: int | None
    mount_point: str | None
    mounts: int
    super_options: str | None
    frozen: str | None
    state: str | None
    dirty_bytes: int | None
    writeback_bytes: int | None
    super_block: Address


def super_blocks(survey: Survey, points: Mapping[int, Sequence[str | None]]) -> Iterator[SuperBlock]:
    """All filesystems; ``points``: the mount points of each."""
    kernel = survey.kernel
    found = for_each_super_block(kernel)
    survey.walked(found, "super blocks")
    rows = survey.addressed(
        Fields(kernel, _KIND, _FIELDS, ("type", "flags")), found.addresses, "super blocks"
    )
    names = texts(survey, (row["type"] for _, row in rows), "types of filesystems")
    amounts = dirty(survey, [row["info"] for _, row in rows])
    states = _states(survey, [row["private"] for _, row in rows if names[row["type"]] == "ext4"])
    for address, row in rows:
        yield _row(address, row, names[row["type"]], points.get(address, ()), amounts, states)


def _row(
    address: int,
    row: Mapping[str, Any],
    kind: str | None,
    points: Sequence[str | None],
    amounts: Mapping[int, Dirty],
    states: Mapping[int, str],
) -> SuperBlock:
    device, level, amount = row["device"], row["frozen"], amounts.get(row["info"] or 0)
    return SuperBlock(
        type=kind,
        name=row["id"],
        major=None if device is None else device >> _MINOR_BITS,
        minor=None if device is None else device & ((1 << _MINOR_BITS) - 1),
        mount_point=next((point for point in points if point), None),
        mounts=len(points),
        super_options=super_options(row["flags"]),
        frozen=None if level is None else freeze_level(level),
        state=states.get(row["private"] or 0),
        dirty_bytes=None if amount is None else amount.dirty,
        writeback_bytes=None if amount is None else amount.writeback,
        super_block=address,
    )


def _states(survey: Survey, infos: Sequence[int | None]) -> dict[int, str]:
    """The state of each ext4."""
    there = [info for info in infos if info]
    if not there:
        return {}
    fields = Fields(survey.kernel, _EXT4, _OF_EXT4, ("flags", "mount_state"))
    rows = survey.rows(fields, there, "states of ext4")
    return {
        info: _state(row)
        for info, row in zip(there, rows, strict=True)
        if row["flags"] is not None and row["mount_state"] is not None
    }


def _state(row: Mapping[str, Any]) -> str:
    if row["flags"] & _SHUT_DOWN:
        return "shut down"
    if (row["mount_flags"] or 0) & _ABORTED or (row["journal"] or 0) & _JOURNAL_ABORT:
        return "aborted"
    return "errors" if row["mount_state"] & _ERRORS else "ok"
