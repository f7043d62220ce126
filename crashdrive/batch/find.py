"""Which dumps a command line means: folders, patterns, lists; each dump once, and what is wrong with some.

What a file is, its content tells. In a folder that is named, all files below it are looked at; those that
are no dumps are counted and left alone, unless they are named as dumps are.
"""

from __future__ import annotations

import csv
import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import msgspec

from crashdrive.batch.unpack import HEAD, begin_of, head_of, is_packed, unpacked_file
from crashdrive.dump.contents import content_sample, current_mark
from crashdrive.dump.find import find_vmlinux
from crashdrive.dump.identity import DumpIdentity, dump_identity, is_told_by_headers
from crashdrive.dump.kernels import Kernels
from crashdrive.dump.live import LIVE, live_source
from crashdrive.dump.split import SplitPart, missing_pages, split_part
from crashdrive.errors import DumpError, UsageError, VmlinuxError
from crashdrive.text import printable

_MAGICS = (
    b"KDUMP   ", b"DISKDUMP", b"makedumpfile\0", b"QEVM", b"LibvirtQemudSave", b"sadump\0\0",
    b"\xed\x23\x8f\x61\x73\x01\x19\xa8",
    b"\xa8\x19\x01\x73\x61\x8f\x23\xed", b"\xa8\x19\x01\x73\x61\x8f\x23\xfd", b"\xd2\xbe\xd2\xbe",
    b"\xd1\xba\xd1\xba", b"\xd3\xbe\xd3\xbe",
)  # fmt: skip
_ELF, _ET_CORE = b"\x7fELF", 4
# what kdump's scripts, QEMU and people call dumps
_NAMED = re.compile(r"vmcore(?!-dmesg)|^dump\.\d|\.(?:kdump|vmcore|core\.flat)$", re.IGNORECASE)
_NO_DUMP = re.compile(r"\.(?:txt|log|json|jsonl|xml|html|md|sh|py|conf|sha\d+|md5|sig|asc)$", re.IGNORECASE)
_BEGIN = 20  # bytes that tell what a file is
# bytes that tell whether an ELF core is a process's: it says so right behind the headers of its segments,
# 65535 at most; a folder may have many such, and each search looks at all of them
_NOTES = 8 << 20
_PATTERN = re.compile(r"[*?\[]")
_DEEPEST = 32
_LIST_COLUMNS = ("vmcore", "vmlinux", "host")
_RUNS = "a kernel that runs: a batch is of dumps"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A dump, or what was taken for one.

    ``id`` is of its content: a dump under two names has one. ``also``: its other names. ``parts``: all
    files of one that ``makedumpfile --split`` wrote, the one that ``path`` names first. ``trouble``: why
    it can't be triaged, with ``trouble_kind`` in one word. ``host``: what a list says of it, else its
    headers. ``instead``: the id that this path had while its file was still cut or no dump.
    """

    id: str
    path: str
    mark: str = ""
    also: tuple[str, ...] = ()
    size: int = 0
    format: str | None = None
    release: str | None = None
    build_id: str | None = None
    crash_time: int | None = None
    incomplete: bool | None = None
    packed: bool = False
    parts: tuple[str, ...] = ()
    vmlinux: str | None = None
    host: str | None = None
    trouble: str | None = None
    trouble_kind: str | None = None
    instead: str | None = None


class Search(NamedTuple):
    """What was found; ``others``: how many files in folders are no dumps."""

    dumps: list[Found]
    others: int


class _Named(NamedTuple):
    """A path that the user or a list named, or that lies in a folder (``explicit`` is False then)."""

    path: str
    explicit: bool
    vmlinux: str | None = None
    host: str | None = None


def find_dumps(
    words: Sequence[str],
    debug_dirs: Sequence[str] = (),
    known: Mapping[str, Found] | None = None,
    fetch: Callable[[str], str] | None = None,
    *,
    may_lack: bool = False,
) -> Search:
    """All dumps that the words mean; UsageError for a word that means none.

    ``known``: what is known of paths, used where the file is the same as then. ``fetch``: gives the path of
    the kernel with a build id that is nowhere on this machine, or raises VmlinuxError. ``may_lack``: a
    pattern may mean no file as yet.
    """
    finder = _Finder(debug_dirs, known or {}, fetch)
    for word in words:
        if (source := live_source(word)) is not None:
            raise UsageError(f"{source} is {_RUNS}")
        for named in _expanded(word, may_lack=may_lack):
            finder.take(named)
    return Search(_joined(list(finder.found.values())), finder.others)


def _joined(found: Sequence[Found]) -> list[Found]:
    """The dumps, those in several files as one each."""
    split: dict[str, list[tuple[SplitPart, Found]]] = {}
    whole = []
    ids = {one.id for one in found}
    for each in found:
        # another path has what this one had
        one = msgspec.structs.replace(each, instead=None) if each.instead in ids else each
        part = _part_of(one)
        if part is None:
            whole.append(one)
        else:
            split.setdefault(part.whose, []).append((part, one))
    return [*whole, *map(_of_parts, split.values())]


def _part_of(one: Found) -> SplitPart | None:
    """What a file has of a dump in several: its headers leave open whether it is complete."""
    if one.format != "kdump" or one.incomplete is not None or one.packed:
        return None
    try:
        return split_part(one.path)
    except DumpError:
        return None


def _of_parts(members: list[tuple[SplitPart, Found]]) -> Found:
    members.sort(key=lambda member: (member[0].first, member[0].end, member[1].path))
    parts = [part for part, _ in members]
    one = msgspec.structs.replace(
        members[0][1],
        parts=tuple(part.path for part in parts),
        also=tuple(path for _, each in members for path in each.also),
        size=sum(each.size for _, each in members),
    )
    missing = missing_pages(parts)
    if missing is None:
        return one
    told = f"{printable(one.path)}: one of several files (makedumpfile --split): frames {missing} are in none"
    return msgspec.structs.replace(one, trouble=told, trouble_kind="no-part")


class _Finder:
    def __init__(
        self, debug_dirs: Sequence[str], known: Mapping[str, Found], fetch: Callable[[str], str] | None
    ) -> None:
        self._fetch = fetch
        self._debug_dirs = tuple(debug_dirs)
        self._known = known
        self._kernels = Kernels(debug_dirs)
        self._paths: set[str] = set()
        self.found: dict[str, Found] = {}
        self.others = 0

    def take(self, named: _Named) -> None:
        path = os.path.abspath(named.path)  # noqa: PTH100 - links stay as they are named
        if path in self._paths:
            return
        self._paths.add(path)
        if not named.explicit and not is_likely(path):
            self.others += 1
            return
        one = self._examined(path, named)
        before = self.found.get(one.id)
        if before is not None:
            one = msgspec.structs.replace(before, also=(*before.also, path))
        self.found[one.id] = one

    def _examined(self, path: str, named: _Named) -> Found:
        mark = current_mark(path)
        known = self._known.get(path)
        if known is not None and mark is not None and known.mark == mark:
            one = msgspec.structs.replace(known, also=(), host=named.host or known.host)
            if one.parts:
                one = msgspec.structs.replace(one, parts=(), size=Path(path).stat().st_size)
            if one.trouble_kind == "no-part":
                one = msgspec.structs.replace(one, trouble=None, trouble_kind=None)
            if one.trouble_kind not in {None, "no-vmlinux"}:
                return one
            if one.vmlinux and current_mark(one.vmlinux) and not named.vmlinux:
                return one
        else:
            one = examined(path, mark)
            if known is not None and known.id != one.id and (known.trouble or known.incomplete):
                one = msgspec.structs.replace(one, instead=known.id)
        if one.trouble_kind in {None, "no-vmlinux"}:
            one = self._with_kernel(one, named.vmlinux)
        return msgspec.structs.replace(one, host=named.host or one.host)

    def _with_kernel(self, one: Found, vmlinux: str | None) -> Found:
        if vmlinux is not None:
            return msgspec.structs.replace(one, vmlinux=vmlinux, trouble=None, trouble_kind=None)
        try:
            kernel = find_vmlinux(_identity_of(one), self._debug_dirs, self._kernels)
            path = kernel.path
        except VmlinuxError as error:
            told = str(error)
            try:
                path = self._fetched(one.build_id)
            except VmlinuxError as other:
                told = "; ".join(filter(None, (told, str(other))))
                return msgspec.structs.replace(one, vmlinux=None, trouble=told, trouble_kind="no-vmlinux")
        return msgspec.structs.replace(one, vmlinux=path, trouble=None, trouble_kind=None)

    def _fetched(self, build_id: str | None) -> str:
        if self._fetch is None or build_id is None:
            raise VmlinuxError("")
        return self._fetch(build_id)


def _identity_of(one: Found) -> DumpIdentity:
    return DumpIdentity(
        path=one.path, format=one.format or "", flattened=False, size=one.size, mtime_ns=0,
        osrelease=one.release, build_id=one.build_id,
    )  # fmt: skip


def examined(path: str, mark: str | None = None) -> Found:
    """A file as its headers tell it; its kernel isn't looked for. Of a packed one, those of what is in it."""
    packed = is_packed(path)
    try:
        identity = _packed_identity(path) if packed else dump_identity(path)
        if identity.format == LIVE:
            return _troubled(path, f"{printable(path)}: {_RUNS}", "no-dump", mark)
        if not identity.size:
            return _troubled(path, f"{printable(path)}: empty", "no-dump", mark)
        sample = content_sample(path)
    except DumpError as error:
        return _troubled(path, str(error), "no-dump", mark)
    except OSError as error:
        return _troubled(path, f"{printable(path)}: {error.strerror}", "no-dump", mark)
    return Found(
        id=sample[:16],
        path=path,
        mark=mark or "",
        size=Path(path).stat().st_size,
        format=identity.format,
        release=identity.osrelease,
        build_id=identity.build_id,
        host=identity.host,
        crash_time=identity.crash_time,
        incomplete=None if packed else identity.incomplete,
        packed=packed,
    )


def _packed_identity(path: str) -> DumpIdentity:
    """What is in a packed file: its beginning tells, but of memory without notes all is looked at."""
    with head_of(path) as head:
        try:
            identity = dump_identity(head)
        except DumpError as error:
            if Path(head).stat().st_size < HEAD:
                raise DumpError(str(error).replace(head, printable(path))) from error
        else:
            if is_told_by_headers(identity):
                return identity
    with unpacked_file(path) as whole:
        try:
            return dump_identity(whole)
        except DumpError as error:
            raise DumpError(str(error).replace(whole, printable(path))) from error


def _troubled(path: str, trouble: str, kind: str, mark: str | None) -> Found:
    try:
        size = Path(path).stat().st_size
        content = content_sample(path) if size and Path(path).is_file() else os.fspath(path)
    except (OSError, ValueError):
        size, content = 0, path
    digest = hashlib.sha256(f"no dump\0{content}".encode("utf-8", "surrogateescape"))
    return Found(
        id=digest.hexdigest()[:16], path=path, mark=mark or "", size=size, trouble=trouble, trouble_kind=kind
    )


def _expanded(word: str, *, may_lack: bool) -> Iterator[_Named]:
    """The files that a word means: those of a list, of a folder, of a pattern, or the file itself."""
    if word.startswith("@"):
        yield from _listed(word[1:])
    elif os.path.lexists(word):
        yield from _of_path(word)
    elif _PATTERN.search(word):
        matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 - a pattern may be absolute
        if not matches and not may_lack:
            raise UsageError(f"{word!a}: no file is named so")
        for path in matches:
            yield from _of_path(path)
    else:
        raise UsageError(f"{word!a}: no such file or folder")


def _of_path(path: str) -> Iterator[_Named]:
    if Path(path).is_dir():
        yield from (_Named(one, explicit=False) for one in files_below(path))
    else:
        yield _Named(path, explicit=True)


def files_below(folder: str) -> Iterator[str]:
    """All regular files below a folder; links are followed, circles of links are not."""
    seen: set[tuple[int, int]] = set()
    places = [(folder, 0)]
    while places:
        place, depth = places.pop()
        try:
            status = os.stat(place)  # noqa: PTH116 - names of any bytes
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in seen or depth > _DEEPEST:
            continue
        seen.add((status.st_dev, status.st_ino))
        folders = []
        for entry in entries:
            if _is_folder(entry):
                folders.append((entry.path, depth + 1))
            elif Path(entry.path).is_file() or _dangles(entry):
                yield entry.path
        places.extend(reversed(folders))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _dangles(entry: os.DirEntry[str]) -> bool:
    """A link to nothing, or to itself, that is named as a dump is: somebody wants to know."""
    return entry.is_symlink() and not Path(entry.path).exists() and _is_named(entry.name)


def _is_named(name: str) -> bool:
    return bool(_NAMED.search(name)) and not _NO_DUMP.search(name)


def is_likely(path: str) -> bool:
    """Whether a file in a folder is to be taken for a dump: by its first bytes, or by its name."""
    if _is_named(Path(path).name):
        return True
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - names of any bytes
            head = file.read(_BEGIN)
    except OSError:
        return False
    packed = is_packed(path)
    if packed:
        head = begin_of(path, _BEGIN)
    if head.startswith(_ELF):
        kind = int.from_bytes(head[16:18], "big" if head[5:6] == b"\x02" else "little")
        return kind == _ET_CORE and _is_kernels(path, packed=packed)
    return head.startswith(_MAGICS)


def _is_kernels(path: str, *, packed: bool) -> bool:
    """Whether an ELF core is a kernel's; that of a process is nothing to tell."""
    try:
        with head_of(path, _NOTES) if packed else nullcontext(path) as plain:
            dump_identity(plain)
    except DumpError as error:
        return "of a process" not in str(error)
    return True


def _listed(name: str) -> Iterator[_Named]:
    """Paths of a list, one a line, relative to the list; ``#`` begins a comment. ``.csv``: with columns."""
    try:
        with open(name, encoding="utf-8", errors="surrogateescape", newline="") as file:  # noqa: PTH123
            lines = file.read().splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"list {name!a}: {getattr(error, 'strerror', None) or error}") from error
    home = Path(name).absolute().parent
    rows = _csv_rows(name, lines) if name.endswith(".csv") else _plain_rows(lines)
    for path, vmlinux, host in rows:
        place = os.fspath(home / path)
        kernel = os.fspath(home / vmlinux) if vmlinux else None
        if Path(place).is_dir():
            for one in files_below(place):
                yield _Named(one, explicit=False, vmlinux=kernel, host=host)
        else:
            yield _Named(place, explicit=True, vmlinux=kernel, host=host)


def _plain_rows(lines: Iterable[str]) -> Iterator[tuple[str, str | None, str | None]]:
    for line in lines:
        if (text := line.strip()) and not text.startswith("#"):
            yield text, None, None


def _csv_rows(name: str, lines: Sequence[str]) -> Iterator[tuple[str, str | None, str | None]]:
    rows = csv.DictReader(lines)
    heads = rows.fieldnames or ()
    if "vmcore" not in heads:
        raise UsageError(f"list {name!a}: its first line names no column vmcore (known: vmcore,vmlinux,host)")
    for row in rows:
        vmcore, vmlinux, host = ((row.get(column) or "").strip() for column in _LIST_COLUMNS)
        if vmcore:
            yield vmcore, vmlinux or None, host or None
