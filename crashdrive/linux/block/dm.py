"""Devices of the device mapper: tables, targets, suspended devices and the bios that they hold back.

Sources: drivers/md/dm-core.h, dm-table.c, dm-ioctl.c. Types are those of the module dm_mod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs

from crashdrive.linux.block.bios import Ends, origins
from crashdrive.linux.block.devices import by_operations
from crashdrive.linux.block.operations import flag_names, operation_name
from crashdrive.linux.block.requests import Request
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.block.devices import Device
    from crashdrive.linux.survey import Survey

_OPERATIONS = ("dm_blk_dops", "dm_rq_blk_dops")
_DEVICE, _TABLE, _TARGET = (f"struct {name}@dm_mod" for name in ("mapped_device", "dm_table", "dm_target"))
_CELL, _LISTED, _USED = (f"struct {name}@dm_mod" for name in ("hash_cell", "dm_dev_internal", "dm_dev"))
_MAPPED = {
    "flags": ("flags",),
    "table": ("map",),
    "cell": ("interface_ptr",),
    "deferred": ("deferred.head",),
    "opened": ("open_count.counter",),
}
_OF_TABLE = {"count": ("num_targets",), "targets": ("targets",)}
_OF_TARGET = {
    "type": ("type->name",),
    "begin": ("begin",),
    "length": ("len",),
}
# of mapped_device.flags (drivers/md/dm-core.h): DMF_BLOCK_IO_FOR_SUSPEND, DMF_SUSPENDED
_SUSPENDED = 1 << 0 | 1 << 1
_SECTOR = 512
# a table that claims more targets is damaged
_MOST = 1 << 20


class MappedDevice(Record, frozen=True):
    """A device of the device mapper; ``mapped_name`` is what dmsetup calls it.

    ``suspended``: reads and writes wait until it is resumed. ``targets``: how many its table has;
    ``target_types``: their types, each once. ``devices``: the devices below it. ``deferred``: bios held back.
    """

    name: str
    mapped_name: str | None
    uuid: str | None
    suspended: bool | None
    openers: int | None
    targets: int | None
    target_types: tuple[str, ...]
    devices: tuple[str, ...]
    deferred: int
    address: Address


class Target(Record, frozen=True):
    """A line of ``dmsetup table``: where on the device, how much of it, of which type.

    ``start_sector``: in sectors of 512 bytes; ``size``: in bytes.
    """

    name: str
    start_sector: int | None
    size: int | None
    target_type: str | None


class Mapped(NamedTuple):
    """Devices and targets of the device mapper, and the bios that are held back, as requests."""

    devices: list[MappedDevice]
    targets: list[Target]
    deferred: list[Request]


def mapped_devices(survey: Survey, devices: Sequence[Device]) -> Mapped:
    """The devices of the device mapper among block devices."""
    kernel = survey.kernel
    ours = [one for one in by_operations(devices, *_OPERATIONS) if one.private]
    if not ours:
        return Mapped([], [], [])
    fields = Fields(kernel, _DEVICE, _MAPPED, ("flags", "table", "deferred"))
    rows = survey.rows(fields, [one.private or 0 for one in ours], "mapped devices")
    names = _named(survey, [row["cell"] for row in rows])
    whose = {row["table"]: one.row.name for one, row in zip(ours, rows, strict=True) if row["table"]}
    tables = _tables(survey, whose)
    uses = _uses(survey, list(whose), {one.row.address: one.row.name for one in devices})
    found = Mapped([], [], [])
    for one, row in zip(ours, rows, strict=True):
        table, held = row["table"] or 0, _deferred(survey, one.row.name, row["deferred"])
        found.targets.extend(tables.get(table, ()))
        found.deferred.extend(held)
        mapped_name, uuid = names.get(row["cell"] or 0, (None, None))
        made = _device(one, row, tables.get(table), uses.get(table, ()))
        found.devices.append(
            structs.replace(made, mapped_name=mapped_name, uuid=uuid or None, deferred=len(held))
        )
    return found


def _device(
    one: Device, row: dict[str, Any], targets: list[Target] | None, devices: tuple[str, ...]
) -> MappedDevice:
    flags, types = row["flags"], dict.fromkeys(target.target_type for target in targets or ())
    return MappedDevice(
        name=one.row.name, mapped_name=None, uuid=None, deferred=0, address=one.private or 0,
        suspended=None if flags is None else bool(flags & _SUSPENDED),
        openers=row["opened"],
        targets=None if targets is None else len(targets),
        target_types=tuple(kind for kind in types if kind),
        devices=devices,
    )  # fmt: skip


def _named(survey: Survey, cells: Sequence[int | None]) -> dict[int, tuple[str | None, str | None]]:
    """dmsetup's name and the uuid, by ``struct hash_cell``."""
    there = [cell for cell in cells if cell]
    fields = {"name": ("name",), "uuid": ("uuid",)}
    rows = survey.rows(Fields(survey.kernel, _CELL, fields, fields), there, "names of mapped devices")
    said = texts(survey, (word for row in rows for word in row.values()), "names of mapped devices")
    return {cell: (said[row["name"]], said[row["uuid"]]) for cell, row in zip(there, rows, strict=True)}


def _tables(survey: Survey, names: dict[int, str]) -> dict[int, list[Target]]:
    """The targets of each table that can be read; ``names``: the device of each table."""
    kernel, places = survey.kernel, []
    rows = survey.rows(Fields(kernel, _TABLE, _OF_TABLE, _OF_TABLE), list(names), "tables of mapped devices")
    found: dict[int, list[Target]] = {}
    for table, row in zip(names, rows, strict=True):
        if row["count"] is None or row["targets"] is None:
            continue
        if row["count"] > _MOST:
            message = f"mapped devices: a table of {row['count']} targets is impossible; not read"
            survey.miss([Notice(kind="node", message=message)])
            continue
        found[table] = []
        step = kernel.sizeof(_TARGET)
        places += [(table, row["targets"] + at * step) for at in range(row["count"])]
    fields = Fields(kernel, _TARGET, _OF_TARGET, _OF_TARGET)
    lines = survey.rows(fields, [place for _, place in places], "targets")
    types = texts(survey, (line["type"] for line in lines), "types of targets")
    for (table, _), line in zip(places, lines, strict=True):
        size = None if line["length"] is None else line["length"] * _SECTOR
        kind = types[line["type"]]
        found[table].append(
            Target(name=names[table], start_sector=line["begin"], size=size, target_type=kind)
        )
    return found


def _uses(survey: Survey, there: Sequence[int], names: dict[int, str]) -> dict[int, tuple[str, ...]]:
    """The block devices that each table uses."""
    kernel = survey.kernel
    shift = kernel.offset(_TABLE, "devices")
    found = kernel.walk_lists([table + shift for table in there], _LISTED, "list")
    survey.walked(found, "devices below mapped devices")
    fields = {"device": ("dm_dev->bdev",)}
    rows = survey.rows(
        Fields(kernel, _LISTED, fields, fields), found.addresses, "devices below mapped devices"
    )
    used: dict[int, tuple[str, ...]] = dict.fromkeys(there, ())
    for number, row in zip(found.walk.lists, rows, strict=True):
        if row["device"]:
            name = names.get(row["device"], f"{row['device']:x}")
            used[there[number]] = (*used[there[number]], name)
    return used


_BIO = {
    "flags": ("bi_opf",),
    "sector": ("bi_iter.bi_sector",),
    "size": ("bi_iter.bi_size",),
}


def _deferred(survey: Survey, name: str, first: int | None) -> list[Request]:
    """The bios that a device holds back, the oldest first."""
    if not first:
        return []
    bios = survey.kernel.walk_chain(first, "struct bio", "bi_next")
    survey.walked(bios, "bios that are held back")
    rows = survey.addressed(
        Fields(survey.kernel, "struct bio", _BIO, _BIO), bios.addresses, "bios that are held back"
    )
    whose = origins(survey, [Ends(address, None, None) for address, _ in rows])
    return list(_held(survey, name, zip(rows, whose, strict=True)))


def _held(survey: Survey, name: str, found: Any) -> Iterator[Request]:
    for (address, row), origin in found:
        if row["flags"] is None:
            continue
        yield Request(
            device=name, state="deferred",
            operation=operation_name(survey, row["flags"]), flags=flag_names(survey, row["flags"]),
            sector=row["sector"] if row["size"] else None, size=row["size"],
            age=None, driver_age=None, timeout_left=None, queue=None, request_tag=None, counted_for=(),
            pid=origin.pid, comm=origin.comm, filesystem=origin.filesystem, inode=origin.inode,
            path=origin.path, end_io=origin.end_io, address=address,
        )  # fmt: skip
