"""``gdb``: layouts of structures, as gdb knows them."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.grammar.definitions import Definition
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def gdb(crash: Runner, layout_of: str) -> Answer[Definition]:
    """The layout of a structure or union (``struct list_head``): offsets, sizes and bits of all members.

    Needs gdb 8.1 (crash 8). CommandFailedError where gdb doesn't know it. Source: gdb's ``ptype/o``.
    """
    name = arguments.type_name(layout_of)
    keyword = "" if " " in name else "struct"
    # gdb 16 refuses offsets of structures that end in a flexible array, but not of pointers to pointers to
    # them
    return call(crash, line("gdb ptype/o", keyword, name, "**"))
