"""Types of loaded modules whose debug data crash lacks, from the BTF in the kernel's memory, or their files.

Sources: kernel/bpf/btf.c: ``btf_modules`` (since 5.11, 36e68442d1af), ``struct btf``. Two things are read
once per dump and kept: the names that each module defines, and each type that was asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from crashdrive.dump.machines import char_signed_on
from crashdrive.errors import KernelError, UnknownTypeError
from crashdrive.kernel.structures.lists import list_head
from crashdrive.kernel.types.btf import Btf, same
from crashdrive.kernel.types.declarations import Abi
from crashdrive.kernel.types.layouts import VERSION, layout_key
from crashdrive.kernel.types.model import Type
from crashdrive.linux.modules.file_types import FileTypes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crashdrive.linux.machine import Machine

_ENTRY, _BTF = "struct btf_module", "struct btf"
_FIELDS = ("name", "data", "data_size", "base_btf")
_MOST_BYTES = 1 << 28
_SHOWN = 4  # modules in a message


class _Catalog(msgspec.Struct):
    """Modules' definitions: (name, digest of its BTF) of each module, the oldest first; type names with
    module numbers.

    ``unread``: modules whose BTF can't be read, and why; an empty name stands for all modules.
    """

    modules: list[tuple[str, str]]
    names: dict[str, list[int]]
    unread: list[tuple[str, str]]


class _Place(msgspec.Struct, frozen=True):
    """Addresses of a module's BTF and of the BTF of vmlinux that it is based on."""

    module: str
    address: int
    size: int
    base: int


class ModuleTypes:
    """The types of a dump's loaded modules; nothing is read before a type is asked for."""

    def __init__(self, kernel: Machine) -> None:
        self._kernel = kernel
        self._busy = False
        self._parsed: dict[str, Btf] = {}

    def find(self, name: str) -> Type | None:
        """A type by name, also that of one module, ``struct priv@bonding``; None where none has it.

        UnknownTypeError where several modules have different types of that name, or where a module that can't
        be read may have one.
        """
        if self._busy:  # types for our own reading are the kernel's
            return None
        self._busy = True
        try:
            return self._find(*name.partition("@")[::2])
        except KernelError as error:
            if isinstance(error, UnknownTypeError):
                raise
            raise UnknownTypeError(f"no type {name} in the kernel's debug data, and {error}") from error
        finally:
            self._busy = False

    def _find(self, name: str, module: str) -> Type | None:
        catalog, module = self._catalog, module.replace("-", "_")
        if not catalog.modules and not catalog.unread:
            return self._of_files.find(name, module)
        unread = [(m, reason) for m, reason in catalog.unread if "" in {m, module} or m == module]
        candidates = [catalog.modules[number][0] for number in catalog.names.get(name, ())]
        if module in candidates:
            return self._type(name, module)
        if module and not unread:
            return None
        if unread and candidates:
            hint = f"; say which is meant: {name}@{candidates[0]}" if candidates else ""
            raise UnknownTypeError(f"there may be another {name}: {_told(unread)}{hint}")
        if unread:
            raise UnknownTypeError(f"no type {name} in the kernel's debug data; {_told(unread)}")
        return self._type(name, self._choice(name, candidates)) if candidates else None

    @cached_property
    def _of_files(self) -> FileTypes:
        """For a kernel whose modules have no BTF."""
        return FileTypes(self._kernel)

    # the store: types by the digest of their module's BTF, what modules define by the dump

    def _type(self, name: str, module: str) -> Type:
        """A module's type, kept under its module's build."""
        layouts = self._kernel.layouts
        digest = dict(self._catalog.modules)[module]
        key = layout_key(layouts.key, [(module, digest)])
        kept: Type | None = None
        if layouts.store:
            kept = layouts.store.get("module-type", key, name, Type, version=VERSION)
        if kept is None:
            btf = self._btf(module)
            numbers = btf.named.get(name, ())
            if len(numbers) != 1:
                raise UnknownTypeError(f"module {module} has {len(numbers)} different types {name}")
            kept = btf.type(numbers[0])
            if layouts.store:
                layouts.store.put("module-type", key, name, kept, version=VERSION)
        return kept

    def _choice(self, name: str, candidates: Sequence[str]) -> str:
        """The oldest module of those that have the type; UnknownTypeError where the types differ."""
        if len(candidates) == 1:
            return candidates[0]
        layouts = self._kernel.layouts
        digests = dict(self._catalog.modules)
        key = layout_key(layouts.key, [(module, digests[module]) for module in candidates])
        if layouts.store and layouts.store.get("module-same", key, name, bool, version=VERSION):
            return candidates[0]
        self._prepare(candidates)
        defined = [(btf := self._btf(module), btf.named[name]) for module in candidates]
        (first, (number, *_)), *others = defined
        differ = any(len(numbers) > 1 for _, numbers in defined)
        if differ or not all(same((first, number), (btf, theirs)) for btf, (theirs, *_) in others):
            shown = ", ".join(f"{name}@{module}" for module in candidates[:_SHOWN])
            more = f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
            raise UnknownTypeError(f"modules differ in what {name} is: say which is meant, {shown}{more}")
        if layouts.store:
            layouts.store.put("module-same", key, name, True, version=VERSION)
        return candidates[0]

    @cached_property
    def _catalog(self) -> _Catalog:
        layouts, dump = self._kernel.layouts, self._dump
        if layouts.store and dump:
            kept: _Catalog | None = layouts.store.get("module-names", dump, "all", _Catalog, version=VERSION)
            if kept is not None:
                return kept
        try:
            found = self._read_catalog()
        except KernelError as error:
            return _Catalog([], {}, [("", str(error))])
        if layouts.store and dump and not found.unread:
            layouts.store.put("module-names", dump, "all", found, version=VERSION)
        return found

    @property
    def _dump(self) -> str:
        """The key of the dump in the store; empty where the dump's identity isn't known."""
        return self._kernel.symbols.key

    def _read_catalog(self) -> _Catalog:
        catalog = _Catalog([], {}, [])
        places = {place.module: place for place in self._places}
        blobs = self._blobs(list(places.values()))
        for module, place in places.items():
            try:
                btf = self._parse(place, blobs)
            except KernelError as error:
                catalog.unread.append((module, str(error)))
                continue
            number = len(catalog.modules)
            catalog.modules.append((module, hashlib.sha256(blobs[module] or b"").hexdigest()[:32]))
            for name in btf.named:
                catalog.names.setdefault(name, []).append(number)
        return catalog

    # the dump's memory

    @cached_property
    def _places(self) -> tuple[_Place, ...]:
        """The places of modules' BTF, the oldest module first; KernelError where the list can't be read
        whole.
        """
        kernel = self._kernel
        if not kernel.symbols.has("btf_modules"):
            return ()
        offset = kernel.offset(_ENTRY, "list")
        walk = list_head(kernel.window(), kernel.symbols.address("btf_modules"), offset).check()
        rows = kernel.read_many(_ENTRY, walk.addresses, [f"btf->{name}" for name in _FIELDS]).check()
        return tuple(_Place(*row) for row in reversed(list(rows)))

    def _blobs(self, places: Sequence[_Place]) -> dict[str, bytes | None]:
        """Modules' BTF by module, None where a part of it is missing; all in one round trip."""
        sane = [place for place in places if place.size < _MOST_BYTES]
        found = self._kernel.gather([(place.address, place.size) for place in sane])
        return {place.module: found.get(place.address, place.size) for place in sane}

    def _prepare(self, modules: Sequence[str]) -> None:
        """Read the BTF of modules."""
        wanted = [p for p in self._places if p.module in modules and p.module not in self._parsed]
        blobs = self._blobs(wanted)
        for place in wanted:
            self._parse(place, blobs)

    def _btf(self, module: str) -> Btf:
        self._prepare([module])
        if module not in self._parsed:
            raise KernelError(f"module {module} has no BTF in the dump")
        return self._parsed[module]

    def _parse(self, place: _Place, blobs: Mapping[str, bytes | None]) -> Btf:
        data = blobs.get(place.module)
        if data is None:
            raise KernelError(f"the BTF of module {place.module} isn't in the dump")
        if place.module not in self._parsed:
            self._parsed[place.module] = Btf(data, self._base(place.base), place.module)
        return self._parsed[place.module]

    def _base(self, address: int) -> Btf:
        """The BTF of vmlinux, some five megabytes."""
        key = f"{address:#x}"  # no module's name
        if key not in self._parsed:
            row = self._kernel.read_many(_BTF, [address], ["data", "data_size"]).check()
            (place,), (size,) = row.columns
            if not 0 < size < _MOST_BYTES:
                raise KernelError(f"the BTF of vmlinux has {size} bytes")
            data = self._kernel.read(place, size)
            signed = char_signed_on(self._kernel.session.identity.get("machine"))
            self._parsed[key] = Btf(data, abi=Abi(self._kernel.pointer_size, signed))
        return self._parsed[key]


def _told(unread: Sequence[tuple[str, str]]) -> str:
    shown = ", ".join(module or "all modules" for module, _ in unread[:_SHOWN])
    more = f" and {len(unread) - _SHOWN} more" if len(unread) > _SHOWN else ""
    return f"types of {shown}{more} can't be read: {unread[0][1]}"
