"""Reading structures, with notices of missing data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import msgspec

from crashdrive.choices import no_such
from crashdrive.errors import (
    CorruptError,
    FaultError,
    IncompleteError,
    UnknownMemberError,
    UnknownSymbolError,
    UnknownTypeError,
)
from crashdrive.records import Answer, MadeOfRows, Notice, told_incomplete

if TYPE_CHECKING:
    from crashdrive.kernel import Columns, Objects, Problem, Walk
    from crashdrive.kernel.structures.maple_tree import Ranges
    from crashdrive.kernel.structures.xarray import Entries
    from crashdrive.linux.machine import Machine

T = TypeVar("T")
R = TypeVar("R")

# a hash table that claims more buckets than this is damaged: thash_entries= is capped at 512 k
_MOST_BUCKETS = 1 << 24


class Fields:
    """Members by short names, each with its paths in different kernels.

    A member that this kernel lacks is None in all rows, or, if it is ``required``, an UnknownMemberError.
    """

    def __init__(
        self,
        kernel: Machine,
        kind: str,
        wanted: Mapping[str, Sequence[str]],
        required: Iterable[str] = (),
    ) -> None:
        self.kind = kind
        self._names: dict[str, str | None] = {}
        for name, paths in wanted.items():
            self._names[name] = kernel.first_path(kind, paths)
        for name in required:
            if self._names[name] is None:
                raise UnknownMemberError(f"{kind} has no {wanted[name]}")

    @property
    def paths(self) -> list[str]:
        """The paths that this kernel has."""
        return list(dict.fromkeys(path for path in self._names.values() if path is not None))

    def has(self, name: str) -> bool:
        """Whether this kernel has that member."""
        return self._names[name] is not None

    def named(self, columns: Columns) -> dict[str, Sequence[Any]]:
        """Columns by their short names."""
        nothing = [None] * len(columns)
        return {name: nothing if path is None else columns[path] for name, path in self._names.items()}


class Reading(MadeOfRows, msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """The rows of a public reader; also a sequence of them.

    ``complete`` is False where data is missing; ``notices`` says what is missing, and what is odd.
    """

    rows: tuple[R, ...]
    complete: bool
    notices: tuple[Notice, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> R:
        return self.rows[index]

    def __bool__(self) -> bool:
        """True, also without rows."""
        return True

    def answer(self) -> Answer[R]:
        """The same as an answer."""
        return Answer(
            command="read", shape="rows", complete=self.complete, warnings=self.notices, records=self.rows
        )

    def check(self) -> Self:
        """The reading itself; IncompleteError where data is missing."""
        if not self.complete:
            raise IncompleteError(told_incomplete("read", self.notices))
        return self


class Survey:
    """One reading of a kernel's structures, which collects notices of missing and odd data.

    ``complete`` is False once requested data is missing; ``notices`` says what is missing, and what is odd.
    """

    def __init__(self, kernel: Machine) -> None:
        self.kernel = kernel
        self.notices: list[Notice] = []
        self.complete = True

    def miss(self, notices: Iterable[Notice], *, complete: bool = False) -> None:
        """Note missing or odd data; ``complete``: nothing is missing."""
        self.notices += notices
        self.complete &= complete

    def walked(self, found: Objects | Walk | Entries | Ranges, what: str) -> None:
        """Note the problems of a walk: the first one of each kind, and the number of others."""
        kinds: dict[str, list[Problem]] = {}
        for problem in found.problems:
            kinds.setdefault(problem.kind, []).append(problem)
        for problems in kinds.values():
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self.miss([problems[0].notice(what, more)], complete=True)
        self.complete &= found.complete

    def gaps(self, columns: Columns, what: str) -> Columns:
        """The columns as they are; their gaps are noted."""
        if columns.gaps:
            self.miss(columns.notices(what))
        return columns

    def read(self, fields: Fields, addresses: Sequence[int], what: str) -> dict[str, Sequence[Any]]:
        """Members of structures, by their short names; gaps are noted."""
        columns = self.kernel.read_many(fields.kind, addresses, fields.paths)
        return fields.named(self.gaps(columns, what))

    def rows(self, fields: Fields, addresses: Sequence[int], what: str) -> list[dict[str, Any]]:
        """Members of structures, a dict for each, in the order of the addresses; gaps are noted."""
        columns = self.read(fields, addresses, what)
        return row_dicts(columns) if columns else [{} for _ in addresses]

    def addressed(
        self, fields: Fields, addresses: Sequence[int], what: str
    ) -> list[tuple[int, dict[str, Any]]]:
        """Members of structures, as (address, dict) pairs; gaps are noted."""
        return list(zip(addresses, self.rows(fields, addresses, what), strict=True))

    def attempt(self, what: str, find: Callable[[], Iterable[T]]) -> list[T]:
        """The rows of a finder. A notice, and the rows until then, where this kernel lacks its types, members
        or symbols, or the dump its memory, or where data is damaged.
        """
        found: list[T] = []
        try:
            found.extend(find())
        except (UnknownMemberError, UnknownSymbolError, UnknownTypeError) as error:
            said = f"this kernel keeps {what} elsewhere; not read ({error})"
            self.miss([Notice(kind="elsewhere", message=said)])
        except FaultError as error:
            self.miss([Notice(kind="hole", message=f"{what}: {error}")])
        except CorruptError as error:
            self.miss([Notice(kind="damaged", message=f"{what}: {error}")])
        return found

    def reading(self, rows: Iterable[R]) -> Reading[R]:
        """A `Reading` of rows, with the survey's completeness and notices after the last row."""
        found = tuple(rows)
        return Reading(rows=found, complete=self.complete, notices=tuple(dict.fromkeys(self.notices)))

    def require(self, what: str, words: Iterable[object], there: Iterable[object]) -> None:
        """UsageError for a word that isn't in ``there``.

        In an incomplete survey the word may be in the missing data: that is noted, and no error.
        """
        known = list(there)
        for word in words:
            if word not in known:
                error = no_such(what, word, known)
                if self.complete:
                    raise error
                self.miss([Notice(kind="unknown", message=f"{error}; it may be in what is missing")])

    def absent(self, what: str) -> None:
        """Note that this kernel was built without a feature; nothing is missing."""
        self.miss([Notice(kind="absent", message=f"this kernel has no {what}")], complete=True)

    def buckets(self, count: int, what: str) -> int:
        """The number of buckets to walk: the count, or 0, noted, where it is damaged."""
        if 0 < count <= _MOST_BUCKETS and not count & (count - 1):
            return count
        self.miss([Notice(kind="node", message=f"{what}: {count} buckets are impossible; not read")])
        return 0

    def seconds(self, ticks: Sequence[int | None]) -> list[float | None]:
        """Seconds from now until times in jiffies."""
        now, hz, span = self.kernel.jiffies, self.kernel.hz, 1 << (8 * self.kernel.pointer_size)
        half = span >> 1
        return [None if tick is None else (((tick - now + half) & (span - 1)) - half) / hz for tick in ticks]


def row_dicts(columns: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """Columns of equal length as a dict for each row."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def bit(kernel: Machine, enumeration: str, name: str) -> int:
    """The mask of a bit that an enumeration numbers."""
    return 1 << kernel.enumerators(enumeration)[name]


def enumerators(survey: Survey, member: str) -> dict[str, int]:
    """Names and numbers of the anonymous enumeration that has this member."""
    return survey.kernel.layouts.enumeration_of(member)
