"""``dev``: devices, PCI, I/O resources, disks.

Source in crash: ``dump_chrdevs()``, ``dump_blkdevs()``, ``do_io()``, ``do_pci()``, ``do_pci2()``,
``diskio_option()`` (dev.c), ``dump_registered_devices()`` (diskdump.c).

As crash prints it::

    crash> dev
    CHRDEV    NAME                 CDEV        OPERATIONS
       1      mem            ffff8c3b10367780  memory_fops
       4      /dev/vc/0      ffffffff9fffbd40  console_fops
       4      tty            ffff8c3b10367800  tty_fops
    ...
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from functools import partial

from msgspec import structs

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers._dev_dumps import DeviceDump, DeviceDumpCopy, DeviceDumpData, check_dump, dump, dumps
from crashdrive.parsers._dev_pci import NamedPciDevice, PciBus, PciDevice, check_pci, named_pci, pci
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records, rows_or_hole
from crashdrive.parsers.grammar.columns import DECIMAL, HEX, REST, SHORTEST_ROW, WORD, Cell, Column, or_none
from crashdrive.records import Address, Record

__all__ = [
    "EXAMPLES",
    "SHAPES",
    "Device",
    "DeviceDump",
    "DeviceDumpCopy",
    "DeviceDumpData",
    "Disk",
    "NamedPciDevice",
    "PciBus",
    "PciDevice",
    "Resource",
]


class Device(Record, frozen=True, kw_only=True):
    """A registered device: ``kind`` is ``char`` or ``block``.

    ``cdev`` (char) or ``gendisk`` (block): the address of its structure, None where crash says ``(none)``.
    ``operations``: the symbol of its operations; ``operations_address``: their address; each None where crash
    doesn't print it.
    """

    kind: str
    major: int
    name: str | None
    cdev: Address | None = None
    gendisk: Address | None = None
    operations: str | None = None
    operations_address: Address | None = None


class Resource(Record, frozen=True, kw_only=True):
    """A range of I/O ports (``space`` is ``port``) or of physical memory (``memory``), both ends included."""

    space: str
    resource: Address
    start: Address
    end: Address
    name: str | None


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


def _devices() -> g.ParserElement:
    """Rows of devices, whose names may hold blanks. Of old kernels crash shows no CDEV or GENDISK, but the
    address of the operations::

    CHRDEV    NAME                 CDEV        OPERATIONS
       1      mem            ffff8c3b10367780  memory_fops
      13      a b                 (none)

    BLKDEV    NAME                GENDISK      OPERATIONS
       8      sd             ffff890469c57000  ffffffffc0123456
    """
    char = _device_table(
        "char", "CHRDEV", "CDEV", until=g.Terminal(r" *+BLKDEV ", "the header of block devices")
    )
    block = _device_table("block", "BLKDEV", "GENDISK", until=None)
    return char + g.Opt(block) | block


def _device_table(kind: str, major: str, structure: str, until: g.ParserElement | None) -> g.ParserElement:
    address = "[0-9a-f]{8,16}+"
    return g.table(
        partial(_device, kind),
        Column(major, "major", Cell(r"\d{1,5}+", int)),
        Column("NAME", "name", Cell(_NAME)),
        Column(structure, structure.lower(), Cell(rf"{address}|\((?:none|unknown)\)")),
        Column(
            "OPERATIONS",
            "symbol",
            Cell(rf"{address}(?: ++<[^>\n]{{1,300}}+>)?+(?!\S)|\((?:none|unknown)\)|\S{{1,300}}+"),
            blank=True,
            last=True,
        ),
        required=(major, "NAME", "OPERATIONS"),
        what="devices",
        until=until,
        least=0,
    )


_NAME = r"[^\s](?:[^\r\n\t]{0,80}?[^\s])??"
# a name that holds the cells behind a name: two rows in one line, whose newline was lost
_BEHIND_NAME = expression(r"(?:[0-9a-f]{8,16}|\(none\))(?: |$)")


def _device(
    kind: str, *, major: int, name: str, symbol: str | None, cdev: str = "(none)", gendisk: str = "(none)"
) -> Device | None:
    """The device of a row; None for a structure without operations, as crash prints them with a structure."""
    operations, address = _operations(symbol)
    without = operations is None and address is None and (cdev[0] != "(" or gendisk[0] != "(")
    if without or (len(name) > SHORTEST_ROW and _BEHIND_NAME.search(name)):
        return None
    return Device(
        kind=kind,
        major=major,
        name=None if name == "(unknown)" else name,
        cdev=None if cdev[0] == "(" else int(cdev, 16),
        gendisk=None if gendisk[0] == "(" else int(gendisk, 16),
        operations=operations,
        operations_address=address,
    )


_ADDRESS = expression(r"[0-9a-f]{8,16}+(?!\S)", re.ASCII)


@functools.lru_cache(maxsize=1024)
def _operations(text: str | None) -> tuple[str | None, int | None]:
    """The operations' symbol and address, as far as crash prints them; cached, as many devices share them."""
    if text is None or text in {"(none)", "(unknown)"}:
        return None, None
    address = _ADDRESS.match(text)
    if address is None:
        return text, None
    return text[address.end() :].strip()[1:-1] or None, int(address[0], 16)


def _resources() -> g.ParserElement:
    """Ranges of I/O ports, then of memory; crash breaks long names at 80 columns::

    RESOURCE        RANGE    NAME
    ffffffff9f64fca0  0000-ffff  PCI IO

    RESOURCE        RANGE        NAME
    c1239058  ec000000-efffffff  Intel Corporation 440BX/ZX - 82443BX/ZX Host
                                 bridge
    """
    titles = g.Titles("RESOURCE", "RANGE", "NAME")
    return _resource_table("port", titles) + g.Opt(_resource_table("memory", None))


def _resource_table(space: str, until: g.ParserElement | None) -> g.ParserElement:
    return g.table(
        partial(_resource, space),
        Column("RESOURCE", "resource", HEX),
        Column("RANGE", "range", Cell("[0-9a-f]{1,16}+-[0-9a-f]{1,16}+")),
        Column("NAME", "name", REST, blank=True, last=True, joined="error"),
        required=("RESOURCE", "RANGE", "NAME"),
        what=f"resources of {'I/O ports' if space == 'port' else 'memory'}",
        until=until,
        continued=_goes_on,
        least=0,
    )


def _resource(space: str, *, resource: int, range: str, name: str | None) -> Resource | None:  # noqa: A002 # crash's title
    """The resource of a row; None for a range that ends before it begins."""
    first, _, last = range.partition("-")
    start, end = int(first, 16), int(last, 16)
    if end < start:
        return None
    return Resource(
        space=space, resource=resource, start=start, end=end, name=None if name == "(unknown)" else name
    )


def _goes_on(_text: g.Text, _place: int, line: str, row: Resource) -> Resource | None:
    """The resource with the rest of its name, which stands in the line below."""
    rest = re.fullmatch(r" {20,}+(\S[^\r\n\t]{0,1500}?)[ ]*", line)
    return structs.replace(row, name=f"{row.name or ''} {rest[1]}") if rest else None


def _disks() -> g.ParserElement:
    """A row for each disk; kernels before 2.6.31 or so have ASYNC and SYNC in place of READ and WRITE::

    MAJOR GENDISK            NAME     REQUEST_QUEUE      TOTAL  READ WRITE
        8 ffff81012dd71000   sda      ffff81012d8af040       6     0     6
    """
    count = Cell(r"-?+\d{1,10}+", int)
    return g.table(
        Disk,
        Column("MAJOR", "major", DECIMAL),
        Column("GENDISK", "gendisk", HEX),
        Column("NAME", "name", WORD),
        Column("REQUEST_QUEUE", "request_queue", HEX),
        Column("TOTAL", "total", count),
        Column("READ", "read", count),
        Column("WRITE", "write", count),
        Column("ASYNC", "async_", count),
        Column("SYNC", "sync", count),
        Column("DRV", "drv", or_none(count, r"N/A\(MQ\)")),
        what="disks",
        least=0,
    )


def _check_disks(source: Source, found: list[Disk]) -> list[Disk]:
    """The disks. A header alone means that no disk has requests in flight (``-D``)."""
    return demand_records(source, found) if source.warnings else found


def _given(letters: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letters)


def _is_named(source: Source) -> bool:
    return source.command.has("p") and source.text.lstrip().startswith("PCI_DEV ")


SHAPES = (
    Shape(
        name="named-pci",
        record=NamedPciDevice,
        grammar=named_pci,
        finish=demand_records,
        options="-p, old kernels",
        when=_is_named,
    ),
    Shape(
        name="pci",
        record=PciBus | PciDevice,
        grammar=pci,
        finish=check_pci,
        options="-p",
        when=_given("p"),
    ),
    Shape(
        name="resources",
        record=Resource,
        grammar=_resources,
        finish=demand_records,
        options="-i",
        when=_given("i"),
    ),
    Shape(name="disks", record=Disk, grammar=_disks, finish=_check_disks, options="-d -D", when=_given("dD")),
    Shape(name="dumps", record=DeviceDump, grammar=dumps, options="-V", when=_given("V")),
    Shape(
        name="dump",
        record=DeviceDumpCopy | DeviceDumpData,
        grammar=dump,
        finish=check_dump,
        options="-v index [file]",
        when=_given("v"),
    ),
    Shape(name="devices", record=Device, grammar=_devices, finish=rows_or_hole, options="(none)"),
)
EXAMPLES = ("dev", "dev -i", "dev -p", "dev -d", "dev -D", "dev -V", "dev -v 0")
