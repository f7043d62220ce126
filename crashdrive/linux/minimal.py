"""A kernel whose crash started without its tables: symbols from the vmlinux, memory by our own page walk.

A report that reads memory alone needs only physical pages of crash, which it gives at once after its start;
its tables take seconds. What isn't found here for sure is asked of crash, which then loads all its tables
(`Session.minimal`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Protocol, overload

from crashdrive.dump.machines import char_signed_on
from crashdrive.errors import FaultError, KernelError, UnknownMemberError, VmlinuxError
from crashdrive.kernel.debuginfo.dimensions import Dimensions, made_of
from crashdrive.kernel.debuginfo.layouts import ImageTypes
from crashdrive.kernel.debuginfo.variables import declaration
from crashdrive.kernel.symbols.image import ImageSymbol, ImageSymbols, section
from crashdrive.kernel.symbols.lookup import FUNCTIONS, Columns, Symbol, unnamed_variables
from crashdrive.kernel.types.btf import Btf
from crashdrive.kernel.types.declarations import Abi
from crashdrive.kernel.types.layouts import VERSION, Elsewhere, Layouts, has_plain_char
from crashdrive.kernel.types.model import ArrayType, PointerType, Type, TypedefType, TypeRef
from crashdrive.kernel.types.paths import direct
from crashdrive.linux.modules.files import variables
from crashdrive.linux.modules.symbols import module_memory, module_symbols
from crashdrive.session.health import HealthWarning

if TYPE_CHECKING:
    from pathlib import Path

    from crashdrive.cache.store import Store
    from crashdrive.kernel.debuginfo.arrays import ArrayShape
    from crashdrive.linux.kernel import Kernel
    from crashdrive.session.dump_session import DumpSession
    from crashdrive.session.result import CommandResult


# 2: a plain char of kernels whose BTF doesn't tell whether it is signed
_FLAT, _WHOLE, _WHOLE_VERSION = "btf-type-2", "btf-whole", 2
_NOT_IN_BTF, _NOT_IN_BTF_VERSION = "no-btf-type", 1
_IMAGE, _NOT_IN_IMAGE, _IMAGE_VERSION = "dwarf-type", "no-dwarf-type", 1
_DIMENSIONS, _DIMENSIONS_VERSION = "dimensions", 1
_BOUNDS, _BOUNDS_VERSION = "array-bounds", 1


class MinimalLayouts(Layouts):
    """Layouts of a kernel whose crash has loaded no modules. Types that the store lacks come from the BTF
    that ``btf`` gives; None where none is proven to be the kernel's: then they come from gdb.

    ``image`` gives the types of the image's DWARF, which are taken where there is no BTF; None where gdb is
    to be asked then.

    BTF has all types of the image, and takes milliseconds where gdb takes seconds, but joins the dimensions
    of an array into one. With ``dimensions``, those of an array that may have several are told when it is
    first looked into: by ``shape``, else by gdb; types come from BTF in a crash with tables, too. Without
    ``dimensions``, types are for readers that index no such array: an index into a second dimension is an
    error (see `flattens`). The store keeps both forms apart from each other and from gdb's types.
    """

    def __init__(  # noqa: PLR0913 - a source each
        self,
        session: DumpSession,
        store: Store | None,
        key: str | None,
        btf: Callable[[], Btf | None] | None,
        *,
        elsewhere: Callable[[], Elsewhere | None] = lambda: None,
        dimensions: Callable[[], Dimensions | None] | None = None,
        shape: Callable[[str, str], ArrayShape | None] | None = None,
        declaration: Callable[[str], str | None] | None = None,
        image: Callable[[], ImageTypes | None] = lambda: None,
    ) -> None:
        """``declaration`` gives a variable's type without crash, ``shape`` the array at a path of a named
        type; None where these can't.
        """
        super().__init__(session, store, key, elsewhere=elsewhere)
        self._image_btf = btf
        self._took_btf = False
        self._find_dimensions = dimensions
        self._shape = shape
        self._declaration_of = declaration
        self._find_image = image
        self._arrays: dict[str, ArrayType] = {}

    @cached_property
    def _btf(self) -> Btf | None:
        return self._image_btf() if self._image_btf else None

    @cached_property
    def _image(self) -> ImageTypes | None:
        return self._find_image()

    @property
    def _minimal(self) -> bool:
        """Whether crash runs without its tables, so that gdb doesn't answer: it hasn't loaded them yet, or it
        came up in no other way.
        """
        return self._session.minimal or "--minimal" in self._session.health.options

    @property
    def flattens(self) -> bool:
        """Whether types came from BTF with the dimensions of arrays joined. Such types stay when crash loads
        its tables later.
        """
        return self._took_btf and self._find_dimensions is None

    def _has_module_types(self) -> bool:
        return not self._session.minimal and super()._has_module_types()

    def _learn_own(self, cold: dict[str, TypeRef]) -> None:
        if self._minimal or self._find_dimensions is not None:
            cold = self._learn_from_btf(cold)
        super()._learn_own(cold)

    def _learn_from_btf(self, cold: dict[str, TypeRef]) -> dict[str, TypeRef]:
        """Learn the types that the store or BTF has; give the others, which are for gdb."""
        if self._store:
            if there := self._there("type", cold):
                self._known.update(self._store.get_many("type", self.key, there, Type, version=VERSION))
            self._known_unknown(cold)
        if self._store and self._image_btf:
            missing = [name for name in cold if not self._is_settled(name)]
            kind, version = self._kept_as
            self._take(self._store.get_many(kind, self.key, missing, Type, version=version))
            self._unknown.update(
                self._store.get_many(_NOT_IN_BTF, self.key, missing, bool, version=_NOT_IN_BTF_VERSION)
            )
        rest = {name: ref for name, ref in cold.items() if not self._is_settled(name)}
        if not rest or self._btf is None:
            return self._learn_from_image(rest) if rest else rest
        try:
            named = ((name, self._btf.named.get(name, ())) for name in rest)
            origins = self._find_dimensions is not None
            kinds = {
                name: {self._btf.type(number, origins=origins) for number in numbers}
                for name, numbers in named
            }
        except KernelError:
            return rest
        # a name with several types is left to gdb
        found = {name: meanings.pop() for name, meanings in kinds.items() if len(meanings) == 1}
        self._take(found)
        if self._store:
            kind, version = self._kept_as
            self._store.put_many(kind, self.key, found, version=version)
        absent = dict.fromkeys((name for name in rest if name not in self._btf.named), True)
        if self._store:
            # reading BTF once more costs as much as all other types of a known kernel
            self._store.put_many(_NOT_IN_BTF, self.key, absent, version=_NOT_IN_BTF_VERSION)
        self._unknown.update(absent)
        return {name: ref for name, ref in rest.items() if not self._is_settled(name)}

    def _learn_from_image(self, cold: dict[str, TypeRef]) -> dict[str, TypeRef]:
        """Learn types that DWARF has, and those that it can't have; give the others."""
        if self._image is None:
            return cold
        store, names = self._store, list(cold)
        if store:
            self._known.update(store.get_many(_IMAGE, self.key, names, Type, version=_IMAGE_VERSION))
            self._unknown.update(store.get_many(_NOT_IN_IMAGE, self.key, names, bool, version=_IMAGE_VERSION))
        rest = [name for name in cold if not self._is_settled(name)]
        found: dict[str, Type] = {}
        absent: dict[str, bool] = {}
        for name in rest:
            try:
                kind = self._image.find(name)
            except VmlinuxError:
                continue  # gdb may know it
            if kind is None:
                absent[name] = True
            else:
                found[name] = kind
        self._known.update(found)
        self._unknown.update(absent)
        if store:
            store.put_many(_IMAGE, self.key, found, version=_IMAGE_VERSION)
            store.put_many(_NOT_IN_IMAGE, self.key, absent, version=_IMAGE_VERSION)
        return {name: ref for name, ref in cold.items() if not self._is_settled(name)}

    @property
    def _kept_as(self) -> tuple[str, int]:
        return (_FLAT, VERSION) if self._find_dimensions is None else (_WHOLE, _WHOLE_VERSION)

    # arrays of several dimensions

    def _whole(self, kind: ArrayType) -> ArrayType:
        """An array with all its dimensions; KernelError where gdb and BTF disagree about it."""
        origin = kind.origin or ""
        flat = ArrayType(kind.element, kind.count)
        outer, _, path = origin.partition(".")
        if self._find_dimensions is None or "@" in outer:
            return flat
        if origin not in self._arrays:
            self._arrays[origin] = (
                self._of_shape(origin, flat)
                or self._of_one_dimension(flat)
                or self._asked_array(outer, path, flat)
            )
        return self._arrays[origin]

    def _of_one_dimension(self, flat: ArrayType) -> ArrayType | None:
        """The array itself where none that is like it has several dimensions."""
        known = self._dimensions
        sure = known is not None and (flat.count or 0) not in known.get(made_of(flat.element), ())
        return flat if sure else None

    def _of_shape(self, origin: str, flat: ArrayType) -> ArrayType | None:
        """The array as its entry in DWARF has it; None where that isn't found, or is of something else."""
        kept = self._kept_bounds([origin]).get(origin)
        if kept is None and self._shape is not None and flat.count:
            outer, dot, path = origin.partition(".")
            # of a typedef the path may begin with an index
            name, bracket, index = outer.partition("[")
            found = self._shape(name, f"{bracket}{index}{dot}{path}")
            if found is not None and found.element == made_of(flat.element):
                kept = list(found.bounds)
                if prod(kept) == flat.count:
                    self._keep_bounds({origin: kept})
        if kept is None or prod(kept) != flat.count:
            return None
        kind = flat.element
        for bound in reversed(kept):
            kind = ArrayType(kind, bound)
        return kind if isinstance(kind, ArrayType) else None

    def _kept_bounds(self, origins: Iterable[str]) -> dict[str, list[int]]:
        """What the store has of the dimensions of arrays, outermost first, by ``struct NAME.PATH``."""
        if not self._store:
            return {}
        return self._store.get_many(_BOUNDS, self.key, origins, list[int], version=_BOUNDS_VERSION)

    def _keep_bounds(self, told: Mapping[str, list[int]]) -> None:
        """Keep dimensions, as `_kept_bounds` gives them."""
        if self._store and told:
            self._store.put_many(_BOUNDS, self.key, told, version=_BOUNDS_VERSION)

    @cached_property
    def _dimensions(self) -> Dimensions | None:
        """The elements and sizes of arrays of several dimensions in the debug data; searched for once per
        kernel.
        """
        kept: Dimensions | None = None
        if self._store:
            kept = self._store.get(
                _DIMENSIONS, self.key, "", dict[str, list[int]], version=_DIMENSIONS_VERSION
            )
        if kept is None and self._find_dimensions is not None:
            kept = self._find_dimensions()
            if self._store and kept is not None:
                self._store.put(_DIMENSIONS, self.key, "", kept, version=_DIMENSIONS_VERSION)
        return kept

    def _asked_array(self, outer: str, path: str, flat: ArrayType) -> ArrayType:
        """The array as gdb has it."""
        found = self._of_gdb(outer)
        try:
            kind = direct(self, found, path).type if found is not None and path else found
        except UnknownMemberError:
            kind = None
        while isinstance(kind, PointerType | TypedefType):
            kind = kind.target
        if not isinstance(kind, ArrayType) or _elements(kind) != (flat.count or 0):
            said = f"{outer}.{path}".removesuffix(".")
            raise KernelError(f"{said}: gdb and BTF don't agree on it, its dimensions can't be told")
        return kind

    def _of_gdb(self, name: str) -> Type | None:
        kept: Type | None = None
        if self._store:
            kept = self._store.get("type", self.key, name, Type, version=VERSION)
        if kept is None:
            kept = self._ask([TypeRef(name)]).get(name)
            if kept is not None:
                self._keep("type", name, kept)
        return kept

    def _take(self, found: Mapping[str, Type]) -> None:
        self._known.update(found)
        self._took_btf = self._took_btf or bool(found)

    def _ask_enumeration(self, constant: str) -> Type:
        btf = self._btf if self._minimal or self._find_dimensions is not None else None
        numbers = btf.with_constant(constant) if btf is not None else ()
        if btf is None and (found := self._enumeration_of_image(constant)) is not None:
            return found
        if btf is None or len(numbers) != 1:
            return super()._ask_enumeration(constant)
        return btf.type(numbers[0])

    def _enumeration_of_image(self, constant: str) -> Type | None:
        try:
            return self._image.enumeration(constant) if self._image is not None else None
        except VmlinuxError:
            return None

    def _ask_variable(self, name: str) -> Type:
        told = self._declaration_of(name) if self._minimal and self._declaration_of else None
        return super()._ask_variable(name) if told is None else self.declared(told)

    def _run(self, commands: list[str]) -> list[CommandResult]:
        results = super()._run(commands)
        if any(result.failure is not None and result.failure.kind == "minimal" for result in results):
            raise KernelError(
                "the kernel's types can't be told: crash came up with --minimal alone, where it has no gdb, "
                "and the dump lacks the kernel's BTF or parts of it"
            )
        return results

    def _need_char(self, text: str) -> None:
        wanted = self._minimal and not self._asked_char and has_plain_char(text)
        source = (self._btf or self._image) if wanted else None
        if source is not None:
            self._abi, self._asked_char = source.abi, True
        super()._need_char(text)


def _elements(kind: ArrayType) -> int:
    """How many elements an array has in all of its dimensions."""
    count, element = kind.count or 0, kind.element
    while isinstance(element, ArrayType):
        count, element = count * (element.count or 0), element.element
    return count


class _Column(Sequence[str]):
    """A column of symbols (names, modules, ...), whose values are made when they are asked for."""

    def __init__(self, order: array[int], of: Callable[[int], str]) -> None:
        self._order = order
        self._of = of

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self._of(place) for place in self._order[index]]
        return self._of(self._order[index])

    def __iter__(self) -> Iterator[str]:
        return map(self._of, self._order)


class DumpSymbols:
    """Symbols of the image from the vmlinux, those of modules from their memory in the dump.

    ``kernel`` gives the kernel that has these symbols: it is made after them.
    """

    def __init__(self, image: ImageSymbols, kernel: Callable[[], Kernel]) -> None:
        self.path = image.path
        self._image = image
        self._kernel = kernel
        # modules whose variables have no names; names that weren't found, and may be those of such variables
        self.unnamed: tuple[str, ...] = ()
        self.unsure: set[str] = set()

    def named(
        self, names: Sequence[str], *, everywhere: bool = False
    ) -> dict[str, tuple[Symbol, ...]] | None:
        """All symbols of each name, as `Source` says; None where a module's can't be read."""
        found = {name: self.of_image(name) for name in names}
        # the list of modules is itself found by a symbol
        others = [
            name for name, symbols in found.items() if (everywhere or not symbols) and name != "modules"
        ]
        if others and self._modules is None:
            return None
        for name in others:
            found[name] += tuple(symbol for symbol, _ in (self._modules or {}).get(name, ()))
        if self.unnamed:
            self.unsure.update(name for name in others if not found[name])
        return found

    def doubts(self) -> tuple[HealthWarning, ...]:
        """Names that were asked for and not found, and that may be variables of modules."""
        return (unnamed_variables(self.unsure, self.unnamed),) if self.unsure else ()

    def columns(self) -> Columns | None:
        """All symbols and modules' memory, as `Symbols` wants them; None where any can't be read."""
        modules = self._modules
        if modules is None or (sections := self._sections()) is None:
            return None
        addresses, indexes = self._image.places()
        others = [one for each in modules.values() for one, _ in each]
        addresses.extend(one.address for one in others)
        order = array("I", sorted(range(len(addresses)), key=addresses.__getitem__))

        def symbol(place: int) -> ImageSymbol | Symbol:
            found = self._image.symbol(indexes[place]) if place < len(indexes) else None
            return found or others[place - len(indexes)]

        return Columns(
            addresses=array("Q", map(addresses.__getitem__, order)),
            kinds=_Column(order, lambda place: symbol(place).kind),
            names=_Column(order, lambda place: symbol(place).name),
            sections=sections,
            places=lambda name: [
                one.address for one in (*self.of_image(name), *(one for one, _ in modules.get(name, ())))
            ],
        )

    def size(self, name: str) -> int | None:
        """Bytes of the image's only variable of that name; None where that isn't known."""
        sizes = [one.size for one in self._image.named(name)]
        if not sizes:
            sizes = [size for _, size in (self._modules or {}).get(name, ())]
        return sizes[0] or None if len(sizes) == 1 else None

    def declaration(self, name: str) -> str | None:
        """The type of the image's only variable of a name, as C declares it; None where it isn't found."""
        found = self._image.named(name)
        if len(found) != 1:
            return None
        return declaration(str(self.path), name, self._image.linked(found[0].address))

    def of_image(self, name: str) -> tuple[Symbol, ...]:
        """All symbols of a name in the image alone."""
        return tuple(Symbol(one.address, one.name, one.kind) for one in self._image.named(name))

    @cached_property
    def _modules(self) -> Mapping[str, Sequence[tuple[Symbol, int]]] | None:
        """Symbols of all loaded modules by name, with their sizes; None where any of them can't be read."""
        kernel = self._kernel()
        try:
            found = module_symbols(kernel)
        except (FaultError, KernelError):
            return None
        if found and all(one.kind in FUNCTIONS for each in found.values() for one, _ in each):
            self._add_variables(kernel, found)
        return found

    def _add_variables(self, kernel: Kernel, found: dict[str, list[tuple[Symbol, int]]]) -> None:
        """Add variables of modules whose files are at hand; note the modules without one."""
        try:
            symbols, self.unnamed = variables(kernel)
        except (FaultError, KernelError):
            self.unnamed = ("all modules",)
            return
        for name, more in symbols.items():
            found.setdefault(name, []).extend(more)

    def _sections(self) -> list[tuple[int, int, str]] | None:
        try:
            return list(module_memory(self._kernel()))
        except KernelError:
            return None


def proven_btf(kernel: Kernel) -> Btf | None:
    """The image's BTF; None where it isn't sure to be the kernel's.

    It is compared with the BTF in the dump's memory: types of a damaged vmlinux would be kept unnoticed.
    """
    source = kernel.symbols.source
    try:
        if isinstance(source, DumpSymbols):
            path: str | Path = source.path
            places = [symbol.address for symbol in source.of_image("__start_BTF")]
        else:
            path, places = kernel.session.identity["vmlinux"], [kernel.symbols.address("__start_BTF")]
        data = section(path, ".BTF")
        if data and len(places) == 1 and kernel.read(places[0], len(data)) == data:
            btf = Btf(data)
            return btf if btf.tells_char else Btf(data, abi=_abi(kernel, str(path)))
    except (KeyError, KernelError, VmlinuxError):
        pass
    return None


def _abi(kernel: Kernel, path: str) -> Abi:
    """Whether a plain char is signed, by the vmlinux's DWARF; by the machine where it has none."""
    try:
        return ImageTypes(path).abi
    except VmlinuxError:
        return Abi(kernel.pointer_size, char_signed_on(kernel.session.identity.get("machine")))


class Make(Protocol):
    """Makes a kernel, with symbols from a vmlinux where one is given, and with ``physical`` memory."""

    def __call__(self, image: ImageSymbols | None = None, *, physical: bool = False) -> Kernel:
        """The kernel."""
        ...


def make_minimal(session: DumpSession, make: Make) -> Kernel:
    """A kernel that needs only physical pages; one that asks crash where the vmlinux isn't proven."""
    image = _image(session.identity)
    if image is not None:
        kernel = make(image, physical=True)
        if kernel.paging is not None and _is_right(kernel, image, session.identity.get("osrelease")):
            return kernel
    return make()


def make_with_modules(session: DumpSession, make: Make) -> Kernel:
    """A kernel whose modules are found in the dump's memory, as crash was started without them."""
    image = _image(session.identity)
    if image is not None:
        kernel = make(image)
        if _is_right(kernel, image, session.identity.get("osrelease")):
            return kernel
    return make()


def _image(identity: Mapping[str, str]) -> ImageSymbols | None:
    try:
        return ImageSymbols(identity["vmlinux"], int(identity.get("kaslr_offset") or "0", 0))
    except (KeyError, VmlinuxError):
        return None


def _is_right(kernel: Kernel, image: ImageSymbols, release: str | None) -> bool:
    """Whether ``linux_banner`` is where the vmlinux has it."""
    places = image.named("linux_banner")
    try:
        said = kernel.read_string(places[0].address, 256) if places else b""
    except FaultError:
        return False
    return bool(release) and said.startswith(f"Linux version {release} ".encode())
