"""``dev``: devices, resources, PCI, disks, dumps of devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.dev import (
    Device,
    DeviceDump,
    DeviceDumpCopy,
    Disk,
    NamedPciDevice,
    PciBus,
    PciDevice,
    Resource,
)
from tests.parsers.recorded import each, output


def test_devices() -> None:
    text = (
        "CHRDEV    NAME                 CDEV        OPERATIONS      \n"
        "   4      /dev/vc/0      ffffffffaebfbd40  console_fops\n"
        "  13      a b                 (none)     \n\n"
        "BLKDEV    NAME                GENDISK      OPERATIONS      \n"
        "   8      sd             ffff890469c57000  ffffffffc0123456\n"
    )
    assert list(parse("dev", text)) == [
        Device(kind="char", major=4, name="/dev/vc/0", cdev=0xFFFFFFFFAEBFBD40, operations="console_fops"),
        Device(kind="char", major=13, name="a b"),
        Device(
            kind="block",
            major=8,
            name="sd",
            gendisk=0xFFFF890469C57000,
            operations_address=0xFFFFFFFFC0123456,
        ),
    ]
    old = (
        "CHRDEV  NAME         OPERATIONS\n   1      mem          c02ebf44  <memory_fops>\n"
        "   2      (unknown)    c02ebf60\n"
    )
    first, second = parse("dev", old)
    assert (first.operations, first.operations_address) == ("memory_fops", 0xC02EBF44)
    assert (second.name, second.operations) == (None, None)


def test_resources() -> None:
    text = (
        "RESOURCE    RANGE    NAME\nc03036d4  0000-ffff  PCI IO\n\nRESOURCE        RANGE        NAME\n"
        "c1239058  ec000000-efffffff  Intel Corporation 440BX/ZX - 82443BX/ZX Host\n"
        "                             bridge\n"
    )
    assert list(parse("dev -i", text)) == [
        Resource(space="port", resource=0xC03036D4, start=0, end=0xFFFF, name="PCI IO"),
        Resource(
            space="memory",
            resource=0xC1239058,
            start=0xEC000000,
            end=0xEFFFFFFF,
            name="Intel Corporation 440BX/ZX - 82443BX/ZX Host bridge",
        ),
    ]


def test_pci() -> None:
    text = (
        "    ROOT BUS     BUSNAME\nffff89046b76e000 0000:00\n"
        "      PCI DEV      DO:BU:SL.FN  CLASS   PCI_ID      TYPE   \n"
        "  ffff89044114d000 0000:00:00.0  0600  8086:1237  ENDPOINT \n\n      PCI BUS         PARENT BUS   \n"
        "  ffff89046b790000 ffff89046b76e000\n      PCI DEV      DO:BU:SL.FN  CLASS   PCI_ID  \n"
        "  ffff89044114f000 0000:01:00.0  0200  1af4:1000\n"
    )
    root, bridge, bus, card = parse("dev -p", text)
    assert root == PciBus(pci_bus=0xFFFF89046B76E000, name="0000:00")
    assert bridge == PciDevice(
        pci_dev=0xFFFF89044114D000,
        address="0000:00:00.0",
        pci_class=0x600,
        vendor=0x8086,
        device=0x1237,
        type="ENDPOINT",
        bus=root.pci_bus,
    )
    assert bus == PciBus(pci_bus=0xFFFF89046B790000, parent=root.pci_bus)
    assert (card.type, card.bus) == (None, bus.pci_bus)
    named = "PCI_DEV  BU:SL.FN CLASS: VENDOR-DEVICE\nc00051c0 00:00.0  Host bridge: Intel 440BX: Host\n"
    assert parse("dev -p", named).one() == NamedPciDevice(
        pci_dev=0xC00051C0, address="00:00.0", class_name="Host bridge", name="Intel 440BX: Host"
    )


def test_disks() -> None:
    text = (
        "MAJOR GENDISK            NAME     REQUEST_QUEUE      TOTAL ASYNC  SYNC   DRV\n"
        "    2 ffff81012d8a5000   fd0      ffff81012dc053c0      12     0    12     7\n"
        "    8 ffff81012dd71000   sda      ffff81012d8af040       6     0     6 N/A(MQ)\n"
    )
    first, second = parse("dev -d", text)
    assert first == Disk(
        major=2,
        gendisk=0xFFFF81012D8A5000,
        name="fd0",
        request_queue=0xFFFF81012DC053C0,
        total=12,
        async_=0,
        sync=12,
        drv=7,
    )
    assert second.drv is None
    assert (
        list(parse("dev -D", "MAJOR GENDISK            NAME       REQUEST_QUEUE      TOTAL  READ WRITE \n"))
        == []
    )
    with pytest.raises(ParseError):
        parse("dev -d", text.replace("     6 N/A(MQ)", "     6"))


def test_dumps_of_devices() -> None:
    text = (
        "INDEX  OFFSET             SIZE             NAME\n"
        "  0    0x240              33558464         cxgb4_0000:02:00.4\n"
    )
    assert parse("dev -V", text).one() == DeviceDump(
        index=0, offset=0x240, size=33558464, name="cxgb4_0000:02:00.4"
    )
    copied = "DEVICE: cxgb4_0000:02:00.4\n33558464 bytes copied from 0x240 to dump.bin\n"
    assert parse("dev -v 0 dump.bin", copied).one() == DeviceDumpCopy(
        device="cxgb4_0000:02:00.4", size=33558464, offset=0x240, file="dump.bin"
    )
    shown = "DEVICE: x\n         2001240:  00000038040b69e2 00af985c000e0001   .i..8.......\\...\n"
    (dump,) = parse("dev -v 1", shown)
    assert dump.rows[0].words == (0x38040B69E2, 0xAF985C000E0001)
    with pytest.raises(ParseError) as caught:
        parse("dev -v 1", shown + "nonsense\n")
    assert caught.value.line == 3
    following = shown.splitlines()[1].replace("2001240", "2001260")
    answer = parse("dev -v 1", f"{shown}{following}\ndev: cannot read the rest\n")
    assert [(notice.kind, notice.line) for notice in answer.warnings] == [("error", 4), ("gap", None)]


def test_no_dumps_of_devices() -> None:
    assert list(parse("dev -V", "dev: no device dumps found in this dumpfile\n")) == []


@pytest.mark.parametrize("command", ["dev", "dev -i", "dev -p", "dev -d", "dev -v 0"])
@pytest.mark.parametrize("text", ["", "dev: no device dumps found in this dumpfile\n", "x " * 1_000_000])
def test_refused(command: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(command, text)


@each("dev", "dev")
def test_devices_counted_another_way(case: Path) -> None:
    command, text = output(case)
    rows = [line for line in text.splitlines() if line[:4].strip().isdecimal()]
    assert len(parse(command, text)) == len(rows)
