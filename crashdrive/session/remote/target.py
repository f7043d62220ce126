"""From what the user names on another host to what crash is given there, and to what is read of it here."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from crashdrive.cache.files import SETTLED_NS
from crashdrive.cache.store import Store
from crashdrive.dump.contents import sampled
from crashdrive.dump.elf import BadElfError, ElfFile, opened_elf
from crashdrive.dump.find import Target, candidates, check_pair
from crashdrive.dump.host import physical_in_image
from crashdrive.dump.identity import (
    DumpIdentity,
    VmlinuxIdentity,
    dump_identity,
    live_identity,
    read_headers,
    vmlinux_facts,
    vmlinux_identity,
)
from crashdrive.dump.live import LIVE, SOURCES, facts_of, named_source
from crashdrive.errors import DumpError, HostError, VmlinuxError
from crashdrive.records import Record
from crashdrive.session.remote.ahead import PAGE
from crashdrive.session.remote.away import Away
from crashdrive.session.remote.channel import lines_of
from crashdrive.session.remote.files import RemoteFile, Seen, fetch_vmlinux
from crashdrive.session.remote.link import Link
from crashdrive.text import printable

_KIND, _VERSION = "vmlinux-of-hosts", 1
# bytes of all copies together
_LIMIT: Final = 2 << 30
_FIRST: Final = 256 << 10
_HEADERS: Final = 64 << 10
_IMAGE: Final = frozenset({".rodata", ".data", ".bss"})
_MOST_IMAGE: Final = 32 << 20


class _Copied(Record, frozen=True):
    """The copy of a vmlinux: its name among the copies, and whether the original has debug data."""

    name: str
    debug_data: bool


class Copies:
    """What is kept here of files on other hosts: in the store's folder, else as long as this is."""

    def __init__(self, store: Store | None) -> None:
        self.store = store
        if store is not None:
            self.folder = store.directory / "hosts"
        else:
            self.folder = Path(tempfile.mkdtemp(prefix="crashdrive-"))
            weakref.finalize(self, _remove, self.folder, os.getpid())

    def place(self, name: str, kind: str) -> Path:
        """Where a copy is, or will be."""
        return self.folder / name / kind

    def write(self, file: RemoteFile, path: Path, patches: Sequence[tuple[int, bytes]] = ()) -> None:
        """Write one; HostError where that can't be done."""
        try:
            file.copy(path, patches)
            self._shrink(path)
        except OSError as error:
            raise HostError(
                f"what came from another host can't be kept in {str(path.parent)!a}: {error.strerror}"
            ) from error

    def _shrink(self, newest: Path) -> None:
        """The copies that were not used for longest go where there are too many bytes of them."""
        found = [(path.stat(), path) for path in self.folder.glob("*/vm*")]
        excess = sum(status.st_blocks * 512 for status, _ in found) - _LIMIT
        for status, path in sorted(found, key=lambda one: one[0].st_atime):
            if excess > 0 and path != newest:
                shutil.rmtree(path.parent, ignore_errors=True)
                excess -= status.st_blocks * 512

    def settle(self, *marks: str) -> None:
        """Wait until copies that were just made are old enough for what is learnt of them to be kept."""
        if self.store is not None:
            changed = max(int(field) for mark in marks for field in mark.split(":")[-2:])
            time.sleep(min(max(changed + SETTLED_NS - time.time_ns(), 0) / 1e9 + 0.01, SETTLED_NS / 1e9))


def _remove(folder: Path, owner: int) -> None:
    """Remove the copies of who made them, not of a child that was forked."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


class Finder:
    """Finds a pair of files on another host, and reads of them what is read here."""

    def __init__(self, link: Link, copies: Copies) -> None:
        self._link = link
        self._copies = copies

    def find(
        self, vmlinux: str | None, vmcore: str | None, debug_dirs: Sequence[str] = ()
    ) -> tuple[Target, Away]:
        """As `crashdrive.dump.find.find_target`; the paths in what is found are those of copies here."""
        named = [named_source(path) or path for path in (vmlinux, vmcore) if path]
        if not named:
            raise DumpError("no dump was named")
        seen = [self._readable(path, one) for path, one in zip(named, self._link.seen(named), strict=True)]
        if len(seen) == 2 and is_vmlinux(seen[1]) and not is_vmlinux(seen[0]):
            seen.reverse()
        core = seen[-1]
        dump = self._dump(core)
        there = msgspec.structs.replace(dump, path=core.path)
        kernel, found = (
            (seen[0], self._vmlinux(seen[0])) if len(seen) == 2 else self._found(there, debug_dirs)
        )
        names = [self._shown(one.path) for one in (kernel, core)]
        check_pair(
            msgspec.structs.replace(found, path=names[0]), msgspec.structs.replace(dump, path=names[1])
        )
        live = dump.format == LIVE
        self._copies.settle(found.mark, *([] if live else [dump.mark]))
        return Target(vmlinux=found, dump=dump), Away(
            self._link,
            kernel,
            core,
            () if live else _image(found, dump),
            holes=dump.format not in {"elf", LIVE},
            copies=self._copies,
            live=live,
        )

    def _shown(self, path: str) -> str:
        return f"{self._link.host}:{path}"

    def _readable(self, path: str, seen: Seen | None) -> Seen:
        where = printable(self._shown(path))
        if seen is None:
            raise DumpError(f"{where}: no such file there")
        if seen.path in SOURCES[1:]:
            return seen  # a device: crash tells who may read it
        if not seen.regular:
            raise DumpError(f"{where}: no regular file")
        if not seen.readable:
            raise DumpError(f"{where}: may not be read by the user that ssh logs in there")
        if not seen.size:
            raise DumpError(f"{where}: is empty")
        return seen

    def _dump(self, seen: Seen) -> DumpIdentity:
        if seen.path in SOURCES:
            return live_identity(facts_of(seen.path, self._first_bytes))
        path = self._copies.place(_digest(self._link.host.name, seen.path, seen.mark), "vmcore")
        if not path.is_file():
            self._link.notify(f"reading the headers of {self._shown(seen.path)}")
            file = RemoteFile(self._link.channel(), seen)
            file.fetch([(0, _FIRST), *sampled(seen.size)])
            read_headers(file.read, seen.size, self._shown(seen.path))
            self._copies.write(file, path)
        return dump_identity(path)

    def _first_bytes(self, path: str, size: int) -> bytes:
        """The first bytes of a file there; none where there is none, or it can't be read."""
        return self._link.channel().ask("fetch", path, f"1 {size}", "")

    def _vmlinux(self, seen: Seen) -> VmlinuxIdentity:
        """What a vmlinux says of itself, with the path of its copy."""
        key, store = _digest(self._link.host.name, seen.path), self._copies.store
        known: _Copied | None = None
        if store is not None:
            known = store.get(_KIND, key, seen.mark, _Copied, version=_VERSION)
        if known is None or not self._copies.place(known.name, "vmlinux").is_file():
            known = self._copied(seen)
            if store is not None:
                store.put(_KIND, key, seen.mark, known, version=_VERSION)
        copy = vmlinux_identity(self._copies.place(known.name, "vmlinux"))
        return msgspec.structs.replace(copy, debug_data=known.debug_data)

    def _copied(self, seen: Seen) -> _Copied:
        """The copy of a vmlinux: one that is here already, of whatever host, or a new one."""
        file, facts, headers = self._facts(seen)
        # without a build id headers don't tell kernels apart
        own = "" if facts.build_id else _digest(self._link.host.name, seen.path, seen.mark)
        told = headers + f"{facts.size}{own}".encode()
        name = f"{facts.build_id or 'none'}-{hashlib.sha256(told).hexdigest()[:24]}"
        path = self._copies.place(name, "vmlinux")
        if not path.is_file():
            self._link.notify(f"fetching symbols and types of {facts.path}")
            try:
                patches = fetch_vmlinux(file)
            except BadElfError as error:
                raise VmlinuxError(f"{facts.path}: {error}") from error
            self._still(seen)
            self._copies.write(file, path, patches)
        return _Copied(name=name, debug_data=facts.debug_data)

    def _still(self, seen: Seen) -> None:
        """VmlinuxError where a vmlinux is no longer what it was: parts of two are none."""
        (now,) = self._link.seen([seen.path])
        if now is None or now.mark != seen.mark:
            raise VmlinuxError(f"{printable(self._shown(seen.path))}: was changed while it was read")

    def _facts(self, seen: Seen) -> tuple[RemoteFile, VmlinuxIdentity, bytes]:
        """A vmlinux with its headers at hand, what it says of itself, and these headers."""
        file = RemoteFile(self._link.channel(), seen)
        shown = seen.facts._replace(path=printable(self._shown(seen.path)))
        try:
            at = ElfFile(lambda offset, size: seen.head[offset : offset + size]).headers_at()
        except BadElfError as error:
            raise VmlinuxError(f"{shown.path}: {error}") from error
        # names of sections lie in front of their headers
        ranges = [(0, _HEADERS), (max(at - _HEADERS, 0), 2 * _HEADERS)]
        file.fetch(ranges)
        return file, vmlinux_facts(file.read, shown), b"".join(file.read(*part) for part in ranges)

    def _found(self, dump: DumpIdentity, debug_dirs: Sequence[str]) -> tuple[Seen, VmlinuxIdentity]:
        """The vmlinux with the build id of a dump, whose path is that there.

        At the usual places there, then anywhere in these folders.
        """
        looked = [str(path) for path in candidates(dump, debug_dirs)]
        if (found := self._fitting(looked, dump)) is not None:
            return found
        if debug_dirs:
            deep = self._link.ask("kernels", *lines_of(debug_dirs))
            if (found := self._fitting([path for path in deep if path not in looked], dump)) is not None:
                return found
        places = ", ".join(map(printable, [*looked, *(f"{folder}/**/vmlinux*" for folder in debug_dirs)]))
        raise VmlinuxError(
            f"no vmlinux on {self._link.host} for the dump (kernel {dump.osrelease or 'unknown'}, build id "
            f"{dump.build_id or 'unknown'}): looked for {places or 'nothing, as the dump names no kernel'}; "
            "name it, or its folder by --debug-dir"
        )

    def _fitting(self, paths: Sequence[str], dump: DumpIdentity) -> tuple[Seen, VmlinuxIdentity] | None:
        for seen in self._link.seen(paths) if paths else []:
            if seen is None or not seen.regular or not seen.readable:
                continue
            with contextlib.suppress(VmlinuxError):
                found = self._vmlinux(seen) if not dump.build_id else self._of_build(seen, dump.build_id)
                if found is not None and found.debug_data:
                    return seen, found
        return None

    def _of_build(self, seen: Seen, build_id: str) -> VmlinuxIdentity | None:
        """A vmlinux if it is of this build."""
        if self._facts(seen)[1].build_id != build_id:
            return None
        return self._vmlinux(seen)


def _image(vmlinux: VmlinuxIdentity, dump: DumpIdentity) -> tuple[tuple[int, int], ...]:
    """Where in physical memory the kernel's own data lie, in whole pages; empty where that isn't known."""
    with Path(vmlinux.path).open("rb") as file:
        sections = [part for part in opened_elf(file.fileno()).sections() if part.name in _IMAGE]
    found = []
    for part in sections:
        place = physical_in_image(dump.vmcoreinfo, part.address)
        if place is not None and 0 <= place < 1 << 52 and 0 < part.size < _MOST_IMAGE:
            first = place & -PAGE
            found.append((first, (place + part.size - first + PAGE - 1) & -PAGE))
    return tuple(found)


def is_vmlinux(seen: Seen) -> bool:
    """Whether it is an ELF file other than a core dump."""
    return seen.head[:4] == b"\x7fELF" and seen.head[16:18] not in {b"\4\0", b"\0\4"}


def kind_of(seen: Seen | None) -> str:
    """What a file there plainly is: ``vmlinux``, ``dump``, ``other`` or ``missing``."""
    if seen is None:
        return "missing"
    if is_vmlinux(seen) or seen.head[0x202:0x206] == b"HdrS":
        return "vmlinux"
    dump = seen.head.startswith((b"\x7fELF", b"KDUMP   ", b"DISKDUMP", b"makedumpfile\0"))
    return "dump" if dump else "other"


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()[:32]
