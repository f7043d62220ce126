"""Disks and partitions (``struct block_device``, until 5.10 ``struct hd_struct``): /proc/partitions.

Sources: block/bdev.c (each block device has an inode of the filesystem bdev), block/genhd.c. A disk and its
partitions have been block devices of one kind since 5.11 (0d02129e76ed); older kernels have hd_structs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.block.hd_structs import read_hd_structs
from crashdrive.linux.fs.mounts import for_each_inode
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import symbol_names
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_KIND = "struct block_device"
_SECTOR = 512
_FIELDS = {
    "number": ("bd_dev",),
    "start": ("bd_start_sect",),
    "sectors": ("bd_nr_sectors",),
    # 6.10 (3f9b8fb46e5d, 01e198f01d55) made one word of the number and the flags
    "word": ("__bd_flags.counter",),
    "partno": ("bd_partno",),
    "read_only": ("bd_read_only",),
    "openers": ("bd_openers.counter", "bd_openers"),
    "statistics": ("bd_stats",),
    "stamp": ("bd_stamp",),
    "gendisk": ("bd_disk",),
    "whole": ("bd_disk->part0",),
    "queue": ("bd_disk->queue",),
    "disk_name": ("bd_disk->disk_name",),
    "disk_state": ("bd_disk->state",),
    "disk_flags": ("bd_disk->flags",),
    "operations": ("bd_disk->fops",),
    "private": ("bd_disk->private_data",),
}
_NEEDED = ("number", "sectors", "gendisk", "disk_name", "statistics")
# MINORBITS (include/linux/kdev_t.h)
_MINOR_BITS = 20
# BD_PARTNO and BD_READ_ONLY of __bd_flags (include/linux/blk_types.h)
_WORD_PARTNO, _WORD_READ_ONLY = 0xFF, 0x100
# bits of gendisk.state (include/linux/blkdev.h)
_STATE_READ_ONLY, _STATE_DEAD, _STATE_ADDED = 1, 2, 4
# GENHD_FL_REMOVABLE, GENHD_FL_HIDDEN
_REMOVABLE, _HIDDEN = 1, 2


class BlockDevice(Record, frozen=True):
    """A disk or a partition.

    ``name``: as below /dev (``vda1``); ``disk``: the name of the whole disk. ``partition``: its number, None
    of a disk. ``size`` in bytes; ``start_sector``: where a partition begins, in sectors of 512 bytes.
    ``openers``: how many have it open, mounts too. ``state``: ``live``, or ``dead`` where the disk is being
    removed. ``operations``: the kernel's functions for it (``virtblk_fops``), which tells its driver;
    ``address``: of the block_device or hd_struct; ``gendisk`` and ``request_queue``: of its structures.
    """

    name: str
    major: int
    minor: int
    disk: str
    partition: int | None
    size: int | None
    start_sector: int | None
    read_only: bool | None
    removable: bool | None
    openers: int | None
    state: str | None
    operations: str | None
    address: Address
    gendisk: Address
    request_queue: Address | None


class Device(NamedTuple):
    """A block device, and the fields of it that other readers of this room need."""

    row: BlockDevice
    statistics: int
    stamp: int | None
    hidden: bool
    private: int | None


def read_devices(survey: Survey) -> list[Device]:
    """All disks in the order in which they were added, each before its partitions; a partly missing one is
    noted.
    """
    old = survey.kernel.has_member(_KIND, "bd_part")
    rows = list(read_hd_structs(survey) if old else _block_devices(survey))
    names = symbol_names(survey.kernel, [row["operations"] for _, row in rows])
    found = [_device(address, row, names[row["operations"]]) for address, row in rows]
    order = {row["gendisk"]: number for number, (_, row) in reversed(list(enumerate(rows)))}
    return sorted(found, key=lambda one: (order[one.row.gendisk], one.row.partition or 0))


def _block_devices(survey: Survey) -> Iterator[tuple[int, dict[str, Any]]]:
    """Address and fields of each ``struct block_device`` that has a disk."""
    kernel = survey.kernel
    offset = kernel.offset("struct bdev_inode", "vfs_inode")
    inodes = for_each_inode(kernel, kernel.read_pointer(kernel.symbols.address("blockdev_superblock")))
    survey.walked(inodes, "block devices")
    places = [inode - offset for inode in reversed(inodes.addresses)]
    fields = Fields(kernel, _KIND, _FIELDS, _NEEDED)
    # the filesystem's own root is an inode without a disk
    rows = [
        (address, row)
        for address, row in survey.addressed(fields, places, "block devices")
        if row["gendisk"] and row["disk_name"] is not None and row["number"] is not None
    ]
    for address, row in _of_their_disks(survey, rows):
        yield address, {**row, **_state(row)}


def _state(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the words of flags say."""
    word, state, flags = row["word"], row["disk_state"], row["disk_flags"]
    return {
        "partno": row["partno"] if word is None else word & _WORD_PARTNO,
        "read_only": _read_only(row, word, state),
        "removable": None if flags is None else bool(flags & _REMOVABLE),
        "dead": None if state is None else bool(state >> _STATE_DEAD & 1),
        "hidden": bool((flags or 0) & _HIDDEN) or (state is not None and not state >> _STATE_ADDED & 1),
    }


def _of_their_disks(
    survey: Survey, rows: Sequence[tuple[int, dict[str, Any]]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Those whose disk's own block device is of this disk, too; others are noted."""
    disks = {address: row["gendisk"] for address, row in rows}
    for address, row in rows:
        if row["whole"] is None or disks.get(row["whole"]) == row["gendisk"]:
            yield address, row
        else:
            message = f"block device {address:#x}: {row['gendisk']:#x} is no disk of it"
            survey.miss([Notice(kind="node", message=message)])


def _device(address: int, row: Mapping[str, Any], operations: str | None) -> Device:
    partition = row["partno"]
    start = row["start"] if partition else None
    made = BlockDevice(
        name=device_name(row["disk_name"], partition or 0),
        major=row["number"] >> _MINOR_BITS,
        minor=row["number"] & ((1 << _MINOR_BITS) - 1),
        disk=row["disk_name"],
        partition=partition or None,
        size=None if row["sectors"] is None else row["sectors"] * _SECTOR,
        start_sector=start,
        read_only=row["read_only"],
        removable=row["removable"],
        openers=row["openers"],
        state=None if row["dead"] is None else "dead" if row["dead"] else "live",
        operations=operations,
        address=address,
        gendisk=row["gendisk"],
        request_queue=row["queue"] or None,
    )
    return Device(made, row["statistics"] or 0, row["stamp"], row["hidden"], row["private"])


def _read_only(row: Mapping[str, Any], word: int | None, state: int | None) -> bool | None:
    own = row["read_only"] if word is None else bool(word & _WORD_READ_ONLY)
    if own is None or state is None:
        return own or None
    return bool(own) or bool(state >> _STATE_READ_ONLY & 1)


def device_name(disk: str, partition: int) -> str:
    """A device's name as the kernel writes it (``bdevname``): with a p between a digit and the partition."""
    if not partition:
        return disk
    return f"{disk}p{partition}" if disk[-1:].isdigit() else f"{disk}{partition}"


def whole(devices: Iterable[Device]) -> list[Device]:
    """The disks among block devices."""
    return [device for device in devices if device.row.partition is None]


def by_operations(devices: Sequence[Device], *names: str) -> list[Device]:
    """The disks of a driver, by the symbols of its functions."""
    return [device for device in whole(devices) if device.row.operations in names]
