"""Register dumps made of rows of registers; their grammar is in `crashdrive.parsers.grammar.registers`."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from crashdrive.expressions import expression
from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.parsers.grammar.register_values import ExceptionFrame, is_complete

_PLACE = expression(r"(\S{1,300}?)(?:\+(0x[0-9a-f]{1,16}|\d{1,12}))?", re.ASCII)


class Registers(NamedTuple):
    """A dump, and its offset in the text."""

    place: int
    frame: ExceptionFrame


class Fields(NamedTuple):
    """Fields from a line about the dump, or about the frame above it."""

    place: int
    values: dict[str, Any]


class Values(NamedTuple):
    """Registers of a line by name, and the texts behind them."""

    place: int
    registers: dict[str, int]
    details: dict[str, str]


class Unnamed(NamedTuple):
    """A row of s390's general registers, which continues the row above; ``first``: the row that says GPRS."""

    place: int
    first: bool
    values: list[int]


class Hole(NamedTuple):
    """crash's line that says that it couldn't read all registers."""

    place: int
    message: str


def make_dumps(text: Text, _place: int, rows: list[Any]) -> list[Registers]:
    """The rows as dumps; a repeated register name begins the next dump, which may have no title."""
    dumps = [_Dump(text, row.place) for row in rows[:1]]  # none in lenient mode, where no row is left
    for row in rows:
        if isinstance(row, Values) and dumps[-1].begins_again(row):
            dumps.append(_Dump(text, row.place))
        dumps[-1].add(row)
    return [dump.finish() for dump in dumps]


class _Dump:
    """The rows of one dump."""

    def __init__(self, text: Text, place: int) -> None:
        self._text = text
        self._place = place
        self._registers: dict[str, int] = {}
        self._details: dict[str, str] = {}
        self._fields: dict[str, Any] = {}
        self._damaged = False

    def begins_again(self, row: Values) -> bool:
        """Whether a row begins another dump: it repeats a register. RISC-V alone repeats some within a dump,
        with equal values.
        """
        have = self._registers
        again = [name for name in row.registers if name in have]
        if not again or (
            len(again) < len(row.registers) and all(have[name] == row.registers[name] for name in again)
        ):
            return False
        if not is_complete(have):
            self._text.misfit(row.place, f"register {again[0]} stands twice")
        return True

    def add(self, row: Fields | Values | Unnamed | Hole) -> None:
        """Add a row."""
        match row:
            case Values():
                self._registers |= row.registers
                self._details |= row.details
            case Fields():
                self._add_fields(row)
            case Unnamed():
                self._number(row)
            case Hole():
                self._damaged = True
                self._text.note(row.place, "partial", row.message, incomplete=True, late=True)

    def _add_fields(self, row: Fields) -> None:
        if "file" in row.values and "file" in self._fields:
            self._text.misfit(row.place, "a second line of source")
            return
        if "file" not in row.values and not self._registers and row.values:
            self._place = row.place
        self._registers |= row.values.pop("registers", {})
        self._fields |= row.values

    def _number(self, row: Unnamed) -> None:
        if not row.first and "psw" not in self._registers:
            self._text.misfit(row.place, "values of registers without names")
            return
        first = sum(name[0] == "r" for name in self._registers)
        self._registers |= {f"r{first + count}": value for count, value in enumerate(row.values)}

    def finish(self) -> Registers:
        """The dump; marked where registers are missing."""
        happened = self._fields.pop("happened", None)
        if happened is not None:
            self._happened(happened)
        complete = is_complete(self._registers)
        if not complete:
            self._text.note(self._place, "partial", "registers are missing", incomplete=True, late=True)
        frame = ExceptionFrame(
            registers=self._registers,
            details=self._details or None,
            complete=complete and not self._damaged,
            **self._fields,
        )
        return Registers(self._place, frame)

    def _happened(self, place: str) -> None:
        """``native_safe_halt+11`` as function and offset; other texts (``user space``) as a detail."""
        found = _PLACE.fullmatch(place)
        if found:
            offset = plain_number(found[2]) if found[2] else None
            self._fields |= {"function": found[1], "offset": offset}
        else:
            self._details["exception"] = place
