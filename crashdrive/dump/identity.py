"""Which kernel a vmlinux and a dump belong to, found without crash and without reading much of either.

A vmlinux says it by its build id, a dump by the VMCOREINFO note that the dying kernel left: ELF dumps keep it
among their notes, makedumpfile's kdump format behind its header, flattened ones somewhere in their stream.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from crashdrive.dump import linear_map, lowcore
from crashdrive.dump.contents import file_mark
from crashdrive.dump.elf import (
    ET_CORE,
    PT_LOAD,
    PT_NOTE,
    SHT_NOBITS,
    SHT_NOTE,
    BadElfError,
    ElfFile,
    Note,
    Read,
    notes_in,
)
from crashdrive.dump.files import clear_elf_errors, opened, reader, refuse_packed, shown
from crashdrive.dump.flattened import unflatten
from crashdrive.dump.host import host_in_image, host_in_memory, is_image
from crashdrive.dump.image import vmcoreinfo_in_memory
from crashdrive.dump.kdump import (
    INCOMPLETE,
    KdumpHeader,
    kdump_header,
    kdump_is_cut,
    kdump_notes,
    kdump_vmcoreinfo,
)
from crashdrive.dump.live import LIVE, SOURCES, LiveFacts, live_facts, live_source
from crashdrive.dump.machines import number_of
from crashdrive.dump.vmcoreinfo import parse_vmcoreinfo
from crashdrive.errors import DumpError, VmlinuxError
from crashdrive.records import Record

_NT_GNU_BUILD_ID = 3
_NT_PRSTATUS = 1
_NT_AUXV = 6  # only a process's core has it
_NT_TASKSTRUCT = 4  # /proc/kcore has it, whose size is that of the kernel's address space
_ADDRESS_SPACE = 1 << 41
_KDUMP = b"KDUMP   "
_KVM, _RAW = "kvmdump", "raw"
NOTELESS = frozenset({_KVM, _RAW})
"""Formats without notes: VMCOREINFO is looked for in memory, and crash is told where the kernel lies."""
_LED_BY_MEMORY = frozenset({lowcore.MACHINE, linear_map.MACHINE})
_LEAST_IMAGE = 16 << 20  # bytes of memory in which a kernel runs
_ELF_INCOMPLETE = 1  # e_flags of an ELF dump that makedumpfile couldn't finish
# formats that crash reads and that tell nothing here: known, so that they are not refused
_OTHERS = {
    b"DISKDUMP": "diskdump",
    b"\xed\x23\x8f\x61\x73\x01\x19\xa8": "lkcd",
    b"\xa8\x19\x01\x73\x61\x8f\x23\xed": "lkcd",
    b"\xa8\x19\x01\x73\x61\x8f\x23\xfd": "s390",
    b"QEVM": _KVM,
    b"LibvirtQ": _KVM,
    b"\xd2\xbe\xd2\xbe": "vmss",
    b"\xd1\xba\xd1\xba": "vmss",
    b"\xd3\xbe\xd3\xbe": "vmss",
    b"sadump\0\0": "sadump",
}


class VmlinuxIdentity(Record, frozen=True):
    """What a vmlinux says of itself; ``word_size`` in bytes, ``machine`` is ELF's number.

    ``btf``: whether it carries its types for its own use, too; ``mark`` as `file_mark` has it.
    """

    path: str
    size: int
    mtime_ns: int
    build_id: str | None
    debug_data: bool
    word_size: int
    machine: int
    btf: bool = False
    mark: str = ""


class DumpIdentity(Record, frozen=True):
    """What a dump's own headers say of it; None is what they don't tell.

    ``format`` is ``elf``, ``kdump`` or another format that crash reads, ``live`` for a kernel that runs
    (``mark`` is its boot then, ``banner`` its /proc/version); ``flattened`` where it is a stream that wants
    ``makedumpfile -R``. ``host``: the machine's name. ``build_id`` in hexadecimal, ``kaslr_offset`` in bytes,
    ``crash_time`` in seconds since 1970 (from VMCOREINFO or the kdump header).
    ``incomplete`` is True where the file is shorter than its headers promise, or is marked so by the
    program that wrote it. ``vmcoreinfo`` holds the note's ``NAME=value`` lines; ``mark`` as `file_mark` has
    it. ``machine``: ELF's number of the architecture.
    """

    path: str
    format: str
    flattened: bool
    size: int
    mtime_ns: int
    osrelease: str | None = None
    host: str | None = None
    build_id: str | None = None
    kaslr_offset: int | None = None
    crash_time: int | None = None
    dump_level: int | None = None
    incomplete: bool | None = None
    vmcoreinfo: dict[str, str] = msgspec.field(default_factory=dict)
    mark: str = ""
    machine: int | None = None
    banner: str | None = None


def vmlinux_build_id(path: str | Path) -> str | None:
    """A vmlinux's GNU build id in hexadecimal, None if it has none; VmlinuxError if it is no vmlinux."""
    return vmlinux_identity(path).build_id


def vmlinux_identity(path: str | Path) -> VmlinuxIdentity:
    """What a vmlinux says of itself; VmlinuxError if it can't be read or is something else."""
    with opened(path, VmlinuxError, "vmlinux") as (file, status):
        found = FileFacts(os.fspath(path), status.st_size, status.st_mtime_ns, file_mark(status))
        return vmlinux_facts(reader(file), found)


class FileFacts(NamedTuple):
    """A file as stat has it: ``size`` in bytes, ``mark`` as `file_mark` has it."""

    path: str
    size: int
    mtime_ns: int
    mark: str


def vmlinux_facts(read: Read, file: FileFacts) -> VmlinuxIdentity:
    """As `vmlinux_identity`, of a file that is read through a function, wherever it is."""
    path = file.path
    refuse_packed(read(0, 8), path, VmlinuxError)
    if read(0x202, 4) == b"HdrS":
        raise VmlinuxError(f"{shown(path)}: a bootable vmlinuz; what is wanted is vmlinux with debug data")
    with clear_elf_errors(path, VmlinuxError):
        elf = ElfFile(read)
        sections = {section.name: section for section in elf.sections()}
        if elf.type == ET_CORE:
            raise VmlinuxError(f"{shown(path)}: a core dump, not a vmlinux")
        debug = sections.get(".debug_info") or sections.get(".zdebug_info")
        last = max((s.offset + s.size for s in sections.values() if s.type != SHT_NOBITS), default=0)
        if last > file.size:
            raise BadElfError(f"ends before offset {last}")
        return VmlinuxIdentity(
            path=path,
            size=file.size,
            mtime_ns=file.mtime_ns,
            build_id=_build_id(elf),
            debug_data=debug is not None and debug.type != SHT_NOBITS and debug.size > 0,
            word_size=8 if elf.wide else 4,
            machine=elf.machine,
            btf=".BTF" in sections,
            mark=file.mark,
        )


def _build_id(elf: ElfFile) -> str | None:
    places = [(s.offset, s.size) for s in elf.sections() if s.type == SHT_NOTE]
    places += [(s.offset, s.file_size) for s in elf.segments() if s.type == PT_NOTE]
    for offset, size in places:
        for note in elf.notes(offset, size):
            if note.name == b"GNU" and note.type == _NT_GNU_BUILD_ID and note.description:
                return note.description.hex()
    return None


def dump_identity(path: str | Path) -> DumpIdentity:
    """What a dump's headers say of it; DumpError if it can't be read or is no dump of a kernel.

    Of a live kernel what that says of itself.
    """
    if (source := live_source(path)) is not None:
        return live_identity(live_facts(source))
    with _opened_dump(path) as (read, status, flat, complete):
        size = status.st_size if stat.S_ISREG(status.st_mode) and not flat else None
        facts = _facts(read, size, path)
        base = DumpIdentity(
            path=os.fspath(path),
            format=facts.format,
            flattened=flat,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            incomplete=True if not complete else facts.incomplete,
            mark=file_mark(status),
        )
        return _with_vmcoreinfo(base, facts)


def is_told_by_headers(identity: DumpIdentity) -> bool:
    """Whether a dump's headers and notes are all that tells of it, or its memory has to be looked at, too."""
    lacking = identity.machine in _LED_BY_MEMORY and not identity.vmcoreinfo
    return identity.format not in NOTELESS and not lacking


def live_identity(found: LiveFacts) -> DumpIdentity:
    """A live kernel in a dump's place; its build id is that of the kernel's own notes."""
    base = DumpIdentity(
        path=found.path, format=LIVE, flattened=False, size=0, mtime_ns=0, mark=f"boot {found.boot}",
        banner=found.version,
    )  # fmt: skip
    told = _with_vmcoreinfo(
        base, _Facts(LIVE, found.vmcoreinfo, release=found.release, host=found.host, machine=found.machine)
    )
    return msgspec.structs.replace(
        told, build_id=found.build_id or told.build_id, crash_time=None, incomplete=None
    )


def read_headers(read: Read, size: int, path: str) -> None:
    """Read all that `dump_identity` and `cpu_notes` look at, of a dump that is read through a function.

    DumpError for what is no dump of a kernel, and for one whose headers don't tell all of that.
    """
    magic = read(0, 16)
    refuse_packed(magic, path, DumpError)
    if magic.startswith(b"makedumpfile\0"):
        raise DumpError(
            f"{shown(path)}: flattened; there `makedumpfile -R NEW <{shown(path)}` gives a plain one"
        )
    if not magic.startswith((b"\x7fELF", _KDUMP)):
        known = any(magic.startswith(start) for start in _OTHERS)
        what = "a dump without notes" if known else "no dump of a kernel (neither ELF core nor kdump)"
        raise DumpError(f"{shown(path)}: {what}; on another host ELF dumps and kdump's are read")
    with clear_elf_errors(path, DumpError):
        _facts(read, size, path)
        _notes(read, path)


class CpuNotes(NamedTuple):
    """The ``struct elf_prstatus`` of CPUs in a dump's headers, in the file's order, in its byte order.

    ``hypervisor``: QEMU wrote one for each CPU. Of those that the kernel itself saved for kdump there is none
    for a CPU that couldn't be stopped, and nothing in them tells which CPU is whose.
    """

    found: tuple[bytes, ...]
    hypervisor: bool


def cpu_notes(path: str | Path) -> CpuNotes:
    """Notes of CPUs in a dump's headers; none where its format has none that are known here.

    DumpError if it can't be read or is no dump of a kernel. Of a live kernel there are none: its CPUs run.
    """
    if live_source(path) is not None:
        return CpuNotes((), hypervisor=False)
    with _opened_dump(path) as (read, _, _, _):
        notes = _notes(read, path)
    found = tuple(n.description for n in notes if n.name == b"CORE" and n.type == _NT_PRSTATUS)
    return CpuNotes(found, hypervisor=any(note.name == b"QEMU" for note in notes))


def _notes(read: Read, path: str | Path) -> list[Note]:
    """The notes in a dump's headers."""
    magic = read(0, 8)
    if magic.startswith(b"\x7fELF"):
        return ElfFile(read).notes_of_segments()
    if magic != _KDUMP:
        return []
    header = kdump_header(read, path)
    return list(notes_in(kdump_notes(read, header, _sub_header(read, header, path)), header.order))


class _OpenDump(NamedTuple):
    """A dump's contents, as far as headers go; ``complete`` is False where a flattened one has no end."""

    read: Read
    status: os.stat_result
    flat: bool
    complete: bool


@contextmanager
def _opened_dump(path: str | Path) -> Iterator[_OpenDump]:
    with opened(path, DumpError, "dump") as (file, status):
        read, complete = reader(file), True
        magic = read(0, 16)
        refuse_packed(magic, path, DumpError)
        flat = magic.startswith(b"makedumpfile\0")
        if flat:
            read, complete = unflatten(read, status.st_size, path)
        with clear_elf_errors(path, DumpError):
            yield _OpenDump(read, status, flat, complete)


class _Facts(NamedTuple):
    """What the headers of one format tell."""

    format: str
    vmcoreinfo: bytes = b""
    incomplete: bool | None = None
    release: str | None = None
    time: int | None = None
    level: int | None = None
    host: str | None = None
    machine: int | None = None


def _facts(read: Read, size: int | None, path: str | Path) -> _Facts:
    magic = read(0, 8)
    if magic.startswith(b"\x7fELF"):
        return _elf_facts(ElfFile(read), read, size, path)
    if magic == _KDUMP:
        return _kdump_facts(read, size, path)
    for start, name in _OTHERS.items():
        if magic.startswith(start):
            return _memory_facts(name, read, path) if name == _KVM else _Facts(name)
    if size is not None and size >= _LEAST_IMAGE:
        return _image_facts(read, path)
    what = "empty" if not magic else "no dump of a kernel (neither ELF core nor kdump)"
    raise DumpError(f"{shown(path)}: {what}")


def _image_facts(read: Read, path: str | Path) -> _Facts:
    """Of memory without any header, as QEMU's ``pmemsave 0`` writes it: VMCOREINFO in it tells what it is."""
    texts = vmcoreinfo_in_memory(read)
    if not texts:
        raise DumpError(f"{shown(path)}: no dump of a kernel (neither ELF core nor kdump)")
    known = [parse_vmcoreinfo(text) for text in texts]
    if len(known) > 1:
        told = " and ".join(f"{info['OSRELEASE']} at {info['KERNELOFFSET']}" for info in known)
        raise DumpError(f"{shown(path)}: a raw image of memory that several kernels were in: {told}")
    if not is_image(read, known[0]):
        told = "a raw image of memory that doesn't begin at address 0, or in which another kernel runs"
        raise DumpError(f"{shown(path)}: {told}")
    return _Facts(_RAW, texts[0], host=host_in_image(read, known[0]))


def _memory_facts(name: str, read: Read, path: str | Path) -> _Facts:
    """Of what QEMU saved for itself, or libvirt with its own header in front (struct virQEMUSaveHeader).

    Where several kernels have left their texts none is believed, and crash isn't told where one lies.
    """
    header = read(0, 32)
    if header.startswith(b"LibvirtQemudSave") and header[28:] != bytes(4):
        raise DumpError(f'{shown(path)}: packed by libvirt; save_image_format = "raw" leaves it plain')
    texts = vmcoreinfo_in_memory(read)
    return _Facts(name, texts[0] if len(texts) == 1 else b"")


def _with_vmcoreinfo(base: DumpIdentity, facts: _Facts) -> DumpIdentity:
    info = parse_vmcoreinfo(facts.vmcoreinfo)
    build_id = info.get("BUILD-ID", "").lower()
    return msgspec.structs.replace(
        base,
        osrelease=info.get("OSRELEASE") or facts.release,
        host=facts.host,
        build_id=build_id if re.fullmatch(r"[0-9a-f]{8,128}", build_id) else None,
        kaslr_offset=_integer(info.get("KERNELOFFSET"), 16),
        crash_time=_integer(info.get("CRASHTIME"), 10) or facts.time,
        dump_level=facts.level,
        machine=facts.machine,
        vmcoreinfo=info,
    )


def _integer(text: str | None, base: int) -> int | None:
    return int(text, base) if text and re.fullmatch(r"(?:0x)?[0-9a-fA-F]{1,16}", text) else None


def _elf_facts(elf: ElfFile, read: Read, size: int | None, path: str | Path) -> _Facts:
    if elf.type != ET_CORE:
        raise DumpError(f"{shown(path)}: an ELF file, but no core dump (a vmlinux?)")
    segments = elf.segments()
    notes = elf.notes_of_segments()
    info = next((n.description for n in notes if n.name == b"VMCOREINFO"), b"")
    if not info and any(n.name == b"CORE" and n.type == _NT_AUXV for n in notes):
        raise DumpError(f"{shown(path)}: the core dump of a process, not of a kernel")
    if (size or 0) >= _ADDRESS_SPACE and any(n.name == b"CORE" and n.type == _NT_TASKSTRUCT for n in notes):
        raise DumpError(f"{shown(path)}: a live kernel's memory by another name: name it {SOURCES[0]}")
    if not info and elf.machine == lowcore.MACHINE:
        info = lowcore.vmcoreinfo_of_lowcore(read, segments)
    if not info and elf.machine == linear_map.MACHINE:
        info, order = linear_map.vmcoreinfo_by_pointer(read, segments)
        if order not in {"", elf.order}:
            told = "headers of another byte order than its kernel's, as QEMU writes them under TCG"
            raise DumpError(f"{shown(path)}: {told}: no crash reads such a dump")
    end = max((s.offset + s.file_size for s in segments if s.type == PT_LOAD), default=0)
    cut = size is not None and end > size
    host = host_in_memory(read, segments, parse_vmcoreinfo(info))
    incomplete = cut or bool(elf.flags & _ELF_INCOMPLETE)
    return _Facts("elf", info, incomplete, host=host, machine=elf.machine)


def _kdump_facts(read: Read, size: int | None, path: str | Path) -> _Facts:
    header = kdump_header(read, path)
    sub = _sub_header(read, header, path)
    level = (
        struct.unpack_from(header.order + "i", sub, 8 if header.wide else 4)[0]
        if header.version >= 1
        else None
    )
    cut = None if size is None else kdump_is_cut(read, header, size, sub)
    incomplete = True if header.status & INCOMPLETE else cut
    info = kdump_vmcoreinfo(read, header, sub) if header.version >= 3 else b""
    return _Facts(
        format="kdump",
        vmcoreinfo=info,
        incomplete=incomplete,
        release=header.release or None,
        time=header.time or None,
        level=level,
        host=header.host,
        machine=number_of(header.machine),
    )


def _sub_header(read: Read, header: KdumpHeader, path: str | Path) -> bytes:
    sub = read(header.block_size, 96)
    if len(sub) < 96:
        raise DumpError(f"{shown(path)}: truncated in the kdump header")
    return sub
