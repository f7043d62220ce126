"""The elements that all grammars of commands are made of.

``from crashdrive.parsers import grammar as g`` costs nothing: an element, and pyparsing with it, is imported
at its first use. So a grammar is a function without arguments, for `Shape.grammar`; it is called once, when a
text is first read. ``docs/grammars.md`` says how one is written.

Elements that structure a grammar are pyparsing's own: ``+``, ``|``, `Group`, `Opt`, `ZeroOrMore`, `Forward`,
`FollowedBy`. For parts that a text has thousands of there are tokens of our own: `Rows` reads a run of rows
in one loop; so does `table`, with columns by its header.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crashdrive.parsers.grammar.context import Text as Text
    from crashdrive.parsers.grammar.definitions import definition as definition
    from crashdrive.parsers.grammar.definitions import enumeration as enumeration
    from crashdrive.parsers.grammar.entry_tables import entries as entries
    from crashdrive.parsers.grammar.function_readers import Reader as Reader
    from crashdrive.parsers.grammar.function_readers import c_declaration as c_declaration
    from crashdrive.parsers.grammar.function_readers import task_header as task_header
    from crashdrive.parsers.grammar.gdb_values import GdbValue as GdbValue
    from crashdrive.parsers.grammar.gdb_values import LineEnd as LineEnd
    from crashdrive.parsers.grammar.gdb_values import Members as Members
    from crashdrive.parsers.grammar.gdb_values import Structure as Structure
    from crashdrive.parsers.grammar.headed import table as table
    from crashdrive.parsers.grammar.hexdump import hex_words as hex_words
    from crashdrive.parsers.grammar.labelled import InOrder as InOrder
    from crashdrive.parsers.grammar.labelled import key_values as key_values
    from crashdrive.parsers.grammar.later import Later as Later
    from crashdrive.parsers.grammar.layouts import layout as layout
    from crashdrive.parsers.grammar.messages import Messages as Messages
    from crashdrive.parsers.grammar.noises import Blank as Blank
    from crashdrive.parsers.grammar.noises import BlankLines as BlankLines
    from crashdrive.parsers.grammar.noises import CrashMessage as CrashMessage
    from crashdrive.parsers.grammar.noises import Elided as Elided
    from crashdrive.parsers.grammar.noises import Gap as Gap
    from crashdrive.parsers.grammar.noises import Noise as Noise
    from crashdrive.parsers.grammar.noises import Remark as Remark
    from crashdrive.parsers.grammar.noises import Tail as Tail
    from crashdrive.parsers.grammar.noises import noise as noise
    from crashdrive.parsers.grammar.pyparsing_core import And as And
    from crashdrive.parsers.grammar.pyparsing_core import FollowedBy as FollowedBy
    from crashdrive.parsers.grammar.pyparsing_core import Forward as Forward
    from crashdrive.parsers.grammar.pyparsing_core import Group as Group
    from crashdrive.parsers.grammar.pyparsing_core import MatchFirst as MatchFirst
    from crashdrive.parsers.grammar.pyparsing_core import OneOrMore as OneOrMore
    from crashdrive.parsers.grammar.pyparsing_core import Opt as Opt
    from crashdrive.parsers.grammar.pyparsing_core import ParserElement as ParserElement
    from crashdrive.parsers.grammar.pyparsing_core import ParseResults as ParseResults
    from crashdrive.parsers.grammar.pyparsing_core import Suppress as Suppress
    from crashdrive.parsers.grammar.pyparsing_core import ZeroOrMore as ZeroOrMore
    from crashdrive.parsers.grammar.reading import prepared as prepared
    from crashdrive.parsers.grammar.reading import read as read
    from crashdrive.parsers.grammar.registers import register_dump as register_dump
    from crashdrive.parsers.grammar.repeated import Many as Many
    from crashdrive.parsers.grammar.repeated import Rows as Rows
    from crashdrive.parsers.grammar.sections import block as block
    from crashdrive.parsers.grammar.sections import blocks as blocks
    from crashdrive.parsers.grammar.sections import made as made
    from crashdrive.parsers.grammar.sections import nested as nested
    from crashdrive.parsers.grammar.sections import record as record
    from crashdrive.parsers.grammar.sections import section as section
    from crashdrive.parsers.grammar.terminals import Address as Address
    from crashdrive.parsers.grammar.terminals import Anything as Anything
    from crashdrive.parsers.grammar.terminals import End as End
    from crashdrive.parsers.grammar.terminals import Line as Line
    from crashdrive.parsers.grammar.terminals import Number as Number
    from crashdrive.parsers.grammar.terminals import Row as Row
    from crashdrive.parsers.grammar.terminals import Size as Size
    from crashdrive.parsers.grammar.terminals import SymbolOffset as SymbolOffset
    from crashdrive.parsers.grammar.terminals import Terminal as Terminal
    from crashdrive.parsers.grammar.terminals import Titles as Titles
    from crashdrive.parsers.grammar.terminals import Word as Word
    from crashdrive.parsers.grammar.token_blocks import Blocks as Blocks
    from crashdrive.parsers.grammar.token_blocks import Nest as Nest
    from crashdrive.parsers.grammar.trace_pieces import make_trace as make_trace
    from crashdrive.parsers.grammar.traces import trace as trace

_HOMES = {
    f"{__name__}.pyparsing_core": (
        *("And", "FollowedBy", "Forward", "Group", "MatchFirst", "OneOrMore", "Opt", "ParseResults"),
        *("ParserElement", "Suppress", "ZeroOrMore"),
    ),
    f"{__name__}.context": ("Text",),
    f"{__name__}.terminals": (
        *(
            "Address",
            "Anything",
            "End",
            "Line",
            "Number",
            "Row",
            "Size",
            "SymbolOffset",
            "Terminal",
            "Titles",
        ),
        "Word",
    ),
    f"{__name__}.noises": (
        *("Blank", "BlankLines", "CrashMessage", "Elided", "Gap", "Noise", "Remark", "Tail", "noise"),
    ),
    f"{__name__}.messages": ("Messages",),
    f"{__name__}.repeated": ("Many", "Rows"),
    f"{__name__}.headed": ("table",),
    f"{__name__}.entry_tables": ("entries",),
    f"{__name__}.definitions": ("definition", "enumeration"),
    f"{__name__}.layouts": ("layout",),
    f"{__name__}.hexdump": ("hex_words",),
    f"{__name__}.registers": ("register_dump",),
    f"{__name__}.labelled": ("InOrder", "key_values"),
    f"{__name__}.later": ("Later",),
    f"{__name__}.sections": ("block", "blocks", "made", "nested", "record", "section"),
    f"{__name__}.function_readers": (*("Reader", "c_declaration", "task_header"),),
    f"{__name__}.gdb_values": ("GdbValue", "LineEnd", "Members", "Structure"),
    f"{__name__}.token_blocks": ("Blocks", "Nest"),
    f"{__name__}.reading": ("prepared", "read"),
    f"{__name__}.traces": ("trace",),
    f"{__name__}.trace_pieces": ("make_trace",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 # names of the table above, which is the only list of them


def __getattr__(name: str) -> Any:
    """An element, imported when it is first asked for."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found
