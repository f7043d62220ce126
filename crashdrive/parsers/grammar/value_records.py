"""Records for gdb's values that have no plain Python value; see `crashdrive.parsers.grammar.values`."""

from __future__ import annotations

from typing import Any

from crashdrive.records import Address, Bits, Record

MAX_RUN = 1 << 20
"""Elements of arrays and characters of strings that ``<repeats N times>`` may add, unless the text is longer.
"""


class Pointer(Record, frozen=True, tag_field="$", tag="pointer"):
    """An address with gdb's additions.

    ``symbol`` and ``offset``: ``<init_task+16>``; ``string``: the text that a char pointer leads to,
    ``error`` why it can't be read; ``type``: ``struct task_struct *`` where gdb names it, as at the top of an
    expression.
    """

    address: Address
    symbol: str | None = None
    offset: int | None = None
    string: str | None = None
    type: str | None = None
    error: str | None = None


class Enumerators(Record, frozen=True, tag_field="$", tag="enum"):
    """A value shown by an enumerator's name, or several of them, or-ed; ``rest``: bits without a name."""

    names: tuple[str, ...]
    rest: Bits = 0


class Missing(Record, frozen=True, tag_field="$", tag="missing"):
    """No value: gdb's reason, such as ``Cannot access memory at address 0x10`` or ``optimized out``."""

    reason: str


class Repeated(Record, frozen=True, tag_field="$", tag="repeated"):
    """A run of equal elements that is too long to be written out (see `MAX_RUN`)."""

    value: Any
    times: int


def as_int(value: object) -> int:
    """The number that a value is or points with; TypeError where it is none."""
    if isinstance(value, Pointer):
        return value.address
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"no number: {ascii(value)[:100]}")


def as_text(value: object) -> str:
    """The text of a char array, or that a char pointer leads to; TypeError where there is none."""
    text = value.string if isinstance(value, Pointer) else value
    if isinstance(text, str):
        return text
    raise TypeError(f"no text: {ascii(value)[:100]}")
