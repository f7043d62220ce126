"""``extend``: crash's own extensions, shared objects that add commands.

Source in crash: ``cmd_extend()``, ``load_extension()``, ``unload_extension()`` (extensions.c).

As crash prints it::

    crash> extend -s
    /usr/lib/crash/extensions/dminfo.so
    /usr/lib/crash/extensions/snap.so
    /usr/lib/crash/extensions/echo.so
"""

from __future__ import annotations

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import Cell, Column
from crashdrive.records import Record


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


def _loaded() -> g.ParserElement:
    """One row for each shared object::

    SHARED OBJECT  COMMANDS
    ./extlib1.so   echo util bin
    """
    words = Cell(r"\S(?:[^\n]*?[^ \n])??", lambda text: tuple(text.split()))
    return g.table(
        Extension,
        Column("SHARED OBJECT", "path", Cell(r"\S++")),
        Column("COMMANDS", "commands", words, last=True),
        what="extensions",
        least=0,
    )


def _events() -> g.ParserElement:
    """``./extlib1.so: shared object loaded``: a line for each object; lines that the object itself prints
    become notices.
    """
    own_words = g.Remark(
        r"(?!extend: |WARNING: |NOTE: |[^\n]*: shared obj)[^\n]*[^ \n]", "extension", incomplete=False
    )
    return g.Rows(
        g.Row(
            r"((?:(?!: shared object )[^\n])++): shared object (loaded|unloaded|already loaded)",
            lambda row: ExtensionEvent(row[1], row[2]),
            "a shared object that was loaded or unloaded",
        ),
        between=g.noise(own_words),
        least=0,
    )


def _check_events(source: Source, found: list[ExtensionEvent]) -> list[ExtensionEvent]:
    """The events. Where other lines stand among them, each named object must have its event."""
    asked = len(source.command.arguments)
    if len(found) < asked and any(notice.kind == "extension" for notice in source.warnings):
        source.note("partial", f"{asked} shared objects were named, {len(found)} are told", incomplete=True)
    return found


def _available() -> g.ParserElement:
    """A path in each line, always with its folder; a second ``.so`` in a line is a second path."""
    path = g.Row(
        r"([^\s/]*+/(?:(?!\.so *+[^ \n])[^\n])*+)(?<! )",
        lambda row: AvailableExtension(row[1]),
        "the path of an extension: FILE.so",
    )
    return g.Rows(path, least=0)


def _none() -> g.ParserElement:
    """Nothing is printed."""
    return g.Gap()


SHAPES = (
    Shape(
        name="loaded",
        record=Extension,
        grammar=_loaded,
        options="extend",
        when=lambda source: source.text.startswith("SHARED OBJECT "),
    ),
    Shape(
        name="events",
        record=ExtensionEvent,
        grammar=_events,
        finish=_check_events,
        options="extend FILE...; extend -u [FILE...]",
        when=lambda source: ": shared object " in source.text,
    ),
    Shape(
        name="available",
        record=AvailableExtension,
        grammar=_available,
        options="extend -s",
        when=lambda source: source.command.has("s") and not source.text.startswith("extend: "),
    ),
    Shape(
        name="none",
        record=Extension,
        grammar=_none,
        options="extend, with none loaded",
        when=lambda source: not source.text.strip() and not source.command.arguments,
    ),
)
EXAMPLES = ("extend", "extend -u", "extend -s", "extend nosuch.so")
