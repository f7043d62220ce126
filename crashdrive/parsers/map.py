"""``map``: the map file of a KVM dump, by which crash finds the dump's pages. Source in crash: ``cmd_map()``
(kvmdump.c).

As crash prints it::

    crash> map
    MAP FILE IN USE: (tmpfile)
"""

from __future__ import annotations

import re

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.records import Record


class MapFile(Record, frozen=True):
    """A map file: ``action`` is ``in use``, ``created`` or ``appended``; ``file`` as crash names it."""

    action: str
    file: str


_ACTIONS = {"IN USE": "in use", "CREATED": "created", "APPENDED TO": "appended"}


def _files() -> g.ParserElement:
    """``MAP FILE IN USE: /tmp/vm.map``: a line for each file."""
    pattern = r"MAP FILE (IN USE|CREATED|APPENDED TO): ((?:(?!MAP FILE )[^\n]){1,8192})"
    return g.Rows(g.Row(pattern, _file, "a map file: MAP FILE IN USE: FILE"), least=0)


def _file(row: re.Match[str]) -> MapFile:
    return MapFile(action=_ACTIONS[row[1]], file=row[2])


def _check(source: Source, files: list[MapFile]) -> list[MapFile]:
    return demand_records(source, files, "no map file")


SHAPES = (Shape(name="file", record=MapFile, grammar=_files, finish=_check, options="(none) -a -f"),)
EXAMPLES = ("map", "map -x")
