"""Whole structures as crash prints them among other things: ``struct socket {...}``."""

from __future__ import annotations

from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.records import Record


class Structure(Record, frozen=True):
    """A structure: its type with the keyword, its members by name (see grammar/values.py)."""

    type: str
    value: Any


def structure() -> g.Structure:
    """``struct NAME {...}`` with the end of its line, as a `Structure`."""
    return g.Structure(make=Structure)
