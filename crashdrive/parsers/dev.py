"""``dev``: devices, PCI, I/O resources, disks.

Source in crash: ``dump_chrdevs()``, ``dump_blkdevs()``, ``do_io()``, ``do_pci()``, ``do_pci2()``,
``diskio_option()`` (dev.c), ``dump_registered_devices()`` (diskdump.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import (
    DECIMAL,
    HEX,
    TEXT,
    WORD,
    Cell,
    Column,
    Table,
    is_elided,
    or_none,
)
from crashdrive.parsers.grammar.hexdump import Words, read_words
from crashdrive.parsers.grammar.rows import (
    demand_records,
    lines_of,
    parse_rows,
    rows_or_hole,
    skip_or_reject,
    words_of,
)
from crashdrive.records import Address, Record


class Device(Record, frozen=True, kw_only=True):
    """A registered device: ``kind`` is ``char`` or ``block``.

    ``cdev`` or ``gendisk`` is its structure, None where crash says ``(none)``. ``operations``: the symbol of
    its operations, ``operations_address`` their address, as far as crash prints them.
    """

    kind: str
    major: int
    name: str | None
    cdev: Address | None = None
    gendisk: Address | None = None
    operations: str | None = None
    operations_address: Address | None = None


class Resource(Record, frozen=True, kw_only=True):
    """A range of I/O ports (``space`` is ``port``) or of physical memory (``memory``); ``end`` is inside."""

    space: str
    resource: Address
    start: Address
    end: Address
    name: str | None


class PciBus(Record, frozen=True, kw_only=True):
    """A PCI bus: a root bus has a ``name`` (``0000:00``), any other one a ``parent``."""

    pci_bus: Address
    name: str | None = None
    parent: Address | None = None


class PciDevice(Record, frozen=True, kw_only=True):
    """A PCI device: its address ``domain:bus:slot.function``, class code, vendor and device number, type.

    ``bus``: address of the bus that crash lists it under.
    """

    pci_dev: Address
    address: str
    pci_class: int
    vendor: int
    device: int
    type: str | None
    bus: int


class NamedPciDevice(Record, frozen=True, kw_only=True):
    """A PCI device as crash names it on kernels with a global list of them."""

    pci_dev: Address
    address: str
    class_name: str
    name: str


class Disk(Record, frozen=True, kw_only=True, rename={"async_": "async"}):
    """I/O requests of a disk that are in flight.

    Kernels since 2.6.31 or so count ``read`` and ``write``, older ones ``async_``
    (``async`` in JSON) and ``sync``. ``drv``: those handed to the driver.
    """

    major: int
    gendisk: Address
    name: str
    request_queue: Address
    total: int
    read: int | None = None
    write: int | None = None
    async_: int | None = None
    sync: int | None = None
    drv: int | None = None


class DeviceDump(Record, frozen=True, kw_only=True):
    """A device's own dump inside of the dump file: where, and how many bytes."""

    index: int
    offset: int
    size: int
    name: str


class DeviceDumpCopy(Record, frozen=True, kw_only=True):
    """A device's dump that was written to a file."""

    device: str
    size: int
    offset: int
    file: str


class DeviceDumpData(Record, frozen=True, kw_only=True):
    """A device's dump as words."""

    device: str
    rows: tuple[Words, ...]


R = TypeVar("R", bound=Record)

OPTSTRING = "dDpiVv:"
EXAMPLES = ("dev", "dev -i", "dev -p", "dev -d", "dev -D", "dev -V", "dev -v 0")

_HEX = r"[0-9a-f]{1,16}"
_DEVICES = re.compile(r"(CHRDEV|BLKDEV) +NAME +(?:(CDEV|GENDISK) +)?OPERATIONS[ ]*")
# Names may hold blanks. The structure's address tells where a name ends.
_DEVICE = re.compile(
    r" *+(?P<major>\d{1,5}) +(?P<name>\S(?:[^\n]{0,80}?\S)??) +"
    r"(?:(?P<at>[0-9a-f]{8,16})(?: +(?:<(?P<symbol>[^>\n]{1,300})>|(?P<operations>\S{1,300})))?"
    r"|\((?:none|unknown)\))[ ]*"
)


def _parse_devices(source: Source) -> list[Device]:
    found: list[Device] = []
    head: re.Match[str] | None = None
    for offset, line in lines_of(source.text, 0, len(source.text)):
        title, row = _DEVICES.fullmatch(line), _DEVICE.fullmatch(line)
        if title:
            if head is not None and head[1] == title[1]:
                source.fail(offset, "a second table of these devices")
            head = title
        elif row and head is not None:
            found.append(_device(head, row))
        else:
            skip_or_reject(source, offset, line, "no device")
    return rows_or_hole(source, found) if head is not None else demand_records(source, found)


def _device(head: re.Match[str], row: re.Match[str]) -> Device:
    """Where the table has no structures, the address is that of the operations."""
    kind = "char" if head[1] == "CHRDEV" else "block"
    address = int(row["at"], 16) if row["at"] else None
    name = None if row["name"] == "(unknown)" else row["name"]
    symbol = row["symbol"] or row["operations"]
    if head[2] is None:
        return Device(
            kind=kind, major=int(row["major"]), name=name, operations=symbol, operations_address=address
        )
    plain = int(symbol, 16) if symbol and re.fullmatch(_HEX, symbol) and len(symbol) >= 8 else None
    return Device(
        kind=kind,
        major=int(row["major"]),
        name=name,
        cdev=address if head[2] == "CDEV" else None,
        gendisk=address if head[2] == "GENDISK" else None,
        operations=None if plain is not None else symbol,
        operations_address=plain,
    )


_RESOURCE = re.compile(
    rf" *+(?P<at>{_HEX}) +(?P<start>{_HEX})-(?P<end>{_HEX})  (?P<name>[^\n]{{0,1500}}?)[ ]*"
)
_RESOURCE_TITLES = ["RESOURCE", "RANGE", "NAME"]
# crash breaks names at 80 columns; the rest stands below the name.
_REST = re.compile(r" {20,}(\S[^\n]{0,1500}?)[ ]*")


def _parse_resources(source: Source) -> list[Resource]:
    found: list[Resource] = []
    tables = 0
    for offset, line in lines_of(source.text, 0, len(source.text)):
        row, rest = _RESOURCE.fullmatch(line), _REST.fullmatch(line)
        if words_of(line) == _RESOURCE_TITLES and tables < 2:
            tables += 1
        elif row and tables:
            name = None if row["name"] == "(unknown)" else row["name"]
            space = "port" if tables == 1 else "memory"
            start, end = int(row["start"], 16), int(row["end"], 16)
            found.append(Resource(space=space, resource=int(row["at"], 16), start=start, end=end, name=name))
        elif rest and found:
            last = found[-1]
            name = f"{last.name or ''} {rest[1]}"
            found[-1] = Resource(
                space=last.space, resource=last.resource, start=last.start, end=last.end, name=name
            )
        else:
            skip_or_reject(source, offset, line, "no resource")
    return demand_records(source, found)


_ROOT_TITLES, _BUS_TITLES = ["ROOT", "BUS", "BUSNAME"], ["PCI", "BUS", "PARENT", "BUS"]
_DEV_TITLES = ["PCI", "DEV", "DO:BU:SL.FN", "CLASS", "PCI_ID"]
_ROOT = re.compile(rf" *+({_HEX}) +([0-9a-f]{{4,8}}:[0-9a-f]{{2}})[ ]*")
_BUS = re.compile(rf" *+({_HEX}) +({_HEX})[ ]*")
_PCI = re.compile(
    rf" *+(?P<at>{_HEX}) +(?P<address>[0-9a-f]{{4,8}}:[0-9a-f]{{2}}:[0-9a-f]{{2}}\.[0-9a-f]) +"
    r"(?P<class>[0-9a-f]{4}) +"
    r"(?P<vendor>[0-9a-f]{4}):(?P<device>[0-9a-f]{4})(?: +(?P<type>\S[^\n]{0,80}?))?[ ]*"
)


def _parse_pci(source: Source) -> list[PciBus | PciDevice]:
    found: list[PciBus | PciDevice] = []
    titles: list[str] = []
    bus = 0
    for offset, line in lines_of(source.text, 0, len(source.text)):
        words = words_of(line)
        root = _ROOT.fullmatch(line) if titles == _ROOT_TITLES else None
        other = _BUS.fullmatch(line) if titles == _BUS_TITLES else None
        device = _PCI.fullmatch(line) if titles[:5] == _DEV_TITLES else None
        if words in (_ROOT_TITLES, _BUS_TITLES) or words[:5] == _DEV_TITLES:
            titles = words
        elif root or other:
            made = _bus(root, other)
            bus = made.pci_bus
            found.append(made)
        elif device and bus:
            found.append(_pci_device(device, bus))
        else:
            skip_or_reject(source, offset, line, "no PCI bus or device")
    return demand_records(source, found)


def _bus(root: re.Match[str] | None, other: re.Match[str] | None) -> PciBus:
    if root:
        return PciBus(pci_bus=int(root[1], 16), name=root[2])
    address, parent = other.groups() if other else ("0", "0")
    return PciBus(pci_bus=int(address, 16), parent=int(parent, 16))


def _pci_device(row: re.Match[str], bus: int) -> PciDevice:
    return PciDevice(
        pci_dev=int(row["at"], 16),
        address=row["address"],
        pci_class=int(row["class"], 16),
        vendor=int(row["vendor"], 16),
        device=int(row["device"], 16),
        type=row["type"],
        bus=bus,
    )


_NAMED_TITLES = ["PCI_DEV", "BU:SL.FN", "CLASS:", "VENDOR-DEVICE"]
_NAMED = re.compile(
    rf"^ *+(?P<at>{_HEX}) +(?P<address>[0-9a-f]{{2}}:[0-9a-f]{{2}}\.[0-9a-f])  "
    r"(?P<class>[^:\n]{1,100}): (?P<name>[^\n]{0,300}?)[ ]*$",
    re.MULTILINE,
)


def _parse_named_pci(source: Source) -> list[NamedPciDevice]:
    def make(row: re.Match[str]) -> NamedPciDevice:
        return NamedPciDevice(
            pci_dev=int(row["at"], 16), address=row["address"], class_name=row["class"], name=row["name"]
        )

    def header(_offset: int, line: str) -> bool:
        return words_of(line) == _NAMED_TITLES

    return demand_records(source, parse_rows(source, _NAMED, make, other=header))


_COUNT = Cell(r"-?+\d{1,10}+", int)
_DISKS = Table(
    Disk,
    Column("MAJOR", "major", DECIMAL),
    Column("GENDISK", "gendisk", HEX),
    Column("NAME", "name", WORD),
    Column("REQUEST_QUEUE", "request_queue", HEX),
    Column("TOTAL", "total", _COUNT),
    Column("READ", "read", _COUNT),
    Column("WRITE", "write", _COUNT),
    Column("ASYNC", "async_", _COUNT),
    Column("SYNC", "sync", _COUNT),
    Column("DRV", "drv", or_none(_COUNT, r"N/A\(MQ\)")),
)
_DUMPS = Table(
    DeviceDump,
    Column("INDEX", "index", DECIMAL),
    Column("OFFSET", "offset", Cell(r"0x[0-9a-f]{1,16}+", lambda text: int(text, 16))),
    Column("SIZE", "size", DECIMAL),
    Column("NAME", "name", TEXT),
)


def _parse_disks(source: Source) -> list[Disk]:
    """A header alone means that no disk has requests in flight (``-D``)."""
    return _rows(source, _DISKS, may_be_empty=True)


def _parse_dumps(source: Source) -> list[DeviceDump]:
    if source.text.strip() == "dev: no device dumps found in this dumpfile":
        return []
    return _rows(source, _DUMPS, may_be_empty=False)


def _rows(source: Source, table: Table[R], *, may_be_empty: bool) -> list[R]:
    layout = None
    found: list[R] = []
    for offset, line in lines_of(source.text, 0, len(source.text)):
        if layout is None and table.heads(line):
            layout = table.header(source, offset, line)
        elif layout is not None and (row := layout.match(line)):
            found.append(row)
        else:
            skip_or_reject(source, offset, line, "no row of this table")
    if layout is None:
        source.fail(0, "no header of a table")
    return found if may_be_empty and not source.warnings else demand_records(source, found)


_DEVICE_LINE = re.compile(r"DEVICE: ([^\n]{1,300})\n")
_COPIED = re.compile(r"(\d{1,20}) bytes copied from 0x([0-9a-f]{1,16}) to ([^\n]{1,4096})\s*")


def _parse_dump(source: Source) -> list[DeviceDumpCopy | DeviceDumpData]:
    head = _DEVICE_LINE.match(source.text)
    if head is None:
        source.fail(0, "no device")
    copied = _COPIED.fullmatch(source.text, head.end())
    if copied:
        size, offset, file = int(copied[1]), int(copied[2], 16), copied[3]
        return [DeviceDumpCopy(device=head[1], size=size, offset=offset, file=file)]
    text = source.text[head.end() :].rstrip(" \n")
    if text.endswith("\n...") and is_elided(source, len(source.text) - 1, "..."):
        text = text[:-4]
    rest = Source(source.command, text, lenient=source.lenient)
    try:
        rows = read_words(rest)
    except ParseError as error:
        raise ParseError(error.command, error.line + 1, error.column, error.text, error.reason) from error
    source.warnings += rest.warnings
    source.complete = source.complete and rest.complete
    return [DeviceDumpData(device=head[1], rows=tuple(rows))]


def _given(letters: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letters)


def _is_named(source: Source) -> bool:
    return source.command.has("p") and source.text.lstrip().startswith("PCI_DEV ")


SHAPES = (
    Shape(
        name="named-pci",
        record=NamedPciDevice,
        parse=_parse_named_pci,
        options="-p, old kernels",
        when=_is_named,
    ),
    Shape(name="pci", record=PciBus | PciDevice, parse=_parse_pci, options="-p", when=_given("p")),
    Shape(name="resources", record=Resource, parse=_parse_resources, options="-i", when=_given("i")),
    Shape(name="disks", record=Disk, parse=_parse_disks, options="-d -D", when=_given("dD")),
    Shape(name="dumps", record=DeviceDump, parse=_parse_dumps, options="-V", when=_given("V")),
    Shape(
        name="dump",
        record=DeviceDumpCopy | DeviceDumpData,
        parse=_parse_dump,
        options="-v index [file]",
        when=_given("v"),
    ),
    Shape(name="devices", record=Device, parse=_parse_devices, options="(none)"),
)
