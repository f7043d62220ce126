"""What became of an answer when its text was damaged: its rows against those of the whole one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import msgspec

from crashdrive.records import Answer

_PLAIN = (str, int, float, bytes, type(None))


class Whole:
    """The answer to a text that isn't damaged, taken apart once for all that is compared with it."""

    def __init__(self, answer: Answer[Any]) -> None:
        self.answer = answer

    @cached_property
    def rows(self) -> list[msgspec.Struct]:
        """All its records."""
        return list(rows(self.answer.records))

    @cached_property
    def size(self) -> int:
        """How many values they have."""
        return sum(map(size, self.rows))


def became(answer: Answer[Any], whole: Whole) -> str:
    """The class of an answer to a damaged text."""
    if not answer.complete:
        return "marked"
    if answer.records == whole.answer.records:
        return "same"
    ours = list(rows(answer.records))
    if len(ours) < len(whole.rows):
        return "fewer"
    if sum(map(size, ours)) < whole.size:
        return "values"
    return "text" if len(ours) == len(whole.rows) and _one_text(ours, whole.rows) else "other"


def rows(value: Any) -> Iterator[msgspec.Struct]:
    """All records, those inside of others too."""
    if isinstance(value, msgspec.Struct):
        yield value
        value = [getattr(value, field) for field in value.__struct_fields__]
    elif isinstance(value, dict):
        value = value.values()
    if isinstance(value, tuple | list) or hasattr(value, "values"):
        for held in value:
            # most values are no records, and hold none
            if not isinstance(held, _PLAIN):
                yield from rows(held)


def size(row: msgspec.Struct) -> int:
    """How many values a record has itself."""
    return sum(_values(getattr(row, field)) for field in row.__struct_fields__)


def _values(value: Any) -> int:
    if isinstance(value, _PLAIN):
        return value is not None
    if isinstance(value, msgspec.Struct):
        return 0
    if isinstance(value, dict):
        return sum(map(_values, value.values()))
    return sum(map(_values, value)) if isinstance(value, tuple | list) else 1


def _one_text(ours: list[msgspec.Struct], theirs: list[msgspec.Struct]) -> bool:
    """Whether two lists of records are alike but for one text in one record, and those around that one."""
    others = (pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1])
    different = [(one, other) for one, other in ((flat(a), flat(b)) for a, b in others) if one != other]
    if len(different) != 1:
        return False
    ((one, other),) = different
    texts = [(one.get(name), other.get(name)) for name in one | other if one.get(name) != other.get(name)]
    return len(texts) == 1 and all(isinstance(text, str) for text in texts[0])


def flat(row: msgspec.Struct) -> dict[str, Any]:
    """A record's name and its own values."""
    held = {field: getattr(row, field) for field in row.__struct_fields__}
    return {"": type(row)} | {name: value for name, value in held.items() if not _holds_rows(value)}


def _holds_rows(value: Any) -> bool:
    return not isinstance(value, _PLAIN) and any(True for _ in rows(value))
