"""``alias``: names for command lines. Source in crash: ``cmd_alias()``, ``list_aliases()`` (cmdline.c).

As crash prints it::

    crash> alias
    ORIGIN   ALIAS    COMMAND
    builtin  man      help
    builtin  ?        help
    builtin  quit     q
    ...
"""

from __future__ import annotations

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import WORD, Cell, Column
from crashdrive.records import Record


class Alias(Record, frozen=True):
    """An alias: its origin (``builtin``, ``runtime``, or an rc file), its name, what it stands for."""

    origin: str
    name: str
    command: str


class DeletedAlias(Record, frozen=True):
    """An alias that isn't there any more."""

    name: str


def _aliases() -> g.ParserElement:
    """One row for each alias; a command that holds another row's beginning is refused, as a newline was
    lost::

    ORIGIN   ALIAS    COMMAND
    builtin  man      help
    runtime  kp       kmem -p
    """
    origin = r"(?:builtin|runtime) {2}"
    word = rf"(?:(?!{origin})[^ \n])++"
    command = rf"{word}(?: ++(?![^ \n]{{0,256}}rc {{2}}){word})*+"
    return g.table(
        Alias,
        Column("ORIGIN", "origin", Cell(r"(?!ORIGIN |alias does )[^ \n]++")),
        Column("ALIAS", "name", WORD),
        Column("COMMAND", "command", Cell(command), last=True),
        what="alias",
        between=g.noise(g.Remark(r"alias does not exist: [^\n]*+", "error")),
        least=0,
    )


def _check(source: Source, found: list[Alias]) -> list[Alias]:
    if not (found or source.warnings):
        source.fail(0, "expected an alias")
    return found


def _deleted() -> g.ParserElement:
    """``alias deleted: kp``."""
    return g.Row(r"alias deleted: ([^ \n]++)", lambda row: DeletedAlias(row[1]), "an alias that was deleted")


SHAPES = (
    Shape(
        name="deleted",
        record=DeletedAlias,
        grammar=_deleted,
        options='alias NAME ""',
        when=lambda source: source.text.startswith("alias deleted: "),
    ),
    Shape(name="aliases", record=Alias, grammar=_aliases, finish=_check, options="alias [NAME [COMMAND]]"),
)
EXAMPLES = ("alias", "alias kp kmem -p", "alias kp", 'alias kp ""', "alias nosuchalias")
