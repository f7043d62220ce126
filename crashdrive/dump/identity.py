"""Which kernel a vmlinux and a dump belong to, found without crash and without reading much of either.

A vmlinux says it by its build id, a dump by the VMCOREINFO note that the dying kernel left: ELF dumps keep it
among their notes, makedumpfile's kdump format behind its header, flattened ones somewhere in their stream.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from crashdrive.dump.elf import ET_CORE, PT_LOAD, PT_NOTE, SHT_NOBITS, SHT_NOTE, BadElfError, ElfFile, Read
from crashdrive.errors import CrashdriveError, DumpError, VmlinuxError
from crashdrive.records import Record
from crashdrive.text import printable

_NT_GNU_BUILD_ID = 3
_NT_AUXV = 6  # only a process's core has it
_ELF_INCOMPLETE = 1  # e_flags of an ELF dump that makedumpfile couldn't finish
_KDUMP_INCOMPLETE = 8  # the same in a kdump header's status
_FLAT_HEADER = 4096
_FLAT_KEPT = 64 << 20  # bytes of a flattened dump's start that are looked at
_MOST_VMCOREINFO = 1 << 20
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
}
# formats that crash reads and that tell nothing here: known, so that they are not refused
_OTHERS = {
    b"DISKDUMP": "diskdump",
    b"\xed\x23\x8f\x61\x73\x01\x19\xa8": "lkcd",
    b"\xa8\x19\x01\x73\x61\x8f\x23\xed": "lkcd",
    b"\xa8\x19\x01\x73\x61\x8f\x23\xfd": "s390",
    b"QEVM": "kvmdump",
    b"\xd2\xbe\xd2\xbe": "vmss",
    b"\xd1\xba\xd1\xba": "vmss",
    b"\xd3\xbe\xd3\xbe": "vmss",
    b"sadump\0\0": "sadump",
}


class VmlinuxIdentity(Record, frozen=True):
    """What a vmlinux says of itself; ``word_size`` in bytes, ``machine`` is ELF's number.

    ``btf``: whether it carries its types for its own use, too.
    """

    path: str
    size: int
    mtime_ns: int
    build_id: str | None
    debug_data: bool
    word_size: int
    machine: int
    btf: bool = False


class DumpIdentity(Record, frozen=True):
    """What a dump's own headers say of it; None is what they don't tell.

    ``format`` is ``elf``, ``kdump`` or another format that crash reads; ``flattened`` where it is a stream
    that wants ``makedumpfile -R``. ``build_id`` in hexadecimal, ``kaslr_offset`` in bytes, ``crash_time`` in
    seconds since 1970 (from VMCOREINFO or the kdump header). ``incomplete`` is True where the file is
    shorter than its headers promise, or is marked so by the program that wrote it. ``vmcoreinfo`` holds the
    note's ``NAME=value`` lines.
    """

    path: str
    format: str
    flattened: bool
    size: int
    mtime_ns: int
    osrelease: str | None = None
    build_id: str | None = None
    kaslr_offset: int | None = None
    crash_time: int | None = None
    dump_level: int | None = None
    incomplete: bool | None = None
    vmcoreinfo: dict[str, str] = msgspec.field(default_factory=dict)


def vmlinux_build_id(path: str | Path) -> str | None:
    """A vmlinux's GNU build id in hexadecimal, None if it has none; VmlinuxError if it is no vmlinux."""
    return vmlinux_identity(path).build_id


def has_debug_data(path: str | Path) -> bool:
    """Whether a vmlinux holds DWARF debug data, without which crash can't use it."""
    return vmlinux_identity(path).debug_data


def vmlinux_identity(path: str | Path) -> VmlinuxIdentity:
    """What a vmlinux says of itself; VmlinuxError if it can't be read or is something else."""
    with _opened(path, VmlinuxError, "vmlinux") as (file, status):
        read = _reader(file)
        _refuse_packed(read(0, 8), path, VmlinuxError)
        if read(0x202, 4) == b"HdrS":
            raise VmlinuxError(
                f"{_shown(path)}: a bootable vmlinuz; what is wanted is vmlinux with debug data"
            )
        with _clear_elf_errors(path, VmlinuxError):
            elf = ElfFile(read)
            sections = {section.name: section for section in elf.sections()}
            if elf.type == ET_CORE:
                raise VmlinuxError(f"{_shown(path)}: a core dump, not a vmlinux")
            debug = sections.get(".debug_info") or sections.get(".zdebug_info")
            last = max((s.offset + s.size for s in sections.values() if s.type != SHT_NOBITS), default=0)
            if last > status.st_size:
                raise BadElfError(f"ends before offset {last}")
            return VmlinuxIdentity(
                path=os.fspath(path),
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                build_id=_build_id(elf),
                debug_data=debug is not None and debug.type != SHT_NOBITS and debug.size > 0,
                word_size=8 if elf.wide else 4,
                machine=elf.machine,
                btf=".BTF" in sections,
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
    """What a dump's headers say of it; DumpError if it can't be read or is no dump of a kernel."""
    with _opened(path, DumpError, "dump") as (file, status):
        read = _reader(file)
        magic = read(0, 16)
        _refuse_packed(magic, path, DumpError)
        flat = magic.startswith(b"makedumpfile\0")
        complete = True
        if flat:
            read, complete = _unflatten(read, status.st_size, path)
        size = status.st_size if stat.S_ISREG(status.st_mode) and not flat else None
        with _clear_elf_errors(path, DumpError):
            facts = _facts(read, size, path)
        base = DumpIdentity(
            path=os.fspath(path),
            format=facts.format,
            flattened=flat,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            incomplete=True if not complete else facts.incomplete,
        )
        return _with_vmcoreinfo(base, facts)


class _Facts(NamedTuple):
    """What the headers of one format tell."""

    format: str
    vmcoreinfo: bytes = b""
    incomplete: bool | None = None
    release: str | None = None
    time: int | None = None
    level: int | None = None


def _facts(read: Read, size: int | None, path: str | Path) -> _Facts:
    magic = read(0, 8)
    if magic.startswith(b"\x7fELF"):
        return _elf_facts(ElfFile(read), size, path)
    if magic == b"KDUMP   ":
        return _kdump_facts(read, size, path)
    for start, name in _OTHERS.items():
        if magic.startswith(start):
            return _Facts(name)
    what = "empty" if not magic else "no dump of a kernel (neither ELF core nor kdump)"
    raise DumpError(f"{_shown(path)}: {what}")


def _with_vmcoreinfo(base: DumpIdentity, facts: _Facts) -> DumpIdentity:
    info = parse_vmcoreinfo(facts.vmcoreinfo)
    build_id = info.get("BUILD-ID", "").lower()
    return msgspec.structs.replace(
        base,
        osrelease=info.get("OSRELEASE") or facts.release,
        build_id=build_id if re.fullmatch(r"[0-9a-f]{8,128}", build_id) else None,
        kaslr_offset=_integer(info.get("KERNELOFFSET"), 16),
        crash_time=_integer(info.get("CRASHTIME"), 10) or facts.time,
        dump_level=facts.level,
        vmcoreinfo=info,
    )


def parse_vmcoreinfo(data: bytes) -> dict[str, str]:
    """The ``NAME=value`` lines of a VMCOREINFO note; what is no such line is left out."""
    lines = data.rstrip(b"\0").decode("utf-8", "backslashreplace").split("\n")
    return {name: value for name, found, value in (line.partition("=") for line in lines) if found and name}


def _integer(text: str | None, base: int) -> int | None:
    return int(text, base) if text and re.fullmatch(r"(?:0x)?[0-9a-fA-F]{1,16}", text) else None


def _elf_facts(elf: ElfFile, size: int | None, path: str | Path) -> _Facts:
    if elf.type != ET_CORE:
        raise DumpError(f"{_shown(path)}: an ELF file, but no core dump (a vmlinux?)")
    segments = elf.segments()
    notes = [n for s in segments if s.type == PT_NOTE for n in elf.notes(s.offset, s.file_size)]
    info = next((n.description for n in notes if n.name == b"VMCOREINFO"), b"")
    if not info and any(n.name == b"CORE" and n.type == _NT_AUXV for n in notes):
        raise DumpError(f"{_shown(path)}: the core dump of a process, not of a kernel")
    end = max((s.offset + s.file_size for s in segments if s.type == PT_LOAD), default=0)
    cut = size is not None and end > size
    return _Facts("elf", info, cut or bool(elf.flags & _ELF_INCOMPLETE))


class _KdumpHeader(NamedTuple):
    order: str
    wide: bool
    version: int
    release: str
    time: int
    status: int
    block_size: int
    sub_blocks: int
    bitmap_blocks: int


def _kdump_header(read: Read, path: str | Path) -> _KdumpHeader:
    """The header that makedumpfile and QEMU write; its word size and byte order show in what is plausible."""
    data = read(0, 464)
    release = data[142:207].split(b"\0")[0].decode("ascii", "backslashreplace")
    if len(data) == 464:
        for order in "<>":
            (version,) = struct.unpack_from(order + "i", data, 8)
            for wide, form, at in ((True, "qqIiiI", 408), (False, "iiIiiI", 404)):
                time, _, status, block, sub, bitmap = struct.unpack_from(order + form, data, at)
                if (
                    0 < version < 100
                    and 512 <= block <= 1 << 18
                    and not block & (block - 1)
                    and 0 < sub < 1 << 20
                ):
                    return _KdumpHeader(order, wide, version, release, time, status, block, sub, bitmap)
    raise DumpError(f"{_shown(path)}: truncated or damaged kdump header")


def _kdump_facts(read: Read, size: int | None, path: str | Path) -> _Facts:
    header = _kdump_header(read, path)
    sub = read(header.block_size, 96)
    if len(sub) < 96:
        raise DumpError(f"{_shown(path)}: truncated in the kdump header")
    level = (
        struct.unpack_from(header.order + "i", sub, 8 if header.wide else 4)[0]
        if header.version >= 1
        else None
    )
    cut = None if size is None else _kdump_is_cut(read, header, size, sub)
    incomplete = True if header.status & _KDUMP_INCOMPLETE else cut
    info = _kdump_vmcoreinfo(read, header, sub) if header.version >= 3 else b""
    return _Facts("kdump", info, incomplete, header.release or None, header.time or None, level)


def _kdump_vmcoreinfo(read: Read, header: _KdumpHeader, sub: bytes) -> bytes:
    # a 32-bit off_t is aligned to 4 on x86, to 8 elsewhere
    places = [("QQ", 32)] if header.wide else [("QI", 20), ("QI", 24)]
    for form, at in places:
        offset, size = struct.unpack_from(header.order + form, sub, at)
        if 0 < size <= _MOST_VMCOREINFO and offset < 1 << 62:
            data = read(offset, size)
            if b"=" in data[:4096]:
                return data
    return b""


def _kdump_is_cut(read: Read, header: _KdumpHeader, size: int, sub: bytes) -> bool | None:
    """Whether the file ends before the last pages whose descriptors it holds; None if that can't be told.

    A descriptor (offset, size, flags: 24 bytes) exists for each bit set in the second bitmap.
    """
    (split,) = struct.unpack_from(header.order + "i", sub, 12 if header.wide else 8)
    if split and header.version >= 2:
        return None  # one of several files: its bitmap is that of all
    half = header.bitmap_blocks * header.block_size // 2
    bitmap_at = (1 + header.sub_blocks) * header.block_size
    table = bitmap_at + 2 * half
    if table > size:
        return True
    count = int.from_bytes(read(bitmap_at + half, half)).bit_count()
    if table + 24 * count > size:
        return True
    last = min(count, 4096)  # the very last may be a shared page of zeros, which lies in front
    descriptors = read(table + 24 * (count - last), 24 * last)
    ends = (
        offset + length for offset, length, _, _ in struct.iter_unpack(header.order + "QIIQ", descriptors)
    )
    return max(ends, default=0) > size


def _unflatten(read: Read, size: int, path: str | Path) -> tuple[Read, bool]:
    """A reader of the start of a flattened dump's contents, and whether its end mark is there.

    The stream is a header of 4,096 bytes, then (offset, length, bytes) in the order of writing, big-endian.
    """
    extents: list[tuple[int, int, int]] = []
    at, ended = _FLAT_HEADER, False
    while at + 16 <= size and not ended:
        offset, length = struct.unpack(">qq", read(at, 16))
        ended = (offset, length) == (-1, -1)
        if not ended and (offset < 0 or length <= 0):
            raise DumpError(f"{_shown(path)}: damaged flattened dump at offset {at}")
        if not ended and offset < _FLAT_KEPT:
            extents.append((offset, length, at + 16))
        at += 16 + length
    return _extent_reader(read, extents), ended


def _extent_reader(read: Read, extents: list[tuple[int, int, int]]) -> Read:
    def read_flat(offset: int, size: int) -> bytes:
        data = bytearray(size)
        reached = 0
        for start, length, at in extents:  # a later write wins
            low, high = max(start, offset), min(start + length, offset + size)
            if low < high:
                piece = read(at + low - start, high - low)
                data[low - offset : low - offset + len(piece)] = piece
                reached = max(reached, low - offset + len(piece))
        return bytes(data[:reached])

    return read_flat


def _reader(file: BinaryIO) -> Read:
    descriptor = file.fileno()

    def read(offset: int, size: int) -> bytes:
        if offset < 0 or offset >= 1 << 63:
            raise BadElfError(f"points to offset {offset}")
        parts = []
        while size > 0 and (part := os.pread(descriptor, min(size, 1 << 26), offset)):
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return b"".join(parts)

    return read


@contextmanager
def _opened(
    path: str | Path, error: Callable[[str], CrashdriveError], what: str
) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    try:
        status = Path(path).stat()  # before open(), which would wait for the writer of a FIFO
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISBLK(status.st_mode):
            raise error(f"{_shown(path)}: no regular file, so not a {what}")
        with Path(path).open("rb") as file:
            yield file, os.fstat(file.fileno())
    except OSError as problem:
        raise error(f"{_shown(path)}: can't be read as a {what}: {problem.strerror}") from problem
    except ValueError as problem:
        raise error(f"{_shown(path)}: no path of a {what}") from problem


@contextmanager
def _clear_elf_errors(path: str | Path, error: Callable[[str], CrashdriveError]) -> Iterator[None]:
    try:
        yield
    except BadElfError as problem:
        raise error(f"{_shown(path)}: {problem}; truncated or not what it should be") from problem


def _refuse_packed(magic: bytes, path: str | Path, error: Callable[[str], CrashdriveError]) -> None:
    for start, name in _PACKED.items():
        if magic.startswith(start):
            raise error(f"{_shown(path)}: packed with {name}; unpack it first")


def _shown(path: str | Path) -> str:
    return printable(os.fspath(path))
