"""``rustfilt``: a Rust symbol's readable name.

Source in crash: ``cmd_rustfilt()`` (symbols.c), from crash 9.0.1 on.

As crash prints it::

    crash> rustfilt _RNvNtCshc5sK6KjdJJ_6kernel5print11call_printk
    kernel::print::call_printk
"""

from __future__ import annotations

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape
from crashdrive.records import Record


class RustSymbol(Record, frozen=True):
    """A symbol's name as Rust's source has it."""

    name: str


# crate::module::item, with generics, references, closures
_NAME = r"(?=[^\n]*::)(?:[\w$<>&*()\[\]{},;'#=+-]|::|(?<=[,;>])[ ]|[ ](?:as|for|mut|dyn)[ ])+"


def _name() -> g.ParserElement:
    """``kernel::print::call_printk``, or a line of its own about a name that crash refuses::

    Not a rust symbol:
    nosuchsymbol
    """
    name = g.Row(rf" *+({_NAME})", lambda row: RustSymbol(row[1]), "a Rust symbol's name: CRATE::ITEM")
    refused = g.Terminal(r"Not a rust symbol:[^\n]*+(?:\n[^\n]*+)?+\n?+", "a symbol that isn't Rust's")
    return g.Gap() + (refused.add_parse_action(_refused) | name)


def _refused(text: str, place: int, tokens: g.ParseResults) -> list[RustSymbol]:
    g.Text.of(text).note(place, "error", " ".join(tokens[0].split()), incomplete=True)
    return []


SHAPES = (Shape(name="name", record=RustSymbol, grammar=_name, options="rustfilt SYMBOL"),)
EXAMPLES = ("rustfilt _RNvNtCshc5sK6KjdJJ_6kernel5print11call_printk", "rustfilt nosuchsymbol")
