"""Kernels in memory without notes: found by the text that they keep of themselves."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from crashdrive.dump.elf import Read
from crashdrive.dump.find import Target
from crashdrive.dump.identity import VmlinuxIdentity, dump_identity
from crashdrive.dump.image import _PIECE, start_options, vmcoreinfo_in_memory
from crashdrive.errors import DumpError
from crashdrive.session.folder import Folder, RawImage
from crashdrive.session.opening import Opening

BUILD_ID = "3b43fad5034874490492495d552c0af6a5fab235"
MEMORY = 16 << 20
BASE = -0x1000000
NAMES = 0x700000  # where memory has the kernel's names


def info(release: str = "6.1.0-test", offset: str = "2f600000") -> bytes:
    place = NAMES - BASE + 0xFFFFFFFF80000000 - 4
    return (
        f"OSRELEASE={release}\nBUILD-ID={BUILD_ID}\nPAGESIZE=4096\nSYMBOL(init_uts_ns)={place:x}\n"
        f"OFFSET(uts_namespace.name)=4\nKERNELOFFSET={offset}\nNUMBER(phys_base)={BASE}\n"
    ).encode()


def memory(*texts: tuple[int, bytes], names: int = NAMES, release: bytes = b"6.1.0-test") -> bytes:
    found = bytearray(MEMORY)
    uts = b"".join(name.ljust(65, b"\0") for name in (b"Linux", b"web1", release))
    for at, text in ((names, uts), *texts):
        found[at : at + len(text)] = text
    return bytes(found)


def read_of(data: bytes) -> Read:
    return lambda offset, size: data[offset : offset + size]


@pytest.mark.parametrize("at", [0, 4096, _PIECE - 20, _PIECE, MEMORY - 400])
def test_a_text_anywhere(at: int) -> None:
    assert vmcoreinfo_in_memory(read_of(memory((at, info())))) == (info(),)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [(0, b"OSRELEASE=%s\nBUILD-ID=1\n")],  # the kernel's own format string
        [(0, info()[:120])],
    ],
)
def test_what_is_no_text(texts: list[tuple[int, bytes]]) -> None:
    assert vmcoreinfo_in_memory(read_of(memory(*texts))) == ()


def test_of_several_kernels_two_tell() -> None:
    """Memory that is full of them is not read on."""
    texts = [(at, info(offset=f"{at + 1:x}")) for at in (0, 8192, 1 << 20)]
    places = []

    def read(offset: int, size: int) -> bytes:
        places.append(offset)
        return memory(*texts)[offset : offset + size]

    assert vmcoreinfo_in_memory(read) == (texts[0][1], texts[1][1])
    assert places == [0]


def test_copies_are_one() -> None:
    """The page, the note made of it, and a note that the format of the file takes apart."""
    texts = [(4096, info()), (1 << 20, info()), (2 << 20, info()[:100] + b"\0\0\0\1" + info()[100:])]
    assert vmcoreinfo_in_memory(read_of(memory(*texts))) == (info(),)


def libvirt(packed: int = 0) -> bytes:
    return struct.pack("<16s5I60x", b"LibvirtQemudSave", 2, 4, 1, packed, 0) + b"<x/>QEVM"


@pytest.mark.parametrize("head", [b"QEVM\0\0\0\3", libvirt(), b""])
def test_files_of_memory(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(head + memory((4096, info())))
    found = dump_identity(path)
    assert (found.format, found.host) == ("kvmdump", None) if head else ("raw", "web1")
    assert (found.osrelease, found.build_id, found.kaslr_offset) == ("6.1.0-test", BUILD_ID, 0x2F600000)
    vmlinux = VmlinuxIdentity(
        path="/vmlinux", size=1, mtime_ns=1, build_id=BUILD_ID, debug_data=True, word_size=8, machine=62
    )
    start = Opening(Target(vmlinux=vmlinux, dump=found), [], 1, 1, False, print).start
    assert start.extra == ("--kaslr=0x2f600000", "-m", "phys_base=0xffffffffff000000")
    assert start.files[1] == (os.fspath(path) if head else RawImage(os.fspath(path), 0))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (libvirt(packed=1) + bytes(MEMORY), "packed by libvirt"),
        (memory(), "no dump of a kernel"),
        (memory((4096, info()), names=NAMES + 4096), "doesn't begin at address 0"),
        # what an earlier kernel has left in memory that another one runs in now
        (memory((4096, info()), release=b"6.12.0"), "doesn't begin at address 0"),
        (memory((4096, info()), (8192, info(offset="0"))), "6.1.0-test at 2f600000 and 6.1.0-test at 0"),
        (memory((4096, info()))[:-1][: MEMORY // 2], "no dump of a kernel"),
    ],
)
def test_what_is_none(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "vmcore").write_bytes(data)
    with pytest.raises(DumpError, match=told):
        dump_identity(tmp_path / "vmcore")


def test_a_file_of_qemu_of_several_kernels_tells_nothing_of_them(tmp_path: Path) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(b"QEVM\0\0\0\3" + memory((4096, info()), (8192, info("6.12.0"))))
    found = dump_identity(path)
    assert (found.format, found.osrelease, found.build_id, found.vmcoreinfo) == ("kvmdump", None, None, {})


def test_options_that_are_not_told() -> None:
    assert start_options({"KERNELOFFSET": "0"}) == ()
    assert start_options({"KERNELOFFSET": "x", "NUMBER(phys_base)": "0"}) == ()


def test_an_image_and_its_address(tmp_path: Path) -> None:
    """As crash takes them, also where the name itself has an @."""
    names = ["raw", "a@b,c"]
    folder = Folder("crash", Path("/bin/true"), [RawImage(str(tmp_path / name), 0x1000) for name in names])
    try:
        assert folder.files[0] == f"{tmp_path}/raw@1000"
        assert folder.files[1] == f"{folder.path}/file1@1000"
        assert (folder.path / "file1").readlink() == tmp_path / "a@b,c"
    finally:
        folder.remove()
