"""crash's own messages within any command's output.

Source in crash: ``__error()`` (tools.c), ``datatype_error()``, ``dump_trace()`` (symbols.c).
"""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers.base import Source
from crashdrive.records import Notice

# crash's error(): the command's name or one of two words, a colon, the message.
_WORDS = ("WARNING: ", "NOTE: ")
# a message about a kernel that this crash doesn't know, with another command's name before it; below it stand
# lines about crash itself: the place in its source, its own backtrace
_UNKNOWN = expression(r"\w{1,16}: invalid structure (?:member offset|size): \w{1,128}", re.ASCII)
_PLACE = expression(
    r" {3,40}FILE: \S{1,64}  LINE: \d+  FUNCTION: \S{1,128}|\[\S{1,4096}\] error trace: [0-9a-f => ]{1,4096}",
    re.ASCII,
)


def is_message(source: Source, line: str) -> bool:
    """Whether a line is a message of crash: ``CMD: text``, ``WARNING: text``, ``NOTE: text``."""
    return line.startswith((f"{source.command.name}: ", *_WORDS)) or bool(_UNKNOWN.fullmatch(line))


def names_place(line: str) -> bool:
    """Whether a line names a place in crash's source, or is crash's own backtrace."""
    return _PLACE.fullmatch(line) is not None


def message_notice(source: Source, line: str, number: int) -> Notice:
    """The notice for crash's message: of kind ``note``, or ``error``, which marks the answer."""
    plain = line.removeprefix(f"{source.command.name}: ")
    if plain.startswith("NOTE: "):
        return Notice(kind="note", message=plain[6:].strip(), line=number, text=line)
    return Notice(kind="error", message=line.strip(), line=number, text=line)
