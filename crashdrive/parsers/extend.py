"""``extend``: crash's own extensions, shared objects that add commands.

Source in crash: ``cmd_extend()``, ``load_extension()``, ``unload_extension()`` (extensions.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Record

OPTSTRING = "us"
EXAMPLES = ("extend", "extend -u", "extend -s", "extend nosuch.so")


class Extension(Record, frozen=True):
    """A loaded shared object and the commands that it adds."""

    path: str
    commands: tuple[str, ...]


class ExtensionEvent(Record, frozen=True):
    """What happened to a shared object: ``loaded``, ``unloaded`` or ``already loaded``."""

    path: str
    event: str


class AvailableExtension(Record, frozen=True):
    """A shared object that could be loaded (``-s``)."""

    path: str


_HEADER = re.compile(r"SHARED OBJECT +COMMANDS *")
_ROW = re.compile(r"(\S++) +(\S.*+)")
_EVENT = re.compile(r"(.+): shared object (loaded|unloaded|already loaded) *")
_ERROR = re.compile(r"extend: (.+)")


def _parse_loaded(source: Source) -> Sequence[Extension]:
    records: list[Extension] = []
    for offset, line in source.lines():
        if _HEADER.fullmatch(line) and not records:
            continue
        match = _ROW.fullmatch(line)
        if match:
            records.append(Extension(match[1], tuple(match[2].split())))
        else:
            source.reject(offset, "no shared object and its commands")
    return records


def _parse_events(source: Source) -> Sequence[ExtensionEvent]:
    records = []
    for offset, line in source.lines():
        if match := _EVENT.fullmatch(line):
            records.append(ExtensionEvent(match[1], match[2]))
        elif match := _ERROR.fullmatch(line):
            source.note("error", match[1], line=source.position(offset)[0], text=line, incomplete=True)
        else:
            source.reject(offset, "no shared object that was loaded or unloaded")
    return records


def _parse_available(source: Source) -> Sequence[AvailableExtension]:
    return [AvailableExtension(line) for _, line in source.lines() if line.strip()]


def _parse_nothing(_source: Source) -> Sequence[Extension]:
    return []


SHAPES = (
    Shape(
        name="loaded",
        record=Extension,
        parse=_parse_loaded,
        options="extend",
        when=lambda source: _HEADER.match(source.text) is not None,
    ),
    Shape(
        name="events",
        record=ExtensionEvent,
        parse=_parse_events,
        options="extend FILE...; extend -u [FILE...]",
        when=lambda source: ": shared object " in source.text,
    ),
    Shape(
        name="available",
        record=AvailableExtension,
        parse=_parse_available,
        options="extend -s",
        when=lambda source: source.command.has("s") and not _ERROR.match(source.text),
    ),
    Shape(
        name="none",
        record=Extension,
        parse=_parse_nothing,
        options="extend, with none loaded",
        when=lambda source: not source.text.strip() and not source.command.arguments,
    ),
)
