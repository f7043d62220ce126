"""Reading a text, or a part of one, as one shape of a command's output."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Shape, Source


def read_shape(shape: Shape, source: Source) -> Sequence[Any]:
    """The records of a source of this shape; ParseError where the text doesn't fit.

    Grammars, and pyparsing, are imported here, when the first text is read.
    """
    if shape.grammar is None:
        return shape.parse(source) if shape.parse else ()
    found = _read()(shape.grammar, source)
    return shape.finish(source, found) if shape.finish else found


@functools.cache
def _read() -> Callable[..., list[Any]]:
    from crashdrive.parsers.grammar.reading import read

    return read


def read_part(shapes: Sequence[Shape], part: Source, whole: Source, offset: int) -> tuple[str, list[Any]]:
    """(shape, records) of a part of another output, ``whole``, in which it begins at ``offset``.

    The first of ``shapes`` that fits is taken. Notices and errors have line numbers of ``whole``.
    """
    shape = next((shape for shape in shapes if shape.when(part)), None)
    if shape is None:
        whole.fail(offset, "no known shape of this command's output")
    above = whole.position(offset)[0] - 1
    try:
        records = list(read_shape(shape, part))
    except ParseError as error:
        line = error.line + above
        raise ParseError(whole.command.text, line, error.column, error.text, error.reason) from error
    for notice in part.warnings:
        whole.keep(replace(notice, line=notice.line and notice.line + above))
    whole.untold += part.untold
    whole.complete = whole.complete and part.complete
    return shape.name, records
