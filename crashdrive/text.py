r"""Text from strangers, made safe to show."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Text out of a dump as one line that a terminal may be given: control characters as \xNN."""
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
