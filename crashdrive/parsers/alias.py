"""``alias``: names for command lines.

Source in crash: ``cmd_alias()``, ``list_aliases()`` (cmdline.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Record

OPTSTRING = ""
EXAMPLES = ("alias", "alias kp kmem -p", "alias kp", 'alias kp ""', "alias nosuchalias")


class Alias(Record, frozen=True):
    """An alias: its origin (``builtin``, ``runtime``, or an rc file), its name, what it stands for."""

    origin: str
    name: str
    command: str


class DeletedAlias(Record, frozen=True):
    """An alias that isn't there any more."""

    name: str


_HEADER = re.compile(r"ORIGIN +ALIAS +COMMAND *")
_ROW = re.compile(r"(builtin|runtime|\S+) +(\S+) +(\S(?:.*?\S)?) *")
_DELETED = re.compile(r"alias deleted: (\S+) *\n?")


def _parse(source: Source) -> Sequence[Alias]:
    records = []
    for offset, line in source.lines():
        if not offset:
            if not _HEADER.fullmatch(line):
                source.fail(0, "expected ORIGIN, ALIAS and COMMAND")
        elif line.startswith("alias does not exist: "):
            source.note("error", line, line=source.position(offset)[0], text=line, incomplete=True)
        elif not _HEADER.fullmatch(line) and (match := _ROW.fullmatch(line)):
            records.append(Alias(*match.groups()))
        else:
            source.reject(offset, "no alias")
    if not (records or source.warnings):
        source.fail(0, "expected ORIGIN, ALIAS and COMMAND")
    return records


def _parse_deleted(source: Source) -> Sequence[DeletedAlias]:
    match = _DELETED.fullmatch(source.text)
    if not match:
        source.fail(0, "expected an alias that was deleted")
    return [DeletedAlias(match[1])]


SHAPES = (
    Shape(
        name="deleted",
        record=DeletedAlias,
        parse=_parse_deleted,
        options='alias NAME ""',
        when=lambda source: _DELETED.fullmatch(source.text) is not None,
    ),
    Shape(name="aliases", record=Alias, parse=_parse, options="alias [NAME [COMMAND]]"),
)
