"""Lines of ``NUMBER: NUMBER``, as ``btop`` and ``ptob`` print them.

Source in crash: ``cmd_btop()``, ``cmd_ptob()`` (memory.c).
"""

from __future__ import annotations

import re

from crashdrive.parsers.base import Source

_PAIR = re.compile(r"([0-9a-f]{1,16}): ([0-9a-f]{1,16})[ ]*")
_ERROR = re.compile(r"[\w-]+: (?:invalid|malformed|not a|cannot|too)[^\n]*")


def read_pairs(source: Source) -> list[tuple[int, int]]:
    """All pairs of hexadecimal numbers; an error about one of several arguments is kept as a notice."""
    found: list[tuple[int, int]] = []
    for offset, line in source.lines():
        if match := _PAIR.fullmatch(line):
            found.append((int(match[1], 16), int(match[2], 16)))
        elif found and _ERROR.fullmatch(line):
            source.note("error", line, line=source.position(offset)[0], text=line, incomplete=True)
        else:
            source.reject(offset, "no pair of numbers")
    if not found and not source.warnings:
        source.fail(0, "no pair of numbers")
    return found
