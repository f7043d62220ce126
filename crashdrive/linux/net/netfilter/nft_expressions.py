"""Expressions of nf_tables: what rules, sets and objects are made of, as text.

An expression is a pointer to its operations, and its arguments: a structure that only the module's source
file defines. The function that evaluates the expression tells which structure it is (`Form`). Expressions of
one kind are read together, however many rules they are in. Source: include/net/netfilter/nf_tables.h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.errors import FaultError, UnknownMemberError, UnknownTypeError
from crashdrive.kernel.memory.window import Window
from crashdrive.linux.percpu import numbers
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Notice

WHAT = "rules of nf_tables"
_EXPR, _OPS = "struct nft_expr", "struct nft_expr_ops"
_LONGEST = 256
# NFT_RULE_MAXEXPRS
_MOST = 128


class Run(NamedTuple):
    """Consecutive expressions of ``size`` bytes in all; a single one where ``size`` is None."""

    address: int
    size: int | None


class Kind(NamedTuple):
    """The operations of an expression: its name, the function that evaluates it, its size, its private data.

    nft_do_chain() itself evaluates some kinds; for these it is the function that initializes them.
    """

    name: str | None
    function: str | None
    size: int
    data: int


class Found(NamedTuple):
    """An expression, with the address of its arguments."""

    kind: Kind
    place: int


Row = Mapping[str, Any]
Prepare = Callable[["Decoder", Sequence[Row]], None]
Words = Callable[["Decoder", Row], str]


class Form(NamedTuple):
    """The form of an expression's arguments: a structure, its members by short names, and the text of these.

    Where kernels name the structure differently, it is the first of several that there is.

    ``words`` gives the text between the brackets. ``prepare`` gets all rows before, to fetch their pointers'
    targets together. A row always has two further members: ``place``, the address of the arguments, and
    ``extra``, `Kind.data`.
    """

    structure: str | tuple[str, ...]
    members: Mapping[str, Sequence[str]]
    words: Words
    prepare: Prepare | None = None


class Decoder:
    """Decodes expressions to text; keeps names and counters that it has read."""

    def __init__(self, survey: Survey, forms: Mapping[str, Form]) -> None:
        self.survey, self.kernel = survey, survey.kernel
        self.order = survey.kernel.order
        self._forms = forms
        self._head = self.kernel.offset(_EXPR, "data")
        self._kinds: dict[int, Kind | None] = {}
        self._strings: dict[int, str] = {}
        self._chains: dict[int, int | None] = {}
        self._counters: dict[int, tuple[int | None, int | None]] = {}
        self._nested: dict[int, str] = {}
        self._fields: dict[str, Fields | None] = {}
        self.unknown: set[str] = set()
        # data that forms have fetched, by address
        self.kept: dict[int, tuple[Any, ...]] = {}

    # for forms

    def string(self, pointer: int | None) -> str:
        """The text that a pointer leads to."""
        if not pointer:
            return "?"
        if pointer not in self._strings:
            try:
                raw = self.kernel.read_string(pointer, _LONGEST)
                self._strings[pointer] = raw.decode("utf-8", "backslashreplace")
            except FaultError as error:
                self.survey.miss([Notice(kind="hole", message=f"{WHAT}: a name: {error}")])
                self._strings[pointer] = "?"
        return self._strings[pointer]

    def fetch_strings(self, pointers: Iterable[int | None]) -> None:
        """Fetch the texts for `string`, all in one round trip."""
        self.kernel.prefetch([(pointer, 1) for pointer in pointers if pointer])

    def chain(self, pointer: int) -> str:
        """The name of a chain."""
        if pointer not in self._chains:
            self.fetch_chains([pointer])
        return self.string(self._chains[pointer])

    def fetch_chains(self, pointers: Iterable[int]) -> None:
        """Fetch the names of chains for `chain`."""
        wanted = sorted(set(pointers) - set(self._chains))
        columns = self.kernel.read_many("struct nft_chain", wanted, ["name"])
        names = self.survey.gaps(columns, WHAT)["name"]
        self._chains |= dict(zip(wanted, names, strict=True))
        self.fetch_strings(names)

    def counter(self, pointer: int | None) -> tuple[int | None, int | None]:
        """Packets and bytes of a per-CPU counter."""
        return self._counters.get(pointer or 0, (None, None))

    def fetch_counters(self, pointers: Iterable[int | None]) -> None:
        """Add up counters for `counter`."""
        kernel, wanted = self.kernel, sorted({pointer for pointer in pointers if pointer})
        # struct nft_counter_percpu on older kernels, u64_stats_t on newer ones
        kind = next(
            (one for one in ("struct nft_counter_percpu", "struct nft_counter") if kernel.has_type(one)), None
        )
        if kind is None or not wanted:
            return
        packets, size = (
            numbers(
                self.survey,
                kind,
                kernel.path(
                    kind, f"{name}.v.a.a.counter", f"{name}.v.a.counter", f"{name}.v", f"counter.{name}", name
                ),
                wanted,
            )
            for name in ("packets", "bytes")
        )
        self._counters |= {pointer: (packets[pointer], size[pointer]) for pointer in wanted}

    def nested(self, pointer: int | None) -> str:
        """The text of an expression that another one points to."""
        return self._nested.get(pointer or 0, "[ ? ]")

    def fetch_nested(self, pointers: Iterable[int | None]) -> None:
        """Decode nested expressions for `nested`."""
        wanted = [pointer for pointer in dict.fromkeys(pointers) if pointer and pointer not in self._nested]
        for pointer, texts in zip(wanted, self.texts([Run(one, None) for one in wanted]), strict=True):
            self._nested[pointer] = " ".join(texts)

    # decoding

    def texts(self, runs: Sequence[Run]) -> list[list[str]]:
        """Each run's expressions in brackets."""
        window = self.kernel.window()
        window.fetch((run.address, run.size or self._head) for run in runs)
        found = [self._split(window, run) for run in runs]
        by_kind: dict[Kind, list[int]] = {}
        for expressions in found:
            for expression in expressions:
                by_kind.setdefault(expression.kind, []).append(expression.place)
        said = {kind: self._decode(kind, places) for kind, places in by_kind.items()}
        return [[said[one.kind][one.place] for one in expressions] for expressions in found]

    def one(self, kind: Kind, place: int) -> str:
        """The text of an object, which has the arguments of an expression."""
        return self._decode(kind, [place])[place]

    def _split(self, window: Window, run: Run) -> list[Found]:
        place, end = run.address, run.address + (run.size or 1)
        found: list[Found] = []
        while place < end:
            raw = window.bytes(place, self._head)
            pointer = None if raw is None else int.from_bytes(raw, _byte_order(self.order))
            kind = self._kind(pointer) if pointer else None
            if kind is None or kind.size < self._head or len(found) >= _MOST:
                self._lost(place)
                break
            found.append(Found(kind, place + self._head))
            place += kind.size
        return found

    def _lost(self, place: int) -> None:
        message = f"{WHAT}: no expression can be read at {place:#x}; the rest of its rule is missing"
        self.survey.miss([Notice(kind="hole", message=message)])

    def _kind(self, pointer: int) -> Kind | None:
        if pointer not in self._kinds:
            columns = self.kernel.read_many(_OPS, [pointer], ["type->name", "eval", "init", "size", "data"])
            ((name, evaluate, init, size, data),) = self.survey.gaps(columns, WHAT)
            known = size is not None and name
            function = evaluate or init
            place = self.kernel.symbols.lookup(function) if function else None
            self._kinds[pointer] = (
                Kind(self.string(name), place.symbol.name if place else None, size, data or 0)
                if known
                else None
            )
        return self._kinds[pointer]

    def _decode(self, kind: Kind, places: Sequence[int]) -> dict[int, str]:
        """Texts by the places of the arguments."""
        form = self._forms.get(kind.function or "")
        fields = self._members(form) if form else None
        if form is None or fields is None:
            self.unknown.add(kind.name or "?")
            return dict.fromkeys(places, f"[ {kind.name} ? ]")
        rows: list[Row] = [
            {**row, "place": place, "extra": kind.data}
            for place, row in self.survey.addressed(fields, places, WHAT)
        ]
        whole = [row for row in rows if all(row[name] is not None for name in fields.there)]
        if form.prepare:
            form.prepare(self, whole)
        said = dict.fromkeys(places, f"[ {kind.name} ? ]")
        for row in whole:
            try:
                said[row["place"]] = f"[ {form.words(self, row)} ]"
            except FaultError as error:
                self.survey.miss([Notice(kind="hole", message=f"{WHAT}: {kind.name}: {error}")])
        return said

    def _members(self, form: Form) -> _Members | None:
        """The members of a form; None where this kernel's debug data lacks the structure or a member."""
        try:
            return _Members(self.kernel, form)
        except (UnknownTypeError, UnknownMemberError):
            return None


class _Members(Fields):
    """A form's members; all must be there, but for those whose last alternative is empty."""

    def __init__(self, kernel: Any, form: Form) -> None:
        optional = {name for name, paths in form.members.items() if not paths[-1]}
        wanted = {name: [path for path in paths if path] for name, paths in form.members.items()}
        names = (form.structure,) if isinstance(form.structure, str) else form.structure
        structure = next((name for name in names if kernel.has_type(name)), names[0])
        super().__init__(kernel, structure, wanted, [name for name in wanted if name not in optional])
        self.there = [name for name in wanted if self.has(name)]


def _byte_order(order: str) -> Any:
    return "little" if order == "<" else "big"
