"""The only module that runs pyparsing: it prepares a grammar, reads a whole text, and turns a failure into a
ParseError.

A prepared grammar skips no white space, keeps tabs, and notes expectations where it fails. pyparsing's global
settings (packrat, left recursion, white space), which the surrounding program may have changed, have no
effect on the prepared grammar, and aren't changed.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.noises import Tail
from crashdrive.parsers.grammar.pyparsing_core import (
    And,
    Forward,
    MatchFirst,
    Or,
    ParseBaseException,
    ParseElementEnhance,
    ParserElement,
    Token,
)
from crashdrive.parsers.grammar.repeated import Many, Rows
from crashdrive.parsers.grammar.straight import directly, leaks, straighten
from crashdrive.parsers.grammar.terminals import Terminal

Factory = Callable[[], ParserElement]
_LOCK = threading.Lock()


def read(
    grammar: Factory | ParserElement, source: Source, text: str | None = None, base: int = 0
) -> list[Any]:
    """The values that a grammar makes of a source's whole text, or of its part ``text`` at the offset
    ``base``.

    ParseError, with line, column and the expectation, where the text doesn't fit the grammar, or text is
    left. The elements' notices are in the source, then too. A factory is called once.
    """
    instring = Text(source, text, base)
    try:
        return list(_ready(grammar)(instring))
    except ParseBaseException as error:
        place = max(error.loc, instring.furthest())
        otherwise = " ".join(str(error.msg).split())[:200] or "unexpected text"
        reason = instring.expected(place, otherwise)
        told = instring.misfit_in(place)
        instring.forget(place)
        instring.settle()
        source.fail(base + told, reason)
    except RecursionError:
        source.fail(base, "nested too deeply")
    finally:
        instring.settle()


def prepared(element: ParserElement) -> ParserElement:
    """The element, prepared: see this module's docstring."""
    with _LOCK:
        element.streamline()
        for each in _all_of(element):
            each.streamline()
        parts = _parts_first(element)
        for each in parts:
            _make_ready(each)
        for each in parts:
            straighten(each)
    return element


@functools.lru_cache(maxsize=512)
def _ready(grammar: Factory | ParserElement) -> Callable[[Text], Iterable[Any]]:
    """The function that reads a text up to its end; the grammar is prepared once."""
    whole = prepared(And([grammar if isinstance(grammar, ParserElement) else grammar(), Tail()]))
    if leaks(whole) or whole.ignoreExprs:
        return whole.parse_string
    enter = directly(whole)
    return lambda text: enter(text, 0)[1]


def _all_of(element: ParserElement) -> Iterator[ParserElement]:
    """The element and all elements within it, each once."""
    seen: set[int] = set()
    waiting = [element]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            waiting += _held_by(each)
            yield each


def _held_by(element: ParserElement) -> list[ParserElement]:
    """The elements that are an element's own attributes, of whatever name."""
    gap = vars(element.gap).values() if isinstance(element, Rows | Many) else ()
    return _elements((*vars(element).values(), *gap))


def _elements(values: Iterable[Any]) -> list[ParserElement]:
    found: list[ParserElement] = []
    for value in values:
        kind: type = type(value)
        is_element = _is_element(kind)
        if is_element:
            found.append(value)
        elif is_element is None:
            found += _elements(value)
    return found


@functools.lru_cache(maxsize=512)
def _is_element(kind: type) -> bool | None:
    """Whether a value of this kind is an element; None: it may hold some. Cached, as thousands of values are
    asked about, and issubclass() of an abstract class is slow.
    """
    return None if issubclass(kind, list | tuple) else issubclass(kind, ParserElement)


def _parts_first(element: ParserElement) -> list[ParserElement]:
    """`_all_of`, each element behind those within it."""
    ordered: dict[int, ParserElement] = {}
    seen: set[int] = set()
    waiting = [(element, False)]
    while waiting:
        each, is_done = waiting.pop()
        if is_done:
            ordered[id(each)] = each
        elif id(each) not in seen:
            seen.add(id(each))
            waiting.append((each, True))
            waiting += [(part, False) for part in reversed(_held_by(each))]
    return list(ordered.values())


def _make_ready(element: ParserElement) -> None:
    own: dict[str, Any] = {"skipWhitespace": False, "keepTabs": True}
    if not element.ignoreExprs:
        own["callPreparse"] = False
    # ParserElement.enable_packrat() and enable_left_recursion() work through these two
    own["_parse"] = element._parseNoCache  # noqa: SLF001 # the cached one loses notices
    if isinstance(element, Forward):
        own["parseImpl"] = functools.partial(ParseElementEnhance.parseImpl, element)
    quiet = isinstance(element, Terminal) and not element.leaves_notices
    if not quiet and element.failAction is None:
        element.set_fail_action(_Failed(element))
    vars(element).update(own)


class _Failed:
    """The failure action of an element that isn't one of our own tokens: it notes the expectation."""

    only_tells = True
    """The action may be left out where the element has no name and its first token notes the same."""

    def __init__(self, element: ParserElement) -> None:
        self._leaf = isinstance(element, Token) and not isinstance(element, Terminal)
        self._name: str = element.customName or ""
        stands_for_all = isinstance(element, MatchFirst | Or) and self._name
        # generated names are never shown, and take long to make
        named = (each for each in _all_of(element) if each.customName or isinstance(each, Token))
        below = (each.name for each in named if each is not element) if stands_for_all else ()
        self._below = frozenset(below)

    def __call__(self, instring: str, start: int, element: ParserElement, error: Exception) -> None:
        """pyparsing's hook."""
        if not isinstance(instring, Text):
            return
        instring.forget(start)
        place = getattr(error, "loc", start)
        if self._leaf:
            instring.missed(place, element.name)
        elif self._name and place <= start and not isinstance(element, Terminal):
            instring.missed(start, self._name, below=self._below)
