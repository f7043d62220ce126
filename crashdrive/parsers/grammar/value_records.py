"""Records for gdb's values that have no plain Python value; see `crashdrive.parsers.grammar.values`."""

from __future__ import annotations

from typing import Any

from crashdrive.records import Address, Bits, Record

MAX_RUN = 1 << 20
"""How many elements and characters ``<repeats N times>`` may add to a text; as many as the text has
characters, where that is more.
"""


class Pointer(Record, frozen=True, tag_field="$", tag="pointer"):
    """An address with gdb's additions.

    ``symbol`` and ``offset``: ``<init_task+16>``. ``string``: the text that a char pointer points to;
    ``error``: why that can't be read. ``type``: ``struct task_struct *``, where gdb prints it, as at the top
    of an expression.
    """

    address: Address
    symbol: str | None = None
    offset: int | None = None
    string: str | None = None
    type: str | None = None
    error: str | None = None


class Enumerators(Record, frozen=True, tag_field="$", tag="enum"):
    """A value that gdb prints as an enumerator's name, or as several names or-ed; ``rest``: bits without a
    name.
    """

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
    """A number, or a pointer's address; TypeError for any other value."""
    if isinstance(value, Pointer):
        return value.address
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"no number: {ascii(value)[:100]}")


def as_text(value: object) -> str:
    """The text of a char array, or at a char pointer; TypeError for any other value."""
    text = value.string if isinstance(value, Pointer) else value
    if isinstance(text, str):
        return text
    raise TypeError(f"no text: {ascii(value)[:100]}")
