"""Layouts of the kernel's types: asked of crash's gdb once, then kept per kernel.

One ``gdb ptype/o`` tells all of a structure, so that a cold type costs one query and several wanted at once
one round trip; a kept one costs none. Where gdb knows no ``/o`` (crash 7), `crashdrive.kernel.types.plain`
asks for each member's place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from crashdrive.cache.store import Store
from crashdrive.errors import CommandFailedError, ParseError, UnknownMemberError, UnknownTypeError
from crashdrive.kernel.types import plain
from crashdrive.kernel.types.declarations import Abi, Declaration, DeclarationError, parse_declaration
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    IncompleteType,
    Member,
    Type,
    TypedefType,
    TypeRef,
    size_of,
    type_name,
)
from crashdrive.kernel.types.paths import direct
from crashdrive.kernel.types.ptype import SizesWantedError, parse_ptype
from crashdrive.near import hint
from crashdrive.session import arguments
from crashdrive.session.dump_session import DumpSession
from crashdrive.session.result import CommandResult

# raise it when what is stored, or how it is read from crash, changes
VERSION = 1
# of types of variables: arrays that another file declares without their size had none before
_VARIABLE_VERSION = 2
_NAME = re.compile(r"(?:(?:struct|union|enum) )?[A-Za-z_][A-Za-z0-9_]{0,255}", re.ASCII)
_LAST_NAME = re.compile(r"(\w+)(?:\[\d+\])*$", re.ASCII)
_MODULE = re.compile(r" *[0-9a-f]{8,16} ")
_PLAIN_CHAR = re.compile(r"(?<!signed )\bchar\b")
_COMM = "typeof(((struct task_struct *)0)->comm[0])"
_CHAR = re.compile(r"\$\d+ = (-1|255)\s")
_TAGS = ("struct ", "union ", "enum ")
# typedefs of typedefs end at some point; damaged debug data mustn't turn us in circles
_DEEPEST = 32
_NOTHING = IncompleteType("struct")


class Elsewhere(Protocol):
    """Types that the kernel's debug data doesn't have: those of modules."""

    def find(self, name: str) -> Type | None:
        """The type, None where there is none; UnknownTypeError where it can't be told."""
        ...


class Layouts:
    """The types of one kernel, by name: ``struct sock``, ``union ktime``, ``enum pid_type``, ``u32``.

    ``key`` names the kernel in the ``store`` (see `layout_key`); without either, types are kept in memory
    alone. ``word_size`` is that of a pointer, in bytes. ``queries`` counts the commands sent to crash.
    ``elsewhere`` gives what is asked for types that the debug data lacks, and for those of one module
    (``struct priv@bonding``; where that module has none of its own, the name means the kernel's).
    """

    def __init__(
        self,
        session: DumpSession,
        store: Store | None = None,
        key: str | None = None,
        *,
        word_size: int = 8,
        elsewhere: Callable[[], Elsewhere | None] = lambda: None,
    ) -> None:
        self._session = session
        self._store = store if key else None
        self._key = key or ""
        self._known: dict[str, Type] = {}
        self._unknown: set[str] = set()
        self._kept_names: dict[str, frozenset[str]] = {}
        self._hints: dict[str, str] = {}
        self._failed: dict[str, ParseError | CommandFailedError | UnknownTypeError] = {}
        self._from_modules: set[str] = set()
        self._elsewhere = elsewhere
        self._variables: dict[str, Type] = {}
        self._abi = Abi(word_size)
        self._has_offsets: bool | None = None
        self._asked_char = False
        self._keeps = self._store is not None
        self.queries = 0

    @property
    def store(self) -> Store | None:
        """Where types are kept, None where they aren't."""
        return self._store

    @property
    def flattens(self) -> bool:
        """Whether arrays of several dimensions may come as arrays of one; gdb keeps them apart."""
        return False

    @property
    def key(self) -> str:
        """What names the kernel in the store."""
        return self._key

    def type(self, name: str) -> Type:
        """A type by name, or by a C declaration without a name (``struct sock *``, ``char [16]``).

        UnknownTypeError if the debug data has no such type.
        """
        return self.types([name])[name]

    def types(self, names: Iterable[str]) -> dict[str, Type]:
        """Several types by name, the unknown ones of them asked in one round trip."""
        wanted = {name: self._declared(name) for name in names}
        self._learn([kind for kind in wanted.values() if isinstance(kind, TypeRef)])
        return {name: self._of(kind) for name, kind in wanted.items()}

    def prefetch(self, names: Iterable[str]) -> None:
        """Learn several types in one round trip; unknown ones are no error here."""
        self._learn([kind for kind in map(self._declared, names) if isinstance(kind, TypeRef)])

    def declared(self, text: str) -> Type:
        """The type in a C declaration, named or not: references in it aren't looked up.

        UnknownTypeError for what is no declaration.
        """
        return self._declaration(text).type

    def resolve(self, kind: Type) -> Type:
        """A type without typedefs and references: what its bytes are. Pointers' targets stay as they are."""
        for _ in range(_DEEPEST):
            if isinstance(kind, TypeRef):
                known = self._known.get(kind.name)
                if known is None:
                    self._learn([kind])
                    known = self._of(kind)
                kind = known
            elif isinstance(kind, TypedefType):
                kind = kind.target
            elif isinstance(kind, ArrayType) and kind.origin is not None:
                return self._whole(kind)
            else:
                return kind
        raise UnknownTypeError(f"{type_name(kind)} is defined by itself")

    def _whole(self, kind: ArrayType) -> ArrayType:
        """An array out of BTF with all of its dimensions."""
        return ArrayType(kind.element, kind.count)

    def sizeof(self, kind: str | Type) -> int:
        """A type's size in bytes; UnknownTypeError if it has none, such as an incomplete one."""
        kind = self.type(kind) if isinstance(kind, str) else kind
        size = size_of(kind)
        while size is None and isinstance(kind, TypeRef | TypedefType | ArrayType):
            if isinstance(kind, ArrayType):
                return self.sizeof(kind.element) * (kind.count or 0)
            kind = self.resolve(kind)
            size = size_of(kind)
        if size is None:
            raise UnknownTypeError(f"{type_name(kind)} has no size")
        return size

    def offset(self, kind: str | Type, path: str) -> int:
        """Offset in bytes of a member by its path; of a bit-field, the byte in which it begins."""
        return direct(self, self.type(kind) if isinstance(kind, str) else kind, path).offset

    def member(self, kind: str | Type, path: str) -> Member:
        """The member that a path leads to: through anonymous members, nested ones and array indexes.

        ``bit_offset`` counts from the start of ``kind``; ``type`` is complete (a typedef with its target).
        UnknownMemberError says what was wanted of which type, and what is near.
        """
        place = direct(self, self.type(kind) if isinstance(kind, str) else kind, path)
        name = _LAST_NAME.search(path)
        return Member(name and name[1], self._complete(place.type), place.bit_offset, place.bit_size)

    def has_member(self, kind: str | Type, path: str) -> bool:
        """Whether there is such a type, with such a member."""
        try:
            self.member(kind, path)
        except (UnknownTypeError, UnknownMemberError):
            return False
        return True

    def enumerators(self, kind: str | Type) -> dict[str, int]:
        """The names and values of an enumeration (``enum pid_type``, or a typedef of one)."""
        found = self.resolve(self.type(kind) if isinstance(kind, str) else kind)
        if not isinstance(found, EnumType):
            raise UnknownTypeError(f"{type_name(found)} is no enumeration")
        return dict(found.enumerators)

    def variable(self, name: str) -> Type:
        """The type of a variable or function, kept like other types.

        UnknownTypeError where the debug data has none, as for modules' symbols and those of assembler.
        """
        if name not in self._variables:
            found = self._kept(name, lambda: self._ask_variable(arguments.symbol(name)))
            self._variables[name] = self.resolve(found) if isinstance(found, TypeRef) else found
        return self._variables[name]

    def enumeration_of(self, constant: str) -> dict[str, int]:
        """All names and values of the enumeration that a constant belongs to; it may have no name.

        UnknownTypeError where the kernel has no such constant.
        """
        return self.enumerators(self._kept(f"enum of {constant}", lambda: self._ask_enumeration(constant)))

    def _ask_enumeration(self, constant: str) -> Type:
        (result,) = self._run([f"gdb ptype {arguments.symbol(constant)}"])
        if result.failure is not None:
            raise UnknownTypeError(f"no constant {constant} in the kernel's debug data")
        return parse_ptype(result.command, result.text, abi=self._abi, pointers=0)

    def _kept(self, name: str, ask: Callable[[], Type]) -> Type:
        """The type of what isn't a type's name, kept like those; also that there is none."""
        kept: Type | None = None
        if self._store:
            kept = self._store.get("variable", self._key, name, Type, version=_VARIABLE_VERSION)
        if kept is not None:
            return kept
        # as a type's name it can't be confused with one
        if self._known_unknown([f"variable {name}"]):
            raise UnknownTypeError(f"the debug data has no type of {name}; Kernel.symbol_as takes one")
        try:
            found = ask()
        except UnknownTypeError:
            self._keep("no-type", f"variable {name}", True)
            raise
        self._keep("variable", name, found, _VARIABLE_VERSION)
        return found

    def _keep(self, kind: str, name: str, value: object, version: int = VERSION) -> None:
        self._keeps = self._keeps and not self._has_module_types()
        if self._keeps and self._store:
            self._store.put(kind, self._key, name, value, version=version)

    def _ask_variable(self, name: str) -> Type:
        (result,) = self._run([f"whatis {name}"])
        if result.failure is None and "{...}" in result.text:
            # its type has no name that could be asked for
            (result,) = self._run([f"gdb ptype/o &{name}"])
            if result.failure is None:
                self._need_char(result.text)
                return self._sized(name, parse_ptype(result.command, result.text, abi=self._abi, pointers=1))
        if result.failure is not None and result.failure.kind in {"gdb", "message"}:
            raise UnknownTypeError(f"the debug data has no type of {name}; Kernel.symbol_as takes one")
        return self.declared(result.check().text.strip().removesuffix(";"))

    def _sized(self, name: str, kind: Type) -> Type:
        """A variable's type; an enumeration with its size, which gdb leaves out."""
        if not isinstance(kind, EnumType) or kind.size:
            return kind
        return msgspec.structs.replace(kind, size=plain.number(*self._run([f"gdb p sizeof({name})"])))

    def _complete(self, kind: Type) -> Type:
        """A type whose own bytes are all described: references that it contains by value resolved."""
        if isinstance(kind, TypeRef):
            self._learn([kind])
            return self._of(kind)
        if isinstance(kind, ArrayType):
            return ArrayType(self._complete(kind.element), kind.count)
        return kind

    # learning

    def _declared(self, name: str) -> Type:
        """A name as it stands: a reference to look up, or a type made of them."""
        if self._is_settled(name):
            return TypeRef(name)
        found = self._declaration(name)
        if found.name is not None or found.bits is not None:
            raise UnknownTypeError(f"{name[:200]!a} is no type name")
        return found.type

    def _declaration(self, text: str) -> Declaration:
        self._need_char(text)
        try:
            return parse_declaration(text, self._abi)
        except DeclarationError as error:
            raise UnknownTypeError(f"{text[:200]!a} is no type name: {error}") from None

    def _is_settled(self, name: str) -> bool:
        return name in self._known or name in self._unknown or name in self._failed

    def _of(self, kind: Type) -> Type:
        """What a reference stands for, once it was learnt."""
        if not isinstance(kind, TypeRef):
            return kind
        if kind.name in self._known:
            return self._known[kind.name]
        if kind.name in self._failed:
            raise self._failed[kind.name].with_traceback(None)
        raise UnknownTypeError(f"no type {kind.name} in the kernel's debug data{self._hint(kind.name)}")

    def _hint(self, name: str) -> str:
        """Names of types that are near, looked for once: readers ask again and again what a kernel has."""
        if name not in self._hints:
            self._hints[name] = hint(name, self._names())
        return self._hints[name]

    def _names(self) -> list[str]:
        stored = self._store.names("type", self._key) if self._store else []
        return sorted({*self._known, *stored})

    def _learn(self, wanted: Sequence[TypeRef]) -> None:
        """Get types that aren't known yet: from the store, from crash, from modules."""
        cold = {ref.name: ref for ref in wanted if not self._is_settled(ref.name)}
        self._learn_own({name: ref for name, ref in cold.items() if "@" not in name})
        for name in cold:
            lacks = isinstance(self._known.get(name, _NOTHING), IncompleteType) and name not in self._failed
            if lacks and (elsewhere := self._elsewhere()):
                self._learn_elsewhere(elsewhere, name)

    def _learn_elsewhere(self, elsewhere: Elsewhere, name: str) -> None:
        """Get a type of a module; where a module is meant that has none of its own, it is the kernel's."""
        try:
            found = elsewhere.find(name)
        except UnknownTypeError as error:
            self._failed[name] = error
            return
        plain, _, module = name.partition("@")
        if found is None and module:
            if not self._is_settled(plain):
                self._learn_own({plain: TypeRef(plain)})
            found = None if plain in self._from_modules else self._known.get(plain)
        elif found is not None:
            self._from_modules.add(name)
        if found is not None:
            self._known[name] = found
        self._unknown.add(name)  # to the kernel's own debug data

    def _learn_own(self, cold: dict[str, TypeRef]) -> None:
        """Get types of the kernel itself."""
        if self._store and (there := self._there("type", cold)):
            kept = self._store.get_many("type", self._key, there, Type, version=VERSION)
            self._known.update(kept)
            cold = {name: ref for name, ref in cold.items() if name not in kept}
        if not cold:
            return
        cold = {name: ref for name, ref in cold.items() if name not in self._known_unknown(cold)}
        found = self._ask(list(cold.values())) if cold else {}
        absent = cold.keys() - found.keys() - self._failed.keys()
        self._known.update(found)
        self._unknown.update(absent)
        if self._keeps and self._store:
            self._store.put_many("type", self._key, found, version=VERSION)
            self._store.put_many("no-type", self._key, dict.fromkeys(absent, True), version=VERSION)

    def _there(self, kind: str, names: Iterable[str]) -> list[str]:
        """Those of the names that the store had when it was first asked: a question for each costs more."""
        if kind not in self._kept_names:
            self._kept_names[kind] = frozenset(self._store.names(kind, self._key) if self._store else ())
        return [name for name in names if name in self._kept_names[kind]]

    def _known_unknown(self, names: Iterable[str]) -> set[str]:
        """Those of the names that the kernel is known not to have; modules' debug data may have them."""
        if not self._store or not (there := self._there("no-type", names)):
            return set()
        kept = self._store.get_many("no-type", self._key, there, bool, version=VERSION)
        if kept and self._has_module_types():
            self._keeps = False
            return set()
        self._unknown.update(kept)
        return set(kept)

    def _ask(self, wanted: list[TypeRef]) -> dict[str, Type]:
        wanted = [ref for ref in wanted if _NAME.fullmatch(ref.name)]
        if not wanted:
            return {}
        results = self._described(wanted)
        sound = next((i + 1 for i, result in enumerate(results) if _broke_gdb(result)), len(results))
        self._keeps = self._keeps and not self._has_module_types()
        pairs = zip(wanted[:sound], results[:sound], strict=True)
        found = {ref.name: kind for ref, result in pairs if (kind := self._read(ref, result)) is not None}
        # what a broken gdb says of the types behind is worth nothing: by now there is a new one
        return self._named(wanted, found) | self._ask(wanted[sound:])

    def _read(self, ref: TypeRef, result: CommandResult) -> Type | None:
        """The type in gdb's words; None if it was refused, or nothing can be known of it."""
        if _refused(result):
            return None
        try:
            return self._parse(ref.name, result)
        except (ParseError, CommandFailedError) as error:
            if not isinstance(error, ParseError) and not _broke_gdb(result):
                raise
            self._failed[ref.name] = error
            return None

    def _described(self, wanted: list[TypeRef]) -> list[CommandResult]:
        """gdb's words on types: with offsets where this gdb has them."""
        if self._has_offsets is not False:
            results = self._run([f"gdb ptype/o {ref.name} **" for ref in wanted])
            if self._has_offsets or not all(map(_refused, results)):
                self._has_offsets = True
                return results
            # either there are no such types, or no /o: all kernels have a list_head
            (probe,) = self._run(["gdb ptype/o struct list_head **"])
            self._has_offsets = not _refused(probe)
            if self._has_offsets:
                return results
        return self._run([f"gdb ptype {ref.name}" for ref in wanted])

    def _parse(self, name: str, result: CommandResult) -> Type:
        text = result.check().text
        self._need_char(text)
        if not self._has_offsets:
            return plain.parse_plain(self._run, name, result, self._abi)
        try:
            return parse_ptype(result.command, text, abi=self._abi)
        except SizesWantedError as missing:
            asked = [f"gdb p sizeof((({name} *)0)->{path})" for path in missing.paths]
            sizes = dict(zip(missing.paths, map(plain.number, self._run(asked)), strict=True))
            return parse_ptype(result.command, text, abi=self._abi, sizes=sizes)

    def _has_module_types(self) -> bool:
        """Whether modules' debug data is loaded (``mod -s``): a type may be theirs then, and isn't kept."""
        text = self._session.run("mod").text
        return any(_MODULE.match(line) and "(not loaded)" not in line for line in text.splitlines())

    def _need_char(self, text: str) -> None:
        """Learn whether char is signed if the text has one: since 6.2 (3bc753c06dd0) nowhere, before on some.

        gdb's own char follows the machine; that of a kernel structure follows the kernel's compiler.
        """
        if self._asked_char or not has_plain_char(text):
            return
        self._asked_char = True
        kept = self._store and self._store.get("fact", self._key, "char_signed", bool, version=VERSION)
        if isinstance(kept, bool):
            signed = kept
        else:
            # with radix 16 the first says 0xff of both kinds
            if (match := self._ask_char("p") or self._ask_char("p/d")) is None:
                raise UnknownTypeError("gdb doesn't tell whether char is signed")
            signed = match[1] == "-1"
            if self._store:
                self._store.put("fact", self._key, "char_signed", signed, version=VERSION)
        self._abi = Abi(self._abi.word_size, signed)

    def _ask_char(self, command: str) -> re.Match[str] | None:
        asked = [f"gdb {command} ({kind})-1" for kind in (_COMM, "char")]
        texts = [result.text for result in self._run(asked) if not _refused(result)]
        return _CHAR.match(texts[0]) if texts else None

    def _named(self, wanted: list[TypeRef], found: dict[str, Type]) -> dict[str, Type]:
        """Types as they are kept: enumerations with their size, typedefs with their name."""
        unsized = [
            ref for ref in wanted if isinstance(kind := found.get(ref.name), EnumType) and not kind.size
        ]
        ask = [ref for ref in unsized if ref.size is None]
        sizes = {ref.name: ref.size for ref in unsized if ref.size is not None}
        if ask:
            results = self._run([f"gdb p sizeof({ref.name})" for ref in ask])
            sizes |= {ref.name: plain.number(result) for ref, result in zip(ask, results, strict=True)}
        for name, size in sizes.items():
            found[name] = msgspec.structs.replace(found[name], size=size)
        for ref in [ref for ref in wanted if ref.name in found]:
            try:
                found[ref.name] = _as_named(ref, found[ref.name])
            except ParseError as error:
                self._failed[ref.name] = error
                del found[ref.name]
        return found

    def _run(self, commands: list[str]) -> list[CommandResult]:
        if not commands:
            return []
        self.queries += len(commands)
        # a cold one takes gdb a tenth of a second, now and then a whole one
        timeout = None if len(commands) < 20 else 60.0 + 2 * len(commands)
        return self._session.run_many(commands, timeout=timeout)


def has_plain_char(text: str) -> bool:
    """Whether a type's text has a char of which it doesn't say whether it has a sign."""
    return _PLAIN_CHAR.search(text) is not None


def layout_key(kernel: str, modules: Iterable[tuple[str, str]] = ()) -> str:
    """What layouts are kept under: the kernel's own key, modules (name, build id) with debug data."""
    loaded = "\n".join(f"{name} {identity}" for name, identity in sorted(modules))
    return f"{kernel}+{hashlib.sha256(loaded.encode()).hexdigest()[:32]}" if loaded else kernel


def _refused(result: CommandResult) -> bool:
    """Whether gdb said no, as it does of a type that it doesn't know (its own words are lost)."""
    return result.failure is not None and result.failure.kind == "gdb"


def _broke_gdb(result: CommandResult) -> bool:
    """Whether gdb itself fell over the type."""
    return result.failure is not None and result.failure.kind == "gdb-crashed"


def _as_named(ref: TypeRef, kind: Type) -> Type:
    if ref.name.startswith(_TAGS):
        shown = type_name(kind)
        if shown != ref.name:
            raise ParseError(f"ptype {ref.name}", 1, 1, shown, "another type than was asked for")
        return kind
    if ref.size is not None and size_of(kind) not in {None, ref.size}:
        raise ParseError(f"ptype {ref.name}", 1, 1, type_name(kind), f"not of size {ref.size}")
    return TypedefType(ref.name, kind)
