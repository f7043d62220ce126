"""What vmlinux and dump say of themselves: made-up files of all formats, whole, cut and damaged."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crashdrive.dump.elf import Segment, opened_elf
from crashdrive.dump.files import reader
from crashdrive.dump.identity import (
    cpu_notes,
    dump_identity,
    vmlinux_build_id,
    vmlinux_identity,
)
from crashdrive.dump.linear_map import vmcoreinfo_by_pointer
from crashdrive.dump.vmcoreinfo import parse_vmcoreinfo
from crashdrive.errors import DumpError, VmlinuxError

BUILD_ID = "3b43fad5034874490492495d552c0af6a5fab235"
INFO = (
    f"OSRELEASE=6.1.0-56-cloud-amd64\nBUILD-ID={BUILD_ID}\nPAGESIZE=4096\nKERNELOFFSET=1cc00000\n"
    "CRASHTIME=1795216599\nno such line\n"
).encode()


def note(name: bytes, kind: int, data: bytes, order: str = "<") -> bytes:
    padded = name + b"\0"
    head = struct.pack(order + "III", len(padded), len(data), kind)
    return head + padded + b"\0" * (-len(padded) % 4) + data + b"\0" * (-len(data) % 4)


def core(
    notes: bytes, *, order: str = "<", wide: bool = True, kind: int = 4, flags: int = 0, size: int = 1000
) -> bytes:
    """An ELF core with a note segment and a loadable one of ``size`` bytes, all of them there."""
    head, entry = (64, 56) if wide else (52, 32)
    word = "Q" if wide else "I"
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + b"\0" * 9
    start = head + 2 * entry
    fields = (kind, 62, 1, 0, head, 0, flags, head, entry, 2, 0, 0, 0)
    header = ident + struct.pack(f"{order}HHI{word}{word}{word}IHHHHHH", *fields)
    segments = b""
    for type_, offset, length in ((4, start, len(notes)), (1, start + len(notes), size)):
        if wide:
            segments += struct.pack(order + "IIQQQQQQ", type_, 0, offset, 0, 0, length, length, 0)
        else:
            segments += struct.pack(order + "IIIIIIII", type_, offset, 0, 0, length, length, 0, 0)
    return header + segments + notes + b"\xaa" * size


def kdump(
    *,
    info: bytes = INFO,
    order: str = "<",
    wide: bool = True,
    status: int = 1,
    version: int = 6,
    pages: int = 3,
    split: int = 0,
    notes: bytes = b"",
) -> bytes:
    """A compressed dump of ``pages`` pages, the way makedumpfile lays it out."""
    release = b"6.1.0-56-cloud-amd64".ljust(65, b"\0")
    utsname = b"Linux".ljust(65, b"\0") + b"host".ljust(65, b"\0") + release + b"\0" * 195
    time = struct.pack(order + ("6xqq" if wide else "2xii"), 1795216599, 0)
    numbers = struct.pack(order + "IiiIIIIIIi", status, 4096, 1, 2, 64, 0, 0, 0, 0, 2)
    head = b"KDUMP   " + struct.pack(order + "i", version) + utsname + time + numbers
    form = "QiiQQQQQQ" if wide else "IiiIIQIQI"
    sub = struct.pack(order + form, 0, 31, split, 0, 0, 8192 - 2048, len(info), 4200, len(notes))
    blocks = bytearray(head.ljust(4096, b"\0") + sub.ljust(4096, b"\0"))
    blocks[8192 - 2048 : 8192 - 2048 + len(info)] = info
    blocks[4200 : 4200 + len(notes)] = notes
    bitmap = ((1 << pages) - 1).to_bytes(8, "little").ljust(4096, b"\0")
    data_at = 16384 + 24 * pages
    table = b"".join(struct.pack(order + "QIIQ", data_at + 100 * i, 100, 1, 0) for i in range(pages))
    return bytes(blocks) + bitmap + bitmap + table + b"\xcc" * (100 * pages)


def flattened(content: bytes, *, ended: bool = True) -> bytes:
    """The same as a stream, its header written twice, as makedumpfile does."""
    stream = b"makedumpfile".ljust(16, b"\0") + struct.pack(">qq", 1, 1)
    stream = stream.ljust(4096, b"\0")
    pieces = [(0, b"\0" * 512), *((at, content[at : at + 3000]) for at in range(0, len(content), 3000))]
    for offset, data in pieces:
        stream += struct.pack(">qq", offset, len(data)) + data
    return stream + (struct.pack(">qq", -1, -1) if ended else b"")


def file(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


def check_facts(path: Path, form: str, *, incomplete: bool | None = False, flat: bool = False) -> None:
    found = dump_identity(path)
    assert (found.format, found.flattened) == (form, flat)
    assert found.osrelease == "6.1.0-56-cloud-amd64"
    assert found.build_id == BUILD_ID
    assert found.kaslr_offset == 0x1CC00000
    assert found.crash_time == 1795216599
    assert found.incomplete is incomplete
    assert found.vmcoreinfo["PAGESIZE"] == "4096"
    assert (found.size, found.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [True, False])
def test_elf_dumps(tmp_path: Path, order: str, *, wide: bool) -> None:
    notes = note(b"CORE", 1, b"x" * 336, order) + note(b"VMCOREINFO", 0, INFO, order)
    check_facts(file(tmp_path, core(notes, order=order, wide=wide)), "elf")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [True, False])
def test_kdump_dumps(tmp_path: Path, order: str, *, wide: bool) -> None:
    path = file(tmp_path, kdump(order=order, wide=wide))
    check_facts(path, "kdump")
    assert dump_identity(path).dump_level == 31


NOTES = note(b"CORE", 1, b"x" * 336) + note(b"VMCOREINFO", 0, b"") + note(b"CORE", 1, b"y" * 336)


@pytest.mark.parametrize("pack", [core, lambda notes: kdump(notes=notes)], ids=["elf", "kdump"])
def test_notes_of_cpus(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = file(tmp_path, pack(NOTES))
    assert cpu_notes(path) == ((b"x" * 336, b"y" * 336), False)
    assert cpu_notes(file(tmp_path, flattened(pack(NOTES)))) == cpu_notes(path)
    assert cpu_notes(file(tmp_path, pack(NOTES + note(b"QEMU", 0, b"z" * 440)))).hypervisor


def test_formats_without_notes_of_cpus(tmp_path: Path) -> None:
    for content in (b"QEVM" + bytes(60), kdump(wide=False, notes=NOTES), kdump(version=3, notes=NOTES)):
        assert cpu_notes(file(tmp_path, content)) == ((), False)
    with pytest.raises(DumpError, match="truncated"):
        cpu_notes(file(tmp_path, kdump(notes=NOTES)[:4150]))


def test_flattened_dumps(tmp_path: Path) -> None:
    check_facts(file(tmp_path, flattened(kdump())), "kdump", flat=True, incomplete=None)
    elf = core(note(b"VMCOREINFO", 0, INFO))
    check_facts(file(tmp_path, flattened(elf)), "elf", flat=True)
    check_facts(file(tmp_path, flattened(kdump(), ended=False)), "kdump", flat=True, incomplete=True)


def test_dumps_that_end_too_early(tmp_path: Path) -> None:
    check_facts(file(tmp_path, core(note(b"VMCOREINFO", 0, INFO))[:-1]), "elf", incomplete=True)
    check_facts(file(tmp_path, kdump()[:-1]), "kdump", incomplete=True)
    check_facts(file(tmp_path, kdump()[:16390]), "kdump", incomplete=True)
    check_facts(file(tmp_path, kdump()[:9000]), "kdump", incomplete=True)
    for size in (5, 100, 470, 4100):
        with pytest.raises(DumpError):
            dump_identity(file(tmp_path, kdump()[:size]))


def test_dumps_that_are_marked_incomplete(tmp_path: Path) -> None:
    check_facts(file(tmp_path, core(note(b"VMCOREINFO", 0, INFO), flags=1)), "elf", incomplete=True)
    check_facts(file(tmp_path, kdump(status=1 | 8)), "kdump", incomplete=True)


def test_one_of_several_files_cannot_be_judged(tmp_path: Path) -> None:
    check_facts(file(tmp_path, kdump(split=1)), "kdump", incomplete=None)


def test_dumps_without_vmcoreinfo_tell_what_they_can(tmp_path: Path) -> None:
    old = dump_identity(file(tmp_path, kdump(version=2)))
    assert (old.osrelease, old.build_id, old.crash_time) == ("6.1.0-56-cloud-amd64", None, 1795216599)
    bare = dump_identity(file(tmp_path, core(note(b"CORE", 1, b"x" * 336))))
    assert (bare.osrelease, bare.build_id, bare.kaslr_offset, bare.vmcoreinfo) == (None, None, None, {})


@pytest.mark.parametrize("value", [b"xyz", b"3b43", b"", b"zz" * 20, b"3b43fad5;rm -rf"])
def test_a_build_id_that_is_none_is_not_taken(tmp_path: Path, value: bytes) -> None:
    path = file(tmp_path, core(note(b"VMCOREINFO", 0, b"BUILD-ID=" + value + b"\nKERNELOFFSET=zz\n")))
    found = dump_identity(path)
    assert (found.build_id, found.kaslr_offset) == (None, None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello" * 100, "no dump of a kernel"),
        (core(b"", kind=2), "no core dump"),
        (core(note(b"CORE", 6, b"x" * 16)), "of a process"),
        (b"\x1f\x8b" + b"x" * 100, "packed with gzip"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 100, "packed with zstd"),
        (b"\x7fELF" + b"\xff" * 60, "damaged"),
        (b"\x7fELF\x02\x01\x01", "damaged"),
        (core(b"")[:100], "ends before"),
        (b"makedumpfile".ljust(4096, b"\0") + struct.pack(">qq", -5, 100), "damaged flattened"),
        (b"makedumpfile".ljust(4096, b"\0"), "empty"),
        (b"KDUMP   " + b"\xff" * 600, "damaged kdump header"),
    ],
)
def test_files_that_are_no_dumps(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(DumpError, match=words):
        dump_identity(file(tmp_path, content))


@pytest.mark.parametrize(("magic", "form"), [(b"QEVM", "kvmdump"), (b"DISKDUMP", "diskdump")])
def test_other_formats_are_known_by_name_alone(tmp_path: Path, magic: bytes, form: str) -> None:
    found = dump_identity(file(tmp_path, magic + b"x" * 100))
    assert (found.format, found.build_id, found.incomplete) == (form, None, None)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "no\nline").write_bytes(b"x")
    for name in ("nothing", ".", "fifo", "no\nline", "a\0b"):
        with pytest.raises(DumpError) as error:
            dump_identity(tmp_path / name)
        assert "\n" not in str(error.value)
        with pytest.raises(VmlinuxError):
            vmlinux_build_id(tmp_path / name)


def vmlinux(*, debug: int | None = 1, build_id: bool = True, kind: int = 2) -> bytes:
    """A vmlinux with sections; ``debug`` is .debug_info's type, None for no such section."""
    names = b"\0.notes\0.debug_info\0.shstrtab\0.bss\0"
    data = note(b"Linux", 0x101, b"x" * 5) + (note(b"GNU", 3, bytes.fromhex(BUILD_ID)) if build_id else b"")
    sections = [(0, 0, 0, 0), (1, 7, 64, len(data))]
    if debug is not None:
        sections.append((8, debug, 64, 10))
    sections += [(30, 8, 64, 1 << 40), (20, 3, 64 + len(data), len(names))]
    at = 64 + len(data) + len(names)
    ident = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    fields = (kind, 62, 1, 0, 0, at, 0, 64, 0, 0, 64, len(sections), len(sections) - 1)
    header = ident + struct.pack("<HHIQQQIHHHHHH", *fields)
    table = b"".join(
        struct.pack("<IIQQQQIIQQ", name, type_, 0, 0, offset, size, 0, 0, 1, 0)
        for name, type_, offset, size in sections
    )
    return header + data + names + table


def test_vmlinux(tmp_path: Path) -> None:
    path = file(tmp_path, vmlinux())
    assert vmlinux_build_id(path) == BUILD_ID
    assert vmlinux_identity(path).debug_data
    found = vmlinux_identity(path)
    assert (found.word_size, found.machine) == (8, 62)
    assert vmlinux_build_id(file(tmp_path, vmlinux(build_id=False))) is None


@pytest.mark.parametrize("debug", [None, 8])
def test_a_vmlinux_without_debug_data(tmp_path: Path, debug: int | None) -> None:
    assert not vmlinux_identity(file(tmp_path, vmlinux(debug=debug))).debug_data


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (vmlinux()[:-1], "truncated"),
        (vmlinux(kind=4), "a core dump"),
        (b"MZ".ljust(0x202, b"\0") + b"HdrS" + b"x" * 100, "bootable vmlinuz"),
        (b"BZh" + b"x" * 100, "packed with bzip2"),
        (b"hello", "no ELF file"),
        (b"", "no ELF file"),
    ],
)
def test_files_that_are_no_vmlinux(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(VmlinuxError, match=words):
        vmlinux_build_id(file(tmp_path, content))


SAMPLES = [vmlinux(), core(note(b"VMCOREINFO", 0, INFO)), kdump(), flattened(kdump()), kdump(wide=False)]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_damage_is_an_error_of_ours_or_other_facts(
    tmp_path_factory: pytest.TempPathFactory, sample: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(sample) - 1, 9000)))
        damaged[at] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.sampled_from([len(sample), len(sample) // 2, 700]))]
    path = file(tmp_path_factory.getbasetemp(), bytes(damaged))
    with contextlib.suppress(DumpError):
        dump_identity(path)
    with contextlib.suppress(VmlinuxError):
        vmlinux_identity(path)


def test_vmcoreinfo_lines() -> None:
    assert parse_vmcoreinfo(b"A=1\nB\n=x\nC=a=b\n\xff=1\n\0\0") == {"A": "1", "C": "a=b", "\\xff": "1"}


def test_the_host_of_a_kdump_stands_in_its_header(tmp_path: Path) -> None:
    assert dump_identity(file(tmp_path, kdump())).host == "host"
    unnamed = kdump().replace(b"host".ljust(65, b"\0"), b"(none)".ljust(65, b"\0"))
    assert dump_identity(file(tmp_path, unnamed)).host is None


@pytest.mark.parametrize(
    "way",
    [
        b"SYMBOL(init_uts_ns)=ffffffff80000010\nOFFSET(uts_namespace.name)=4\nNUMBER(phys_base)=-4\n",
        b"SYMBOL(init_uts_ns)=ffffffc008000010\nOFFSET(uts_namespace.name)=4\nNUMBER(kimage_voffset)=0x%x\n"
        % 0xFFFFFFC008000004,
    ],
)
def test_the_host_of_an_elf_dump_stands_in_its_memory(tmp_path: Path, way: bytes) -> None:
    names = b"Linux".ljust(65, b"\0") + b"web1".ljust(65, b"\0")
    dump = core(note(b"VMCOREINFO", 0, INFO + way), size=16 + len(names))
    whole = dump[: -len(names)] + names
    assert dump_identity(file(tmp_path, whole)).host == "web1"
    assert dump_identity(file(tmp_path, whole[:-40])).host == "web1"  # cut behind it
    assert dump_identity(file(tmp_path, whole[:-140])).host is None
    assert dump_identity(file(tmp_path, whole.replace(b"Linux", b"linux"))).host is None


def test_a_broken_way_to_the_host_leads_nowhere(tmp_path: Path) -> None:
    for way in (b"SYMBOL(init_uts_ns)=x\n", b"SYMBOL(init_uts_ns)=0\nOFFSET(uts_namespace.name)=4\n"):
        assert dump_identity(file(tmp_path, core(note(b"VMCOREINFO", 0, INFO + way)))).host is None


def on_s390x(pointer: int, found: bytes) -> bytes:
    """A dump of QEMU's without VMCOREINFO among its notes: memory from 0 on, with a lowcore."""
    memory = bytearray(0x3000)
    memory[0xE0C:0xE14] = pointer.to_bytes(8, "big")
    memory[0x2100 : 0x2100 + len(found)] = found
    dump = core(note(b"CORE", 1, b"x" * 336, ">"), order=">", size=len(memory))
    return dump[:18] + b"\0\x16" + dump[20 : -len(memory)] + bytes(memory)


def test_vmcoreinfo_of_s390x_is_found_by_the_lowcore(tmp_path: Path) -> None:
    way = b"SYMBOL(lowcore_ptr)=1298208\nSYMBOL(init_uts_ns)=2e00\nOFFSET(uts_namespace.name)=0\n"
    text = note(b"VMCOREINFO", 0, INFO + way, ">")
    dump = on_s390x(0x2100, text)
    names = b"Linux".ljust(65, b"\0") + b"web1".ljust(65, b"\0")
    at = len(dump) - 0x3000 + 0x2E00
    found = dump_identity(file(tmp_path, dump[:at] + names + dump[at + len(names) :]))
    assert (found.build_id, found.machine, found.kaslr_offset) == (BUILD_ID, 22, 0x1CC00000)
    assert found.host == "web1"


LINEAR = 0xC << 60


def on_ppc64(
    found: bytes, *pointers: int, headers: str = "<", kernel: str = "<", place: int = 0x20000
) -> bytes:
    """A dump of QEMU's: an image at address 0 with pointers, and a note in a page."""
    memory = bytearray(0x30000)
    for at, pointer in enumerate(pointers):
        memory[0x1000 + 8 * at : 0x1008 + 8 * at] = struct.pack(f"{kernel}Q", pointer)
    memory[place : place + len(found)] = found
    dump = core(note(b"CORE", 1, b"x" * 504, headers), order=headers, size=len(memory))
    return dump[:18] + struct.pack(f"{headers}H", 21) + dump[20 : -len(memory)] + bytes(memory)


POINTERS = 0, LINEAR + 0x1000, LINEAR + 0x1000, LINEAR + 0x7_0000, 0x20000, LINEAR + 0x20000


@pytest.mark.parametrize("order", ["<", ">"])
def test_vmcoreinfo_of_ppc64_is_found_by_the_kernel_s_pointer(tmp_path: Path, order: str) -> None:
    way = f"SYMBOL(init_uts_ns)={LINEAR + 0x2E00:x}\nOFFSET(uts_namespace.name)=0\n".encode()
    dump = on_ppc64(note(b"VMCOREINFO", 0, INFO + way, order), *POINTERS, headers=order, kernel=order)
    names = b"Linux".ljust(65, b"\0") + b"web1".ljust(65, b"\0")
    at = len(dump) - 0x30000 + 0x2E00
    found = dump_identity(file(tmp_path, dump[:at] + names + dump[at + len(names) :]))
    assert (found.build_id, found.machine, found.host) == (BUILD_ID, 21, "web1")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("place", [0x8000, 0x2C000, 0x2F000])
def test_vmcoreinfo_of_ppc64_may_lie_in_any_page(tmp_path: Path, place: int, order: str) -> None:
    """Its address may have zeros or 0xc0 within, and look like two halves of pointers."""
    for before in (0, LINEAR, 0xC000):
        text = note(b"VMCOREINFO", 0, INFO, order)
        dump = on_ppc64(text, before, LINEAR + place, headers=order, kernel=order, place=place)
        assert dump_identity(file(tmp_path, dump)).build_id == BUILD_ID, hex(before)


def test_the_parts_of_a_dump_of_ppc64_are_not_gone_through_for_each_pointer(tmp_path: Path) -> None:
    """A damaged dump may have a million parts, and tens of thousands of pointers."""

    class Counted(list[Segment]):
        times = 0

        def __iter__(self) -> Iterator[Segment]:
            self.times += 1
            return super().__iter__()

    pointers = (LINEAR + 0x1000 * at for at in range(1000))
    path = file(tmp_path, on_ppc64(note(b"VMCOREINFO", 0, INFO), *pointers, LINEAR + 0x20000))
    with path.open("rb") as opened:
        parts = Counted(opened_elf(opened.fileno()).segments())
        text, order = vmcoreinfo_by_pointer(reader(opened), parts)
    assert (text, order) == (INFO, "<")
    assert parts.times == 1


def test_headers_of_another_byte_order_than_the_kernel_s_are_said(tmp_path: Path) -> None:
    """crash calls such a dump an unsupported file."""
    dump = on_ppc64(note(b"VMCOREINFO", 0, INFO, "<"), *POINTERS, headers=">")
    with pytest.raises(DumpError, match="headers of another byte order than its kernel's"):
        dump_identity(file(tmp_path, dump))


@pytest.mark.parametrize("pointer", [0, 0x20000, LINEAR, LINEAR + 0x20008, LINEAR + (1 << 55)])
def test_pointers_of_ppc64_that_lead_nowhere_tell_nothing(tmp_path: Path, pointer: int) -> None:
    dump = on_ppc64(note(b"VMCOREINFO", 0, INFO, "<"), pointer)
    assert dump_identity(file(tmp_path, dump)).build_id is None


@pytest.mark.parametrize("pointer", [0, 0x2104, 0x2FFC, 0x5000, (1 << 64) - 1])
def test_a_lowcore_that_leads_nowhere_tells_nothing(tmp_path: Path, pointer: int) -> None:
    dump = on_s390x(pointer, note(b"VMCOREINFO", 0, INFO, ">"))
    assert dump_identity(file(tmp_path, dump)).build_id is None
