"""Short ways from element to element, where pyparsing's own steps would have no effect.

For each element pyparsing handles white space, packrat, debugging and names of results, and wraps the values.
That takes most of the time of a short output. A prepared element (`crashdrive.parsers.grammar.reading`) has
none of the first three. Where it has no names of results either, a sequence, an alternative, an optional,
suppressed or grouped element, or one with an action, calls its parts directly, with the same values and
failures. All other elements use pyparsing's way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crashdrive.parsers.grammar.context import Text
from crashdrive.parsers.grammar.pyparsing_core import (
    And,
    FollowedBy,
    Group,
    MatchFirst,
    Opt,
    ParseException,
    ParserElement,
    ParseResults,
    Suppress,
    TokenConverter,
)
from crashdrive.parsers.grammar.terminals import Terminal

Way = Callable[..., tuple[int, Any]]
"""(text, place, do_actions) -> (where it ended, its values)."""
Make = Callable[[Text, int, list[Any]], Any]


class Apart(TokenConverter):
    """A wrapper that has an action of its own: the element within may be used elsewhere, too."""


def parse_of(element: ParserElement) -> Way:
    """pyparsing's own way into an element."""
    return element._parse  # noqa: SLF001 # there is no public one that gives tokens and a place


def directly(element: ParserElement) -> Way:
    """The quickest way into an element: a plain token's own function, else the short or pyparsing's way."""
    if is_plain(element):
        return element.parseImpl
    way: Way | None = vars(element).get("straight_way")
    return way or parse_of(element)


def is_plain(element: ParserElement) -> bool:
    """Whether the element is one of our own tokens, without an added action or name of results."""
    return isinstance(element, Terminal) and not element.parseAction and not element.resultsName


def is_own(element: ParserElement) -> bool:
    """Whether the element is one of ours, no token, and gives a list of values without names."""
    return getattr(element, "gives_values", False)


def keep_make(element: ParserElement, make: Make) -> None:
    """Note that ``make`` is behind the action that was added last: values needn't be wrapped for ``make``."""
    vars(element)["straight_make"] = element.parseAction[-1], make


def straighten(element: ParserElement) -> None:
    """Give a prepared element its short way, if it can have one; its parts must have theirs."""
    build = _itself if is_own(element) else _WAYS.get(type(element))
    if build is None:
        return
    # a way may have been copied from another element, or made before the element was changed
    vars(element).pop("straight_way", None)
    if type(element) in _WHOLE:
        vars(element).pop("parseImpl", None)
    way = None if element.resultsName or element.ignoreExprs or element.debug else build(element)
    if way is None:
        return
    if type(element) in _WHOLE:
        vars(element)["parseImpl"] = way
    if element.parseAction:
        way = _acting(element, way)
    if element.failAction is not None:
        way = _failing(element, way)
    vars(element)["straight_way"] = way


def leaks(element: ParserElement) -> bool:
    """Whether the element gives values with names of results, which only pyparsing's own way keeps."""
    return _leaks(element, set())


def _leaks(element: ParserElement, seen: set[int]) -> bool:
    if element.resultsName:
        return True
    if id(element) in seen or isinstance(element, Terminal | Group | Apart) or is_own(element):
        return False
    seen.add(id(element))
    return any(_leaks(one, seen) for one in element.recurse())


def _sequence(element: Any) -> Way | None:
    if leaks(element) or any(type(one) is And._ErrorStop for one in element.exprs):  # noqa: SLF001 # ``a - b``
        return None
    ways = tuple(map(directly, element.exprs))

    def way(instring: str, loc: int, do_actions: bool = True) -> tuple[int, Any]:  # noqa: FBT001, FBT002 # pyparsing's
        values: list[Any] = []
        for enter in ways:
            loc, more = enter(instring, loc, do_actions)
            values.extend(more)
        return loc, values

    return way


def _alternatives(element: Any) -> Way | None:
    if leaks(element):
        return None
    ways = [(_lead(one), _recovering(one)) for one in element.exprs]

    def way(instring: str, loc: int, do_actions: bool = True) -> tuple[int, Any]:  # noqa: FBT001, FBT002 # pyparsing's
        furthest: ParseException | None = None
        for token, enter in ways:
            if token is not None and token.match(instring, loc) is None:
                # the expectation, without raising an exception
                if isinstance(instring, Text):
                    instring.missed(loc, token.name)
                continue
            try:
                return enter(instring, loc, do_actions)
            except ParseException as error:
                if furthest is None or error.loc > furthest.loc:
                    furthest = error
        if furthest is None or furthest.loc < loc:
            furthest = ParseException(instring, loc, element.errmsg, element)
        elif furthest.loc == loc:
            furthest.msg = element.errmsg or ""
        raise furthest

    return way


def _optional(element: Any) -> Way | None:
    if leaks(element) or element.defaultValue is not _NO_DEFAULT:
        return None
    token, enter = _lead(element.expr), _recovering(element.expr)

    def way(instring: str, loc: int, do_actions: bool = True) -> tuple[int, Any]:  # noqa: FBT001, FBT002 # pyparsing's
        if token is not None and token.match(instring, loc) is None:
            if isinstance(instring, Text):
                instring.missed(loc, token.name)
            return loc, []
        try:
            return enter(instring, loc, do_actions)
        except ParseException:
            return loc, []

    return way


_NO_DEFAULT = Opt(Terminal("", "nothing")).defaultValue


def _suppressed(element: Any) -> Way:
    enter = directly(element.expr)

    def way(instring: str, loc: int, do_actions: bool = True) -> tuple[int, Any]:  # noqa: FBT001, FBT002 # pyparsing's
        return enter(instring, loc, do_actions)[0], []

    return way


def _grouped(element: Any) -> Way:
    enter = directly(element.expr)

    def way(instring: str, loc: int, do_actions: bool = True) -> tuple[int, Any]:  # noqa: FBT001, FBT002 # pyparsing's
        end, values = enter(instring, loc, do_actions)
        return end, [ParseResults(values)]

    return way


def _apart(element: Any) -> Way:
    return directly(element.expr)


def _itself(element: ParserElement) -> Way:
    return element.parseImpl


_WAYS: dict[type, Callable[[Any], Way | None]] = {
    And: _sequence,
    MatchFirst: _alternatives,
    Opt: _optional,
    Suppress: _suppressed,
    Group: _grouped,
    Apart: _apart,
}
_WHOLE = (And, MatchFirst, Opt)
"""Elements whose values pyparsing doesn't change after their ``parseImpl``."""


def _lead(element: Any) -> Terminal | None:
    """The first token of an element, if it does nothing but match: its failure needs no exception."""
    if is_plain(element):
        return element if type(element).parseImpl is Terminal.parseImpl else None
    told = getattr(element.failAction, "only_tells", False) and not element.customName
    if type(element) not in _LED or not told or element.ignoreExprs:
        return None
    first = element.exprs[0] if isinstance(element, And) and element.exprs else vars(element).get("expr")
    return _lead(first) if isinstance(first, ParserElement) else None


_LED = (And, Apart, FollowedBy, Group, Suppress)


def _recovering(element: ParserElement) -> Way:
    """The way into an element whose failure doesn't end the reading: it drops the element's notices."""
    enter = directly(element)
    if not (is_plain(element) and isinstance(element, Terminal) and element.leaves_notices):
        return enter

    def way(instring: str, loc: int, do_actions: bool = True) -> tuple[int, Any]:  # noqa: FBT001, FBT002 # pyparsing's
        try:
            return enter(instring, loc, do_actions)
        except Exception:
            if isinstance(instring, Text):
                instring.forget(loc)
            raise

    return way


def _acting(element: ParserElement, enter: Way) -> Way:
    """The way through an element with actions on its values."""
    action, make = vars(element).get("straight_make", (None, None))
    if make is not None and element.parseAction == [action]:
        return _making(make, enter)
    actions: list[Any] = list(element.parseAction)

    def way(instring: str, loc: int, do_actions: bool = True) -> tuple[int, Any]:  # noqa: FBT001, FBT002 # pyparsing's
        end, values = enter(instring, loc, do_actions)
        if not (do_actions or element.callDuringTry):
            return end, values
        found = ParseResults(values)
        for action in actions:
            value = action(instring, loc, found)
            if value is not None:
                found = ParseResults(value)
        return end, list(found)

    return way


def _making(make: Make, enter: Way) -> Way:
    def way(instring: str, loc: int, do_actions: bool = True) -> tuple[int, Any]:  # noqa: FBT001, FBT002 # pyparsing's
        end, values = enter(instring, loc, do_actions)
        if not do_actions:
            return end, values
        value = make(Text.of(instring), loc, list(values))
        if value is None:
            return end, values
        return end, list(value) if isinstance(value, list | ParseResults) else [value]

    return way


def _failing(element: ParserElement, enter: Way) -> Way:
    """The way that calls the element's failure action where it fails."""
    failed: Any = element.failAction

    def way(instring: str, loc: int, do_actions: bool = True) -> tuple[int, Any]:  # noqa: FBT001, FBT002 # pyparsing's
        try:
            return enter(instring, loc, do_actions)
        except Exception as error:
            failed(instring, loc, element, error)
            raise

    return way
