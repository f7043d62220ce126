"""A structure's definition as ``struct`` prints it, with the offsets or the addresses of its members.

Source in crash: ``do_datatype_declaration()``, ``show_member_offset()`` (symbols.c).
"""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.definitions import definition


def definitions() -> g.ParserElement:
    """Definitions, with offsets (``-o``), or with addresses where the command line has an address; see
    `definition`.
    """
    at = g.Terminal("", "addresses of members", _if_placed)
    placed, plain = (g.Many(definition(addresses=addresses)) for addresses in (True, False))
    return g.Suppress(at) + placed | plain


def _if_placed(found: re.Match[str]) -> bool | None:
    return len(g.Text.of(found.string).source.command.arguments) > 1 or None


_DEFINED = expression(r"(?:typedef )?(?:struct|union)(?: \w{1,255})? \{[ \t]*", re.ASCII)
_OPENS = expression(r"(?:\[\w{1,18}\] *)?(?:const |volatile )*(?:struct|union)(?: \w{1,255})? \{", re.ASCII)


def is_definition(source: Source) -> bool:
    """Lines of a definition end in ``;`` or open a structure; contents have `` = `` or a bare brace. At an
    address stands a definition with ``-o`` alone.
    """
    if len(source.command.arguments) > 1 and not source.command.has("o"):
        return False
    head, _, rest = source.text.lstrip().partition("\n")
    first = rest.partition("\n")[0].strip()
    if len(head) > 1000 or not _DEFINED.fullmatch(head):
        return False
    return (
        first.endswith(";") or first in {"...", "}"} or first.startswith("<") or bool(_OPENS.fullmatch(first))
    )
