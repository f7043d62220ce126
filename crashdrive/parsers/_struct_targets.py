"""Pointers that ``struct -p`` follows: ``TYPE *NAME = ADDRESS``, and in the next line what is at that
address.

Source in crash: ``dereference_pointer()`` (symbols.c).
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.records import Address, Record


class Target(Record, frozen=True, tag_field="$", tag="target"):
    """A pointer followed by ``-p``: its ``type``, its ``address``, and what is at that address.

    ``symbol``: the symbol at the address; ``value``: the value there. Where crash shows no value, ``value``
    is None and ``reason`` says why: ``NULL``, ``not accessible``, ``unknown``, ``unknown target type``,
    ``TYPE: no debuginfo data``.
    """

    type: str
    address: Address
    symbol: str | None = None
    value: Any = None
    reason: str | None = None


def followed_pointer() -> g.ParserElement:
    """A pointer with what it leads to (``-p``), as a dict of one `Target`::

    struct mm_struct *mm = 0x0
    -> NULL
    char *name = 0xffffffff82c05c8
    -> "swapper"
    struct files_struct *files = 0xffffffff9ab6d080
    -> <init_files> {
         count = {
    """
    type_ = r"\S[^\n={}]{0,300}?[ *]|\S[^\n={}]{0,300}?\(\*"
    head = rf"[ ]{{2}}(?P<type>{type_})(?P<name>\w{{1,255}}+)(?P<more>\)\([^\n={{}}]{{0,1000}}\))? = "
    place = r"0x(?P<address>[0-9a-f]{1,16})\n  -> "
    pointer = g.Terminal(head + place, "a pointer that is followed: TYPE *NAME = ADDRESS", _pointer)
    twice = g.Terminal(head + place, pointer.name, lambda found: _pointer(found, "**"))
    why = r"NULL|\((?:not accessible|unknown|unknown target type|[\w ]+: no debuginfo data)\)"
    reason = g.Row(rf"({why})", lambda row: {"reason": row[1].strip("()")}, "why nothing is shown")
    only = g.Row(r"<([^<>\n]+)>", lambda row: {"symbol": row[1]}, "the symbol that is there")
    symbol = g.Terminal(r"<([^<>\n]+)> (?=\S)", only.name, lambda found: {"symbol": found[1]})
    text = g.Row(r'"([^\n]*)"', lambda row: {"value": row[1]}, "a text")
    bare = g.Row(r"([0-9a-f]{1,16})", lambda row: {"value": int(row[1], 16)}, "an address")
    value = (g.GdbValue() + g.LineEnd()).add_parse_action(lambda tokens: {"value": tokens[0]})
    shown = g.Opt(symbol) + (reason | text | value)
    found = twice + (only | g.Opt(symbol) + (reason | text | bare | value)) | pointer + (only | shown)
    return found.add_parse_action(_target)


def _pointer(found: re.Match[str], end: str = "") -> tuple[str, str, int] | None:
    """(name, type, address) of a pointer whose declaration ends in this suffix."""
    type_ = f"{found['type'].rstrip()}{found['more'] or ''}"
    return (found["name"], type_, int(found["address"], 16)) if type_.endswith(end) else None


def _target(tokens: g.ParseResults) -> dict[str, Target]:
    (name, type_, address), *told = tokens
    given = {key: value for part in told for key, value in part.items()}
    return {name: Target(type=type_, address=address, **given)}
