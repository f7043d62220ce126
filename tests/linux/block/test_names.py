"""Names of partitions; kinds of errors in logs."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from crashdrive.linux.block import errors
from crashdrive.linux.block.devices import device_name
from crashdrive.linux.printk.message import Message
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import FakeMemory, fake_kernel


def test_a_partition_s_name() -> None:
    assert device_name("sda", 0) == "sda"
    assert device_name("sda", 12) == "sda12"
    assert device_name("nvme0n1", 2) == "nvme0n1p2"


def errors_in(*lines: str, facility: str = "kern") -> list[tuple[str, str, int]]:
    log = [
        Message(
            sequence=number, timestamp=float(number), level="err", facility=facility, caller=None,
            subsystem=None, device=None, text=text,
        )
        for number, text in enumerate(lines)
    ]  # fmt: skip
    survey = Survey(fake_kernel(FakeMemory()))
    with patch.object(errors, "messages", lambda _survey: log):
        return [(one.device, one.kind, one.count) for one in errors.disk_errors(survey)]


@pytest.mark.parametrize(
    ("line", "device", "kind"),
    [
        ("blk_update_request: I/O error, dev sdb, sector 2048 op 0x0:(READ) flags 0x0", "sdb", "I/O error"),
        ("critical medium error, dev sda, sector 9 op 0x1:(WRITE)", "sda", "I/O error"),
        ("I/O error, dev nvme0n1, sector 0 op 0x0:(READ) flags 0x80700", "nvme0n1", "I/O error"),
        ("Buffer I/O error on device dm-0, logical block 6145", "dm-0", "I/O error"),
        ("Buffer I/O error on dev sda1, logical block 80, lost sync page write", "sda1", "I/O error"),
        ("sd 0:0:0:0: [sda] tag#1 FAILED Result: hostbyte=DID_BAD_TARGET", "sda", "device error"),
        ("nvme nvme0: I/O tag 12 (100c) QID 3 timeout, aborting req_op:READ(0)", "nvme0", "timeout"),
        ("EXT4-fs error (device sda1): ext4_lookup:1: inode #2: comm ls", "sda1", "filesystem error"),
        ("EXT4-fs (dm-3): Remounting filesystem read-only", "dm-3", "remounted read-only"),
        ("Aborting journal on device dm-0-8.", "dm-0", "journal aborted"),
        ('XFS (dm-1): metadata I/O error in "xfs_trans_read_buf_map"', "dm-1", "filesystem error"),
        ("BTRFS error (device sdc): bdev /dev/sdc errs: wr 1, rd 0", "sdc", "filesystem error"),
    ],
)
def test_kinds_of_errors(line: str, device: str, kind: str) -> None:
    assert errors_in(line, line) == [(device, kind, 2)]


@pytest.mark.parametrize(
    "line",
    [
        "EXT4-fs (dm-0): mounted filesystem with ordered data mode. Quota mode: none.",
        "EXT4-fs error: cannot find a device",
        "usb 1-1: device descriptor read/64, error -71",
        "XFS (dm-1): Mounting V5 Filesystem",
    ],
)
def test_no_errors_of_disks(line: str) -> None:
    assert errors_in(line) == []


def test_what_a_process_says_is_no_error_of_a_disk() -> None:
    assert errors_in("Buffer I/O error on dev sda1, logical block 8", facility="user") == []
