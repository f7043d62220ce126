"""Types for scripts: out of the image's BTF where that is proven to be the kernel's, else asked of gdb.

A script asks for types one by one, and each costs gdb up to two seconds the first time; BTF has all of them
in milliseconds. What BTF lacks, the dimensions of arrays, is read in the vmlinux's DWARF when such an array
is looked at; where there is none it is asked of gdb, for which crash has to start with all its tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from crashdrive.errors import UnknownTypeError, VmlinuxError
from crashdrive.kernel.debuginfo.arrays import Arrays
from crashdrive.kernel.debuginfo.dimensions import made_of
from crashdrive.kernel.debuginfo.variables import declarations
from crashdrive.kernel.symbols.image import ImageSymbols
from crashdrive.kernel.types.model import ArrayType, StructType, Type
from crashdrive.linux.minimal import MinimalLayouts, proven_btf
from crashdrive.session import arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crashdrive.kernel.debuginfo.arrays import ArrayShape
    from crashdrive.linux.kernel import Kernel

_BOUNDS = re.compile(r"((?:\[\d*\])+)\)?\s*(?:\([^()]*\))?\s*\Z")
_BOUND = re.compile(r"\[(\d*)\]")
_DECLARED, _DECLARED_VERSION = "declarations", 3
# variables that crash is asked for one by one, before all of them are read in the image
_FEW = 8


class ScriptTypes(MinimalLayouts):
    """Layouts that come from BTF whether crash has its tables or not."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        whole = kernel.layouts
        super().__init__(
            kernel.session,
            whole.store,
            whole.key,
            None if kernel.session.recording else lambda: proven_btf(kernel),
            elsewhere=lambda: kernel.module_types,
        )
        self._flat: set[str] = set()
        self._bounds: dict[tuple[str, str], list[int]] = {}
        # a recording asks crash, so that a replay finds the answers
        vmlinux = None if kernel.session.recording else kernel.session.identity.get("vmlinux")
        self._in_dwarf = Arrays(vmlinux) if vmlinux else None
        self._vmlinux, self._asked = vmlinux, 0

    @property
    def _minimal(self) -> bool:
        return True

    def _take(self, found: Mapping[str, Type]) -> None:
        self._flat.update(found)
        super()._take(found)

    def names(self) -> list[str]:
        """The names of structures, unions and enumerations, with their keywords, and of typedefs.

        Empty where the image has no BTF.
        """
        return sorted(self._btf.named) if self._btf is not None else []

    # what has no name of its own

    def declared_variable(self, name: str) -> Type:
        """A variable's type as it is declared: a typedef stays one. UnknownTypeError."""
        if self.is_told(name):
            return self.declared(self._declarations[name])
        return self._kept(name, lambda: self._ask_variable(arguments.symbol(name)))

    def is_told(self, name: str) -> bool:
        """Whether the image itself tells a variable's type, once a script has asked for several.

        Then there is a symbol of that name as well.
        """
        return self._asked >= _FEW and name in self._declarations

    def _ask_variable(self, name: str) -> Type:
        self._asked += 1
        return super()._ask_variable(name)

    @cached_property
    def _declarations(self) -> Mapping[str, str]:
        """`all_declarations`: crash would take half an hour to tell a script those of all symbols."""
        if self._vmlinux is None:
            return {}
        kept = self._kept_declarations()
        if kept is None:
            kept = all_declarations(self._vmlinux)
            if self.store and self._keeps:
                self.store.put(_DECLARED, self.key, "all", kept, version=_DECLARED_VERSION)
        return kept

    def _kept_declarations(self) -> dict[str, str] | None:
        if self.store is None:
            return None
        return self.store.get(_DECLARED, self.key, "all", dict[str, str], version=_DECLARED_VERSION)

    def constant_type(self, name: str) -> Type:
        """The enumeration that a constant is of. UnknownTypeError."""
        return self._kept(f"enum of {name}", lambda: self._ask_enumeration(arguments.symbol(name)))

    def expression_type(self, text: str) -> Type:
        """The type of a C expression, as gdb tells it. UnknownTypeError."""
        (result,) = self._run([f"gdb whatis {text}"])
        found = result.text.strip()
        if result.failure is not None or not found.startswith("type = "):
            raise UnknownTypeError(f"gdb knows no type of {text[:200]!a}")
        return self.declared(found.removeprefix("type = "))

    # dimensions

    def is_flat(self, name: str) -> bool:
        """Whether a type came from BTF, so that its arrays of several dimensions have one."""
        return name in self._flat

    def bounds(self, outer: str, path: str, count: int) -> list[int]:
        """The dimensions of a member that is an array of ``count`` elements in all."""
        if (outer, path) not in self._bounds:
            self._learn_bounds(outer, path)
        found = self._bounds.get((outer, path), [])
        return found if found and math.prod(found) == count else [count]

    def _learn_bounds(self, outer: str, path: str) -> None:
        """Learn those of all arrays of a structure at once: gdb's time goes into finding the structure."""
        kind = self._known.get(outer)
        whole = self.resolve(kind) if kind is not None else None
        flat = dict(_arrays(whole)) if isinstance(whole, StructType) else {}
        names = {f"{outer}.{one}": one for one in dict.fromkeys([path, *flat])}
        kept = self._kept_bounds(names)
        self._bounds.update({(outer, names[name]): found for name, found in kept.items()})
        names = {name: one for name, one in names.items() if name not in kept}
        if (outer, path) in self._bounds or not names:
            return
        told = self._told_by_dwarf(outer, flat, names) or self._told_by_gdb(outer, names)
        self._bounds.update({(outer, names[name]): found for name, found in told.items()})
        if self._keeps:
            # of no dimensions gdb tells where it takes a member for something else
            self._keep_bounds({name: bounds for name, bounds in told.items() if bounds})

    def _told_by_dwarf(
        self, outer: str, flat: Mapping[str, ArrayType], names: Mapping[str, str]
    ) -> dict[str, list[int]]:
        """None of them where one isn't there, or is another structure's: gdb is asked for all then."""
        told: dict[str, list[int]] = {}
        for name, path in names.items():
            found = self._in_dwarf.find(outer, path) if self._in_dwarf else None
            if found is None or (path in flat and not _is_of(found, flat[path])):
                return {}
            told[name] = [*found.bounds]
        return told

    def _told_by_gdb(self, outer: str, names: Mapping[str, str]) -> dict[str, list[int]]:
        results = self._run([f"gdb whatis (({outer} *)0)->{one}" for one in names.values()])
        return {
            name: _read_bounds(result.text)
            for name, result in zip(names, results, strict=True)
            if result.failure is None
        }


def _read_bounds(text: str) -> list[int]:
    found = _BOUNDS.search(text.strip())
    return [int(bound or 0) for bound in _BOUND.findall(found[1])] if found else []


def _is_of(shape: ArrayShape, flat: ArrayType) -> bool:
    """Whether an array in DWARF may be that of BTF: a name may be that of several structures."""
    return shape.element == made_of(flat.element) and math.prod(shape.bounds) == flat.count


def _arrays(kind: StructType, before: str = "") -> Iterator[tuple[str, ArrayType]]:
    """The arrays in a structure that BTF may have made flat, with their paths."""
    for name, member, _ in kind.leaves():
        if isinstance(member.type, ArrayType) and (member.type.count or 0) > 1:
            yield before + name, member.type
        elif isinstance(member.type, StructType) and member.type.name is None:
            yield from _arrays(member.type, f"{before}{name}.")


class Dims(list[int]):
    """The dimensions of an array out of BTF: asked of gdb when they are looked at."""

    def __init__(self, types: ScriptTypes, outer: str, path: str, count: int) -> None:
        super().__init__([count])
        self._ask: Any = lambda: types.bounds(outer, path, count)

    def _told(self) -> list[int]:
        if self._ask is not None:
            ask, self._ask = self._ask, None
            super().__setitem__(slice(None), ask())
        return self

    def __len__(self) -> int:
        self._told()
        return super().__len__()

    def __iter__(self) -> Iterator[int]:
        self._told()
        return super().__iter__()

    def __getitem__(self, index: Any) -> Any:
        self._told()
        return super().__getitem__(index)

    def __eq__(self, other: object) -> bool:
        self._told()
        return super().__eq__(other)

    __hash__ = None

    def __repr__(self) -> str:
        self._told()
        return super().__repr__()


def outer_name(kind: Type, fallback: str | None) -> str | None:
    """What gdb knows a structure by; None for one without a name."""
    if isinstance(kind, StructType) and kind.name:
        return f"{kind.kind} {kind.name}"
    return fallback


def all_declarations(vmlinux: str) -> dict[str, str]:
    """The declarations of an image's variables by name, out of its DWARF; none without a table of symbols.

    Of several symbols of one name all have to be declared alike: each driver has a ``dev_attr_state``.
    """
    try:
        image = ImageSymbols(vmlinux)
    except VmlinuxError:
        return {}
    places: dict[str, set[int]] = {}
    wanted: dict[int, list[str]] = {}
    for symbol in map(image.symbol, image.places()[1]):
        if symbol is not None:
            places.setdefault(symbol.name, set()).add(symbol.address)
            wanted.setdefault(symbol.address, []).append(symbol.name)
    found = declarations(vmlinux, wanted)
    told = {name: {found.get((name, place)) for place in each} for name, each in places.items()}
    return {name: one for name, (one, *others) in told.items() if one is not None and not others}
