"""Disks and partitions until 5.10: a ``struct hd_struct`` each, that of a whole disk inside its gendisk.

Sources: block/genhd.c, block/partitions/core.c. They are the devices of the class ``block``; who has one open
is counted in its ``struct block_device``, which is there only once it was opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.fs.mounts import for_each_inode
from crashdrive.linux.survey import Fields
from crashdrive.records import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crashdrive.linux.survey import Survey

_PART = "struct hd_struct"
_DEVICE, _PRIVATE, _DISK, _OPENED = (
    f"struct {name}" for name in ("device", "device_private", "gendisk", "block_device")
)
_OF_DEVICE = {"type": ("type",), "parent": ("parent",)}
_OF_PART = {
    "number": ("__dev.devt",),
    "start": ("start_sect",),
    "sectors": ("nr_sects",),
    "partno": ("partno",),
    "read_only": ("policy",),
    "statistics": ("dkstats",),
    "stamp": ("stamp",),
}
_NEEDED = ("number", "sectors", "partno", "statistics")
_OF_DISK = {
    "disk_name": ("disk_name",),
    "flags": ("flags",),
    "queue": ("queue",),
    "operations": ("fops",),
    "private": ("private_data",),
}
_OF_OPENED = {"number": ("bd_dev",), "openers": ("bd_openers",)}
# GENHD_FL_REMOVABLE, GENHD_FL_UP, GENHD_FL_HIDDEN (include/linux/genhd.h)
_REMOVABLE, _UP, _HIDDEN = 1, 0x10, 0x400


def read_hd_structs(survey: Survey) -> Iterator[tuple[int, dict[str, Any]]]:
    """Address and fields of each disk and partition, in the order in which they were added."""
    gendisks = _gendisks(survey)
    opened = _openers(survey)
    parts = survey.addressed(Fields(survey.kernel, _PART, _OF_PART, _NEEDED), list(gendisks), "block devices")
    disks = list(dict.fromkeys(gendisks.values()))
    fields = Fields(survey.kernel, _DISK, _OF_DISK, ("disk_name", "flags"))
    known = dict(zip(disks, survey.rows(fields, disks, "disks"), strict=True))
    for address, part in parts:
        gendisk = gendisks[address]
        disk = known[gendisk]
        if part["number"] is None or disk["disk_name"] is None:
            continue
        yield (
            address,
            {
                **part,
                **disk,
                **_state(disk["flags"]),
                "gendisk": gendisk,
                "read_only": None if part["read_only"] is None else bool(part["read_only"]),
                "openers": None if opened is None else opened.get(part["number"], 0),
            },
        )


def _state(flags: int | None) -> Mapping[str, bool | None]:
    if flags is None:
        return {"removable": None, "dead": None, "hidden": False}
    return {
        "removable": bool(flags & _REMOVABLE),
        "dead": not flags & _UP,
        "hidden": bool(flags & _HIDDEN) or not flags & _UP,
    }


def _gendisks(survey: Survey) -> dict[int, int]:
    """By each hd_struct its disk; a partition's device is a child of its disk's."""
    kernel = survey.kernel
    kinds = {kernel.symbols.address(name): name for name in ("disk_type", "part_type")}
    own, inner = kernel.offset(_PART, "__dev"), kernel.offset(_DISK, "part0")
    devices = _devices(survey)
    rows = survey.addressed(Fields(kernel, _DEVICE, _OF_DEVICE, _OF_DEVICE), devices, "block devices")
    disks = {device for device, row in rows if kinds.get(row["type"]) == "disk_type"}
    found: dict[int, int] = {}
    for device, row in rows:
        whole = device if device in disks else row["parent"]
        if row["type"] not in kinds or whole is None:
            continue
        if whole in disks:
            found[device - own] = whole - own - inner
        else:
            message = f"partition {device - own:#x}: {whole - own - inner:#x} is no disk"
            survey.miss([Notice(kind="node", message=message)])
    return found


def _devices(survey: Survey) -> list[int]:
    """The ``struct device`` of each member of the class."""
    kernel, what = survey.kernel, "block devices"
    private = kernel.read_pointer(kernel.symbols.address("block_class") + kernel.offset("struct class", "p"))
    head = private + kernel.offset("struct subsys_private", "klist_devices.k_list")
    walked = kernel.walk_list(head, _PRIVATE, "knode_class.n_node")
    survey.walked(walked, what)
    column = survey.gaps(kernel.read_many(_PRIVATE, walked.addresses, ["device"]), what)["device"]
    return [device for device in column if device]


def _openers(survey: Survey) -> dict[int, int] | None:
    """How many have a device open, by its number; None where it isn't known of all."""
    kernel = survey.kernel
    inodes = for_each_inode(kernel, kernel.read_pointer(kernel.symbols.address("blockdev_superblock")))
    survey.walked(inodes, "open block devices")
    shift = kernel.offset("struct bdev_inode", "vfs_inode")
    fields = Fields(kernel, _OPENED, _OF_OPENED, _OF_OPENED)
    rows = survey.rows(fields, [inode - shift for inode in inodes.addresses], "open block devices")
    if not inodes.complete or any(None in row.values() for row in rows):
        return None
    # a device that was removed may have left an inode of its number
    openers: dict[int, int] = {}
    for row in rows:
        openers[row["number"]] = openers.get(row["number"], 0) + row["openers"]
    return openers
