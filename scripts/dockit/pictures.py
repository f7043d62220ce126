"""Railroad diagrams of the parsers' grammars, for docs/grammars/: drawn by pyparsing, as SVG.

Our own tokens mean nothing to pyparsing's diagrams. So a grammar is written anew out of pyparsing's plain
elements (a `_Sketch`), with the tokens' names and titles as words; what gives no structure (noise, lookahead,
groups) is left out. pyparsing draws that, and the drawing is broken into lines that a page has room for.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pyparsing as pp
import railroad  # type: ignore[import-untyped] # it ships no types
from pyparsing.diagram import to_railroad

from crashdrive.parsers.grammar.entry_tables import Entries
from crashdrive.parsers.grammar.headed import Table
from crashdrive.parsers.grammar.labelled import InOrder, KeyValues
from crashdrive.parsers.grammar.later import Later
from crashdrive.parsers.grammar.noises import Gap, Noise, Tail
from crashdrive.parsers.grammar.repeated import Many, Rows
from crashdrive.parsers.grammar.sections import Block
from crashdrive.parsers.grammar.terminals import Anything, End, Terminal, Titles
from crashdrive.parsers.grammar.token_blocks import Blocks, Nest

# Pixels: what a page on GitHub shows without scaling it down much.
_WIDEST = 900
_LONGEST = 90  # characters in a box
_WITHOUT_STRUCTURE = (Noise, Gap, Tail, Anything, End, pp.Empty, pp.FollowedBy, pp.NotAny, pp.PrecededBy)

_STYLE = """
svg.railroad-diagram { background-color: #fbfaf6; }
svg.railroad-diagram path { stroke-width: 2; stroke: #333; fill: none; }
svg.railroad-diagram text { font: 14px monospace; text-anchor: middle; fill: #111; }
svg.railroad-diagram text.comment { font: italic 12px monospace; }
svg.railroad-diagram rect { stroke-width: 2; stroke: #333; fill: #fff; }
svg.railroad-diagram rect.paper { stroke: none; fill: #fbfaf6; }
svg.railroad-diagram g.terminal rect { fill: #ddf0d8; }
svg.railroad-diagram rect.group-box { stroke: #999; stroke-dasharray: 8 5; fill: none; }
"""


class Picture(NamedTuple):
    """A diagram: its name ("" for the whole grammar), and the SVG."""

    name: str
    svg: str


def pictures(grammar: pp.ParserElement) -> list[Picture]:
    """The diagrams of a grammar: the whole, and each part that has a name of its own."""
    sketch = _Sketch().of(grammar)
    if sketch is None:
        return []
    drawn = to_railroad(sketch, vertical=10**6)
    return [Picture("" if i == 0 else one.name, _svg(one.diagram)) for i, one in enumerate(drawn)]


class _Leaf(pp.Token):
    """A box with words in it: ``literal`` ones stand so in the output, others say what stands there."""

    def __init__(self, words: str, *, literal: bool = False) -> None:
        super().__init__()
        self.words = f"{'=' if literal else '-'}{words}"

    def _generateDefaultName(self) -> str:  # noqa: N802 # pyparsing's
        return self.words


class _Sketch:
    """Writes one grammar anew."""

    def __init__(self) -> None:
        self._begun: dict[int, pp.Forward] = {}
        self._tables: dict[int, pp.ParserElement | None] = {}

    def of(self, element: Any) -> pp.ParserElement | None:
        """The element in plain words of pyparsing's; None for what has no structure."""
        if isinstance(element, pp.Forward):
            return self._forward(element)
        drawn = self._drawn(element)
        own = isinstance(element, Terminal)  # its name is that of one line of it
        if drawn is not None and element.customName and not own and len(drawn.recurse()) > 1:
            drawn.set_name(element.customName)
        return drawn

    def _drawn(self, element: Any) -> pp.ParserElement | None:
        for kinds, draw in self._ways():
            if isinstance(element, kinds):
                drawn: pp.ParserElement | None = draw(element)
                return drawn
        return _Leaf(element.name)

    def _ways(self) -> Iterator[tuple[Any, Any]]:
        """How each kind of element is drawn; the first that fits."""
        yield _WITHOUT_STRUCTURE, lambda _element: None
        yield Later, lambda element: self.of(element.build())
        yield Entries, self._entries
        yield Table, _table
        yield KeyValues, _keys
        yield InOrder, _in_order
        yield Titles, lambda element: _Leaf(element.name.removeprefix("the header "), literal=True)
        yield Rows, _rows
        yield Block, lambda element: _sequence([_Leaf(element.header.name), self.of(element.items)])
        yield Blocks, self._blocks
        yield Nest, self._nest
        yield Many, lambda element: _repeated(self.of(element.item), element.least)
        yield pp.And, lambda element: _sequence(map(self.of, element.exprs))
        yield (pp.MatchFirst, pp.Or), lambda element: self._alternatives(element.exprs)
        yield pp.Opt, lambda element: _optional(self.of(element.expr))
        yield pp.ZeroOrMore, lambda element: _repeated(self.of(element.expr), 0)
        yield pp.OneOrMore, lambda element: _repeated(self.of(element.expr), 1)
        yield pp.ParseElementEnhance, lambda element: self.of(element.expr)

    def _forward(self, element: pp.Forward) -> pp.ParserElement:
        known = self._begun.get(id(element))
        if known is None:
            known = self._begun[id(element)] = pp.Forward()
            known.set_name(element.customName or element.expr.name)
            inside = self.of(element.expr)
            known <<= inside if inside is not None else _Leaf(element.name)
        return known

    def _blocks(self, element: Blocks) -> pp.ParserElement | None:
        items = self._alternatives(element.items)
        below = [] if items is None else [_repeated(items, 0)]
        return _repeated(_sequence([_Leaf(element.head.name), *below]), 0)

    def _nest(self, element: Nest) -> pp.ParserElement | None:
        again = [_Leaf(words) for words in (element.opened.name, "such lines again", element.closed.name)]
        within = _sequence(again)
        items = self._alternatives(element.items)
        return _repeated(pp.MatchFirst([one for one in (items, within) if one is not None]), 0)

    def _entries(self, element: Entries) -> pp.ParserElement | None:
        """Drawn once, by its name, where it is a part of something."""
        if id(element) not in self._tables:
            below = element.below if isinstance(element.below, pp.ParserElement) else element.below()
            drawn = self._tables[id(element)] = _table(element, self.of(below))
            if drawn is not None:
                drawn.set_name(f"a table of {element.what}")
        return self._tables[id(element)]

    def _alternatives(self, elements: Iterable[Any]) -> pp.ParserElement | None:
        drawn = [self.of(element) for element in elements]
        found = [one for one in drawn if one is not None]
        if not found:
            return None
        alternatives = found[0] if len(found) == 1 else pp.MatchFirst(found)
        return alternatives if len(found) == len(drawn) else _optional(alternatives)


def _sequence(elements: Iterable[pp.ParserElement | None]) -> pp.ParserElement | None:
    """One after the other; in pairs, since pyparsing draws three equal ones as a repetition."""
    found = [element for element in elements if element is not None]
    if not found:
        return None
    whole = found.pop()
    while found:
        whole = pp.And([found.pop(), whole])
    return whole


def _repeated(element: pp.ParserElement | None, least: int) -> pp.ParserElement | None:
    if element is None:
        return None
    return pp.OneOrMore(element) if least else pp.ZeroOrMore(element)


def _optional(element: pp.ParserElement | None) -> pp.ParserElement | None:
    return None if element is None else pp.Opt(element)


def _rows(element: Rows) -> pp.ParserElement | None:
    """A run of rows, rows of another kind among them."""
    kinds = [_Leaf(row.name) for row in (element.row, element.also) if row is not None]
    return _repeated(pp.MatchFirst(kinds) if len(kinds) > 1 else kinds[0], element.least)


def _table(element: Table, below: pp.ParserElement | None = None) -> pp.ParserElement | None:
    """The titles in their usual order, those that some crash or option lacks with a way around; the rows,
    each with what stands below it, and rows of another kind.
    """
    head = _sequence(_titles(list(element._columns), element._required))  # noqa: SLF001 # its picture
    header = pp.Opt(head) if element._usual and head is not None else head  # noqa: SLF001
    row = _sequence([_Leaf(f"a row of {element.what}: a cell below each title"), below])
    also = element._rows["also"]  # noqa: SLF001
    kinds = [one for one in (row, _Leaf(also.name) if also else None) if one is not None]
    rows = _repeated(pp.MatchFirst(kinds) if len(kinds) > 1 else kinds[0], element._rows["least"])  # noqa: SLF001
    return _sequence([header, rows])


def _titles(titles: list[str], required: Iterable[frozenset[str]]) -> Iterator[pp.ParserElement | None]:
    """A box for each title; of those of which one must be there, one choice."""
    group_of = {title: group for group in required for title in group}
    drawn: set[str] = set()
    for title in titles:
        if title in drawn:
            continue
        group = [one for one in titles if one in group_of.get(title, {title})]
        drawn.update(group)
        leaves = [_Leaf(one, literal=True) for one in group]
        one_of = pp.MatchFirst(leaves) if len(leaves) > 1 else leaves[0]
        yield one_of if title in group_of else _optional(one_of)


def _in_order(element: InOrder) -> pp.ParserElement | None:
    drawn = ((name, _Leaf(line.name)) for name, line in element.lines)
    return _sequence(_optional(leaf) if name in element.optional else leaf for name, leaf in drawn)


def _keys(element: KeyValues) -> pp.ParserElement | None:
    lines = [_sequence([_Leaf(f"{key}:", literal=True), _Leaf("its value")]) for key in element._keys]  # noqa: SLF001
    return _repeated(pp.MatchFirst([line for line in lines if line is not None]), 1)


# The drawing: how pyparsing's diagram is laid out.


def _svg(diagram: Any) -> str:
    """A diagram as an SVG that stands for itself: light paper, no network, no script."""
    parts = [_laid_out(item) for item in diagram.items if not isinstance(item, railroad.Start | railroad.End)]
    whole = railroad.Diagram(*parts)
    whole.format()
    paper = {"class": "paper", "width": "100%", "height": "100%"}
    whole.children.insert(0, railroad.DiagramItem("rect", paper))
    out = io.StringIO()
    whole.writeStandalone(out.write, css=_STYLE)
    return out.getvalue() + "\n"


def _laid_out(item: Any) -> Any:
    """The item anew: titles green and round, other words in plain boxes, long sequences in lines."""
    if isinstance(item, railroad.Terminal | railroad.NonTerminal):
        return _box(item.text)
    if isinstance(item, railroad.Sequence):
        return _lines([_laid_out(one) for one in _flat(item)])
    if isinstance(item, railroad.Choice | railroad.HorizontalChoice):
        return _choice(getattr(item, "default", 0), [_laid_out(one) for one in item.items])
    if isinstance(item, railroad.OneOrMore):
        return railroad.OneOrMore(_laid_out(item.item))
    if isinstance(item, railroad.Group):
        return (
            _laid_out(item.item) if item.label is None else railroad.Group(_laid_out(item.item), item.label)
        )
    return item


def _choice(default: int, items: list[Any]) -> Any:
    choice = railroad.Choice(default, *items)
    choice.down += items[-1].height  # railroad forgets it, and what lies below would cross it
    return choice


def _flat(item: Any) -> Iterator[Any]:
    for one in item.items:
        yield from _flat(one) if isinstance(one, railroad.Sequence) else (one,)


def _box(text: str) -> Any:
    words = text[1:] if text[:1] in "=-" else text
    short = words if len(words) <= _LONGEST else words[: _LONGEST - 3] + "..."
    return railroad.Terminal(short) if text[:1] == "=" else railroad.NonTerminal(short)


def _lines(items: list[Any]) -> Any:
    lines: list[list[Any]] = [[]]
    width = 0.0
    for item in items:
        if lines[-1] and width + item.width > _WIDEST:
            lines.append([])
            width = 0.0
        lines[-1].append(item)
        width += item.width + 20
    rows = [railroad.Sequence(*line) if len(line) > 1 else line[0] for line in lines]
    return railroad.Stack(*rows) if len(rows) > 1 else rows[0]
