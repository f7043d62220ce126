"""``map``: the file that maps a KVM dump's memory. Source in crash: ``cmd_map()`` (kvmdump.c)."""

from __future__ import annotations

import re

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.cursor import Cursor
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.records import Record


class MapFile(Record, frozen=True):
    """A map file: ``action`` is ``in use``, ``created`` or ``appended``; ``file`` as crash names it."""

    action: str
    file: str


OPTSTRING = "af"
EXAMPLES = ("map", "map -x")

_LINE = re.compile(r"MAP FILE (IN USE|CREATED|APPENDED TO): (.+)")
_ACTIONS = {"IN USE": "in use", "CREATED": "created", "APPENDED TO": "appended"}


def _parse(source: Source) -> list[MapFile]:
    cursor = Cursor(source)
    files: list[MapFile] = []
    while cursor.skip_blank():
        if found := cursor.match(_LINE, 8192):
            files.append(MapFile(action=_ACTIONS[found[1]], file=found[2]))
        else:
            cursor.skip_or_reject("no map file")
    return demand_records(source, files, "no map file")


SHAPES = (Shape(name="file", record=MapFile, parse=_parse, options="(none) -a -f"),)
