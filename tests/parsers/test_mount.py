"""``mount``, ``ipcs``, ``swap``, ``map``: old and new headers, names with blanks, what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.ipcs import MessageQueue, SemaphoreArray, SharedMemory
from crashdrive.parsers.map import MapFile
from crashdrive.parsers.mount import Mount
from crashdrive.parsers.swap import SwapDevice
from tests.parsers.recorded import each, output, parsed

OLD = "VFSMOUNT SUPERBLK TYPE   DEVNAME   DIRNAME\n"
NEW = "     MOUNT           SUPERBLK     TYPE   DEVNAME   DIRNAME\n"
SHM = "SHMID_KERNEL     KEY      SHMID      UID   PERMS BYTES      NATTCH STATUS\n"
SWAP = "SWAP_INFO_STRUCT    TYPE       SIZE       USED     PCT  PRI  FILENAME\n"


@pytest.mark.parametrize(
    ("row", "device", "directory"),
    [
        ("tmpfs  name with space /mnt/with space", "name with space", "/mnt/with space"),
        ("ext4   /dev/root /         ", "/dev/root", "/"),
        ("proc   proc      proc", "proc", "proc"),
        ("nfs    (unknown) /mnt", "(unknown)", "/mnt"),
        ("cifs   //srv/My Share /mnt/a b", "//srv/My Share", "/mnt/a b"),
    ],
)
def test_blanks_in_names(row: str, device: str, directory: str) -> None:
    mount = parse("mount", f"{NEW}ffff88a44120d200 ffff88a44105a800 {row}\n").one()
    assert (mount.device, mount.mount_point, mount.structure) == (device, directory, "mount")


@pytest.mark.parametrize("row", ["tmpfs  none /etc /mnt", "tmpfs  a", "tmpfs  a b c d e /"])
def test_what_cannot_be_told_apart_is_refused(row: str) -> None:
    text = f"{NEW}ffff88a44120d200 ffff88a44105a800 {row}\n"
    if row.endswith("e /"):
        assert parse("mount", text).one().device == "a b c d e"
        return
    with pytest.raises(ParseError):
        parse("mount", text)


def test_files_and_dirty_inodes() -> None:
    row = "c7fb2b80 c7fb3200 ext2   /dev/root /\n"
    files = "OPEN FILES\n DENTRY    INODE    TYPE  PATH\nc6d02200  c6d0f7a0  REG   usr/bin/xfs\n\n"
    none = "OPEN FILES\nNo open files found\n\n"
    first, second = parse("mount -f", OLD + row + files + OLD + row + none).records
    assert [(f.inode, f.path) for f in first.files or ()] == [(0xC6D0F7A0, "usr/bin/xfs")]
    assert (second.files, second.dirty_inodes) == ((), None)
    inodes = parse("mount -i", OLD + row + "DIRTY INODES\nc7ad4008\nc2233438\n\n").one().dirty_inodes
    assert inodes == (0xC7AD4008, 0xC2233438)


def test_what_stands_below_no_mount_or_twice_below_one() -> None:
    row = "c7fb2b80 c7fb3200 ext2   /dev/root /\n"
    inodes = "DIRTY INODES\nc7ad4008\n\n"
    for text in (OLD + inodes, OLD + row + inodes + inodes):
        with pytest.raises(ParseError, match="DIRTY INODES of no mount, or twice of one"):
            parse("mount -i", text)
        answer = parse("mount -i", text, lenient=True)
        assert (answer.warnings[0].kind, answer.complete) == ("unparsed", False)
        assert len(answer) == text.count("ext2")


def test_a_damaged_open_file_is_set_aside_alone() -> None:
    row = "c7fb2b80 c7fb3200 ext2   /dev/root /\n"
    file = "c6d02200  c6d0f7a0  REG   usr/bin/xfs\n"
    text = f"{OLD}{row}OPEN FILES\n DENTRY    INODE    TYPE  PATH\n{file}c6d0 broken\n{file}\n{OLD}{row}"
    with pytest.raises(ParseError, match="expected a row of open files: DENTRY INODE TYPE PATH"):
        parse("mount -f", text)
    first, second = parse("mount -f", text, lenient=True).records
    assert (len(first.files), second.files) == (2, None)


def test_a_header_that_never_comes_is_looked_for_once() -> None:
    answer = parse("mount", "x\n" * 20_000, lenient=True)  # took a search of the rest for each line
    assert (len(answer), len(answer.warnings)) == (0, 1001)
    assert answer.warnings[-1].message == "19000 more lines were set aside"


def test_a_header_without_mounts_is_marked() -> None:
    answer = parse("mount", NEW)
    assert (len(answer), answer.complete) == (0, False)


def test_a_row_that_does_not_hold_what_was_asked_for_is_marked() -> None:
    text = f"{NEW}ffff88a44120d200 ffff88a44105a800 rootfs rootfs    /         \n"
    assert not parse("mount /proc", text).complete
    assert parse("mount /", text).complete
    assert parse("mount ffff88a44105a800", text).complete


def test_a_filesystem_that_is_not_there() -> None:
    assert [notice.kind for notice in parse("mount nosuch", "").warnings] == ["empty"]
    with pytest.raises(ParseError):
        parse("mount", "")


@each("mount", "mount*")
def test_each_line_is_a_mount(case: Path) -> None:
    _, text = output(case)
    mounts = [mount for mount in parsed(case) if isinstance(mount, Mount)]
    assert len(mounts) == max(0, len(text.splitlines()) - 1)
    for mount, line in zip(mounts, text.splitlines()[1:], strict=True):
        assert line.split()[:2] == [f"{mount.vfsmount:x}", f"{mount.super_block:x}"]
        assert line.split(None, 2)[2].split() == f"{mount.type} {mount.device} {mount.mount_point}".split()


def test_facilities_with_and_without_rows() -> None:
    text = (
        f"{SHM}ffff880473a28310 00000000 0          0     666   90000      1      dest locked\n\n"
        "SEM_ARRAY        KEY      SEMID      UID   PERMS NSEMS     \n(none allocated)\n\n"
        "MSG_QUEUE        KEY      MSQID      UID   PERMS USED-BYTES   MESSAGES    \n"
        "ffff8100036bb8d0 000079d7 -1         3369  600   16640        104         \n\n"
    )
    shared, queue = parse("ipcs", text).records
    assert isinstance(shared, SharedMemory)
    assert (shared.perms, shared.status, shared.inode) == (0o666, ("dest", "locked"), None)
    assert isinstance(queue, MessageQueue)
    assert (queue.msqid, queue.used_bytes) == (-1, 16640)


def test_details_of_shared_memory() -> None:
    row = "ffff880473a28310 00000000 0          0     666   90000      1       \n"
    text = f"{SHM}{row}PAGES ALLOCATED/RESIDENT/SWAPPED: 22/1/0\nINODE: ffff88047239cd98\n\n"
    shared = parse("ipcs -M", text).one()
    assert (shared.pages_allocated, shared.pages_resident, shared.inode) == (22, 1, 0xFFFF88047239CD98)


def test_details_of_a_segment_stand_once_and_in_order() -> None:
    row = "ffff880473a28310 00000000 0          0     666   90000      1       \n"
    pages, inode = "PAGES ALLOCATED/RESIDENT/SWAPPED: 22/1/0\n", "INODE: ffff88047239cd98\n"
    for below in (pages + pages, inode + inode, inode + pages):
        with pytest.raises(ParseError, match="expected a row of shared memory"):
            parse("ipcs -M", SHM + row + below)


def test_a_damaged_header_is_named_in_its_own_line() -> None:
    semaphores = "SEM_ARRAY        KEY      SEMID      UID   PERMS NSEMS\n(none allocated)\n"
    answer = parse("ipcs", f"{SHM.replace('UID', 'UIX')}\n{semaphores}", lenient=True)
    assert [(notice.kind, notice.line) for notice in answer.warnings] == [("unparsed", 1)]


def test_an_id_that_is_not_there() -> None:
    answer = parse("ipcs -m 7", "invalid id or address: 7\n\n")
    assert (len(answer), answer.complete, answer.warnings[0].kind) == (0, False, "error")


@pytest.mark.parametrize("text", ["", "(none allocated)\n", SHM.replace("KEY", "LOCK"), SHM + "ffff 1 2\n"])
def test_text_without_facilities(text: str) -> None:
    with pytest.raises(ParseError):
        parse("ipcs", text)


@each("ipcs")
def test_facilities_are_counted(case: Path) -> None:
    _, text = output(case)
    rows = [line for line in text.splitlines() if line[:8].strip() and line[0] == "f"]
    assert len(parsed(case)) == len(rows)
    assert all(isinstance(r, SharedMemory | SemaphoreArray | MessageQueue) for r in parsed(case))


def test_swap_devices() -> None:
    text = (
        f"{SWAP}ffff880153d45f40  PARTITION  7192568k   1200580k  16%   -1  /dev/dm-1\n"
        "ffff880153d45f80    FILE          100k          0k   0%   -2  /var/swap file\n"
    )
    partition, file = parse("swap", text).records
    assert partition == SwapDevice(
        swap_info_struct=0xFFFF880153D45F40,
        type="PARTITION",
        size=7192568 * 1024,
        used=1200580 * 1024,
        percent=16,
        priority=-1,
        filename="/dev/dm-1",
    )
    assert (file.type, file.filename) == ("FILE", "/var/swap file")


def test_no_swap_is_an_answer_and_no_table_is_not() -> None:
    assert len(parse("swap", SWAP)) == 0
    with pytest.raises(ParseError):
        parse("swap", "swap: swap_info doesn't exist in this kernel!\n")


@each("swap", "swap")
def test_each_line_is_a_swap_device(case: Path) -> None:
    assert len(parsed(case)) == len(output(case)[1].splitlines()) - 1


def test_map_files() -> None:
    assert parse("map -f", "MAP FILE CREATED: /tmp/a b.map\n").one() == MapFile(
        action="created", file="/tmp/a b.map"
    )
    with pytest.raises(ParseError):
        parse("map", "")
