"""QdiscReading a text as one shape of a command's output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crashdrive.parsers.base import Shape, Source


def read_shape(shape: Shape, source: Source) -> Sequence[Any]:
    """The records of a source of this shape; ParseError where the text doesn't fit.

    A grammar, and pyparsing with it, is imported here, when the first text is read.
    """
    if shape.grammar is None:
        return shape.parse(source) if shape.parse else ()
    from crashdrive.parsers.grammar.reading import read

    found = read(shape.grammar, source)
    return shape.finish(source, found) if shape.finish else found
