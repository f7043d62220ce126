"""``rustfilt``: a Rust symbol's readable name.

Source in crash: ``cmd_rustfilt()`` (symbols.c), from crash 9.0.1 on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Record

OPTSTRING = ""
EXAMPLES = ("rustfilt _RNvNtCshc5sK6KjdJJ_6kernel5print11call_printk", "rustfilt nosuchsymbol")


# crate::module::item, with generics, references, closures
_NAME = re.compile(r"(?=.*::)(?:[\w$<>&*()\[\]{},;'#=+-]|::|(?<=[,;>])[ ]|[ ](?:as|for|mut|dyn)[ ])+")


class RustSymbol(Record, frozen=True):
    """A symbol's name as Rust's source has it."""

    name: str


def _parse(source: Source) -> Sequence[RustSymbol]:
    if source.text.startswith("Not a rust symbol:"):
        source.note("error", " ".join(source.text.split()), line=1, incomplete=True)
        return []
    lines = [line.strip() for _, line in source.lines() if line.strip()]
    if len(lines) != 1 or not _NAME.fullmatch(lines[0]):
        source.fail(0, "expected one name")
    return [RustSymbol(lines[0])]


SHAPES = (Shape(name="name", record=RustSymbol, parse=_parse, options="rustfilt SYMBOL"),)
