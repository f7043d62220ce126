"""Variables of loaded modules by their files, where the kernel keeps only names of functions.

A kernel without CONFIG_KALLSYMS_ALL (Debian's arm64) drops names of modules' variables when it loads them,
and crash knows them after ``mod -S`` alone. A module's file has them by section; the kernel has where each
section lies (``sect_attrs``: /sys/module/NAME/sections). The file has to be that of the module in memory, by
its build id. Files are looked for beside the dump and the vmlinux, in the tree of the debug package that the
vmlinux belongs to, and where packages install them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from crashdrive.dump.elf import SHT_SYMTAB, BadElfError, ElfFile, opened_elf
from crashdrive.dump.module_files import INSTALLED, names_of
from crashdrive.errors import FaultError, KernelError
from crashdrive.kernel.symbols.image import ENTRIES, bare_name
from crashdrive.kernel.symbols.lookup import Symbol
from crashdrive.linux.modules.loaded import for_each_module

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine

T = TypeVar("T")
_MODULE, _SECTIONS, _SECTION = "struct module", "struct module_sect_attrs", "struct module_sect_attr"
_OBJECT = 1  # a symbol's type: a variable
_LOCAL, _RESERVED = 0, 0xFF00
_BUILD_ID, _PER_CPU = ".note.gnu.build-id", ".data..percpu"
_MOST_SECTIONS, _MOST_FILES, _LONGEST = 4096, 50_000, 128
_WRITE, _NOBITS = 1, 8


class ModuleVariables(NamedTuple):
    """Variables by name, with their sizes; modules without a file, or with a file of another build."""

    symbols: dict[str, list[tuple[Symbol, int]]]
    missing: tuple[str, ...]


class ModuleFiles(NamedTuple):
    """The files of modules that are at hand, by name, with their build ids; modules of which none is."""

    files: dict[str, tuple[Path, str]]
    missing: tuple[str, ...]


def variables(kernel: Machine) -> ModuleVariables:
    """The variables of all modules; FaultError or KernelError where the modules can't be read."""
    modules = for_each_module(kernel).check().read(["name", "sect_attrs", "percpu"]).check()
    files = _Files(kernel.session.identity)
    symbols: dict[str, list[tuple[Symbol, int]]] = {}
    missing: list[str] = []
    for name, attributes, per_cpu in modules:
        places = _places(kernel, attributes) if attributes else {}
        rows = files.rows(kernel, name, {**places, _PER_CPU: per_cpu or 0})
        if rows is None:
            missing.append(name)
        for symbol, size in rows or ():
            symbols.setdefault(symbol.name, []).append((symbol, size))
    return ModuleVariables(symbols, tuple(missing))


def paths(kernel: Machine) -> ModuleFiles:
    """The files of all loaded modules; errors as `variables`.

    A module whose build id the dump lacks has none, as nothing tells that a file is its.
    """
    modules = for_each_module(kernel).check().read(["name", "sect_attrs"]).check()
    files = _Files(kernel.session.identity)
    found: dict[str, tuple[Path, str]] = {}
    missing: list[str] = []
    for name, attributes in modules:
        place = _places(kernel, attributes).get(_BUILD_ID) if attributes else None
        own = files.file(kernel, name, {_BUILD_ID: place}) if place else None
        if own is None:
            missing.append(name)
        else:
            found[name] = own
    return ModuleFiles(found, tuple(missing))


def _places(kernel: Machine, attributes: int) -> dict[str, int]:
    """Where the sections of a module lie, by their names."""
    own = kernel.has_type(_SECTION)
    kind = _SECTION if own else "struct bin_attribute"  # since 6.14 (4b2c11e4aaf7)
    name, address = ("battr.attr.name", "address") if own else ("attr.name", "private")
    try:
        count = int(kernel.object(_SECTIONS, attributes).member_("nsections")) if own else _MOST_SECTIONS
        first, size = attributes + kernel.offset(_SECTIONS, "attrs"), kernel.sizeof(kind)
        places = [first + size * number for number in range(min(count, _MOST_SECTIONS))]
        rows = kernel.read_many(kind, places, [name, address]).check()
        return {_text(kernel, text): at for text, at in rows if text}
    except (FaultError, KernelError):
        return {}


def _text(kernel: Machine, place: int) -> str:
    return kernel.read_string(place, _LONGEST).decode("ascii", "replace")


class _Files:
    """The files that may be of modules of one dump."""

    def __init__(self, identity: Mapping[str, str]) -> None:
        self._identity = identity
        self._index: dict[str, list[Path]] | None = None

    def rows(
        self, kernel: Machine, module: str, places: Mapping[str, int]
    ) -> list[tuple[Symbol, int]] | None:
        """A module's variables; None where no file is sure to be its."""
        return self._first(kernel, module, places, lambda _, elf: list(_variables(elf, module, places)))

    def file(self, kernel: Machine, module: str, places: Mapping[str, int]) -> tuple[Path, str] | None:
        """A module's file, with its build id; None where none is sure to be its."""
        return self._first(kernel, module, places, lambda path, elf: (path, _build_id(elf)))

    def _first(
        self, kernel: Machine, module: str, places: Mapping[str, int], take: Callable[[Path, ElfFile], T]
    ) -> T | None:
        """What is taken of the first file that is a module's; None where no file is sure to be its."""
        for path in self._candidates(module):
            try:
                with path.open("rb") as file:
                    elf = opened_elf(file.fileno())
                    if _is_of(kernel, elf, places):
                        return take(path, elf)
            except (OSError, BadElfError):
                continue
        return None

    def _candidates(self, module: str) -> Iterator[Path]:
        names = names_of(module)
        for beside in ("vmcore", "vmlinux"):
            if path := self._identity.get(beside):
                yield from (place for name in names if (place := Path(path).parent / name).is_file())
        if self._index is None:
            self._index = _listed(self._trees())
        yield from (path for name in names for path in self._index.get(name, ()))

    def _trees(self) -> list[Path]:
        """The folders that debug packages have their modules in."""
        release = self._identity.get("osrelease") or ""
        if not release or "/" in release or release in {".", ".."}:
            return []
        trees = [Path(INSTALLED, release)]
        if vmlinux := self._identity.get("vmlinux"):
            # /usr/lib/debug/boot/vmlinux-RELEASE and /usr/lib/debug/lib/modules/RELEASE, wherever unpacked
            trees.append(Path(vmlinux).resolve().parent.parent / "lib/modules" / release)
        return trees


def _listed(trees: Sequence[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    seen = 0
    for tree in trees:
        for folder, _, files in os.walk(tree):
            seen += len(files)
            if seen > _MOST_FILES:
                return found
            for name in files:
                if name.endswith((".ko", ".ko.debug")):
                    found.setdefault(name, []).append(Path(folder, name))
    return found


def _is_of(kernel: Machine, elf: ElfFile, places: Mapping[str, int]) -> bool:
    """Whether a file is of the module in memory, by its build id."""
    for part in elf.sections():
        if part.name == _BUILD_ID and part.size and (place := places.get(_BUILD_ID)):
            try:
                return kernel.read(place, part.size) == elf.exactly(part.offset, part.size)
            except FaultError:
                return False
    return False


def _build_id(elf: ElfFile) -> str:
    """Of a file that has one."""
    part = next(part for part in elf.sections() if part.name == _BUILD_ID)
    return elf.exactly(part.offset, part.size).hex()


def _variables(elf: ElfFile, module: str, places: Mapping[str, int]) -> Iterator[tuple[Symbol, int]]:
    sections = elf.sections()
    table = next((part for part in sections if part.type == SHT_SYMTAB), None)
    if table is None or table.link >= len(sections):
        raise BadElfError("no names of symbols, as after strip")
    names = sections[table.link]
    strings = elf.exactly(names.offset, names.size) + b"\0"
    entry = ENTRIES[elf.order]
    entries = elf.exactly(table.offset, table.size // entry.size * entry.size)
    for name, info, _, number, value, size in entry.iter_unpack(entries):
        if info & 15 != _OBJECT or not 0 < number < min(len(sections), _RESERVED):
            continue
        part = sections[number]
        if place := places.get(part.name):
            if name >= len(strings):
                raise BadElfError("a symbol's name lies outside of its names")
            text = strings[name : strings.index(b"\0", name)].decode("ascii", "backslashreplace")
            letter = "b" if part.type == _NOBITS else "d" if part.flags & _WRITE else "r"
            kind = letter if info >> 4 == _LOCAL else letter.upper()
            yield Symbol(place + value, bare_name(text), kind, module), size
