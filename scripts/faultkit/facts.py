"""What a reader or a report says, as plain values that can be compared, and whether it says so itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from unittest import mock

import msgspec
from msgspec import structs

from crashdrive.kernel import Columns, Gap, Object, Objects, Problem, Walk
from crashdrive.kernel.structures.walk import HARMLESS
from crashdrive.linux.survey import Reading, Survey
from crashdrive.records import Answer, Notice, Report

# the lowest number that is taken for an address; JSON has these as text
_LOWEST = 1 << 53


class Facts(NamedTuple):
    """Values, and what is said of them.

    ``decisive``: ``complete`` alone tells that something is missing, as reports, answers and readings
    promise; of other results a new one of ``notices`` does too. ``places``: all that those of the notices
    stand for which name the first of several places, as `heard` has it.
    """

    values: Any
    complete: bool
    notices: frozenset[str]
    decisive: bool = True
    places: Mapping[str, frozenset[int]] = {}

    def marked(self, whole: Facts) -> bool:
        """Whether it says more of what is missing than that of the whole memory does."""
        if whole.complete and self.decisive:
            return not self.complete
        return (
            self.complete < whole.complete
            or bool(self.notices - whole.notices)
            or any(
                self.places.get(notice, _NOWHERE) - whole.places.get(notice, _NOWHERE)
                for notice in self.notices
            )
        )


_NOWHERE: frozenset[int] = frozenset()


@contextlib.contextmanager
def heard() -> Iterator[dict[str, frozenset[int]]]:
    """The places that each notice stands for which is made meanwhile, by its message.

    Where a page is missing, a node on it is in place of one behind it that was missing before: "the node A is
    not in the dump (and 7 more)" is all that readers say, before and after.
    """
    found: dict[str, frozenset[int]] = {}

    def note(notices: Iterable[Notice], places: Iterable[int]) -> None:
        for notice in notices:
            found[notice.message] = found.get(notice.message, _NOWHERE).union(places)

    def noted(columns: Columns, what: str) -> tuple[Notice, ...]:
        made = of_columns(columns, what)
        note(made, (gap.address for gap in columns.gaps))
        return made

    def walked(survey: Survey, walk: Objects | Walk, what: str) -> None:
        before = len(survey.notices)
        of_walk(survey, walk, what)
        note(survey.notices[before:], (problem.address for problem in walk.problems))

    of_columns, of_walk = Columns.notices, Survey.walked
    with mock.patch.object(Columns, "notices", noted), mock.patch.object(Survey, "walked", walked):
        yield found


def of_report(report: Report) -> Facts:
    """A report's tables and findings."""
    document = report.builtins()
    values = {"tables": document["tables"], "findings": document["findings"]}
    return Facts(values, report.complete, frozenset(notice.message for notice in report.warnings))


def of_results(results: Iterable[object], *, noted: Iterable[Notice] = (), complete: bool = True) -> Facts:
    """What functions gave back, with what was ``noted`` besides."""
    plain = _Plain()
    values = [plain.of(result) for result in results]
    decisive = isinstance(results, list) and all(isinstance(one, Reading | Answer) for one in results)
    notices = frozenset({*plain.notices, *(notice.message for notice in noted)})
    return Facts(values, plain.complete and complete, notices, decisive)


_AS_IT_IS = frozenset({type(None), bool, str, float, bytes})
_TELLING = (Notice, Problem, Gap, Objects, Walk, Columns, Reading, Answer, Object)
_ROWS: dict[type, bool] = {}


def _is_row(kind: type) -> bool:
    """Whether a type is of records that say nothing of themselves."""
    if kind not in _ROWS:
        telling = issubclass(kind, _TELLING) or hasattr(kind, "complete")
        _ROWS[kind] = issubclass(kind, msgspec.Struct) and not telling
    return _ROWS[kind]


class _Plain:
    """Turns any result into plain values, and takes note of what it says of itself on the way."""

    def __init__(self) -> None:
        self.complete = True
        self.notices: set[str] = set()

    def of(self, value: Any) -> Any:
        # nearly all values are of these kinds; to ask for each kind in turn takes half of a hunt's time
        kind = type(value)
        if kind in _AS_IT_IS:
            return value
        if kind is int:
            return value if value < _LOWEST else hex(value)
        if kind is tuple or kind is list:
            return [self.of(one) for one in value]
        if _is_row(kind):
            return self._of_row(value)
        return self._of_another(value)

    def _of_row(self, value: msgspec.Struct) -> dict[str, Any]:
        fields = structs.asdict(value)
        for name, field in fields.items():
            kind = type(field)
            if kind not in _AS_IT_IS and (kind is not int or field >= _LOWEST):
                fields[name] = self.of(field)
        return fields

    def _of_another(self, value: object) -> Any:
        if isinstance(value, str | float | bytes):
            return value
        if isinstance(value, int):
            return hex(value) if value >= _LOWEST else int(value)
        if isinstance(value, Object):
            return self.of(value.value_() if value.address_ is None else value.address_)
        return self._of_many(value)

    def _of_many(self, value: object) -> Any:
        if isinstance(value, Notice | Problem | Gap):
            self._note(value)
            return None
        if isinstance(value, Objects | Walk | Columns | Reading | Answer) or hasattr(value, "complete"):
            self.complete &= bool(getattr(value, "complete", True))
        if isinstance(value, Objects):
            self._all(value.problems)
            return [hex(address) for address in value.addresses]
        if isinstance(value, msgspec.Struct):
            return self._of_struct(value)
        if isinstance(value, Mapping):
            return {str(self.of(key)): self.of(item) for key, item in value.items()}
        # an iterator's survey is complete when it has ended, no sooner
        return self._all(value) if isinstance(value, Iterable) else type(value).__name__

    def _of_struct(self, value: msgspec.Struct) -> Any:
        if isinstance(value, Reading | Answer):
            self._all(value.notices if isinstance(value, Reading) else value.warnings)
            return self._all(value.rows if isinstance(value, Reading) else value.records)
        return {name: self.of(getattr(value, name)) for name in value.__struct_fields__}

    def _all(self, values: Iterable[object]) -> list[Any]:
        return [self.of(value) for value in values]

    def _note(self, value: Notice | Problem | Gap) -> None:
        message = value.reason if isinstance(value, Gap) else value.message
        if isinstance(value, Gap) or value.kind not in HARMLESS:
            self.notices.add(message)


def lists_of_rows(values: Any, path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Each list of rows, or of plain addresses, behind the names that lead to it."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield from lists_of_rows(value, f"{path}/{name}")
    elif isinstance(values, list | tuple):
        if any(isinstance(one, dict) or address_in(one) for one in values):
            yield path, list(values)
        for value in values:
            if isinstance(value, dict | list | tuple):
                yield from lists_of_rows(value, path)


def address_in(value: object) -> int | None:
    """The address that a plain value is; None where it is none."""
    if not isinstance(value, str) or len(value) != len("0xffff888000000000") or not value.startswith("0x"):
        return None
    try:
        return int(value, 16)
    except ValueError:
        return None
