r"""Text for people: what strangers wrote, made safe to show; numbers with their nouns."""

from __future__ import annotations

from typing import Any

from crashdrive.expressions import expression

_SURROGATE = expression("[\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Text out of a dump as one line that a terminal may be given: control characters as \xNN."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def valid(text: str) -> str:
    r"""Text that UTF-8 has, too: bytes of a file name that are no UTF-8 as \xNN, as in text out of a dump."""
    return text if text.isascii() else _SURROGATE.sub(lambda match: _escaped(match.group()), text)


def counted(count: int, one: str, many: str) -> str:
    """A number with its words: ``counted(1, "task is", "tasks are")`` is "1 task is"."""
    return f"{count} {one if count == 1 else many}"


def all_valid(value: Any) -> Any:
    """The same plain value with all its texts `valid`."""
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, dict):
        return {all_valid(key): all_valid(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [all_valid(item) for item in value]
    return value


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # what Python makes of a byte (PEP 383)
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
