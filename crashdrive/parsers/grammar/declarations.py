"""C declarations as gdb prints them, with name and type: ``struct sock *(*get)(int, u32)``.

One grammar serves two uses: records hold a name and a type as text (`split_declaration`); the kernel's types
are made of the parts (`declared`). It knows what debug data of a C kernel contains: words of C, tags,
typedefs, pointers, arrays, functions, bit-fields, vectors; a name may say which module's type is meant:
``struct priv@bonding *``. Names are not looked up.

Nine of ten declarations are a type, stars, a name and dimensions; most others are pointers to functions with
such parameters. One expression matches each of these two forms (`_shortcut`), twenty times as fast as the
grammar. The grammar gives the same for them, and reads all other forms.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g

DEEPEST = 24
"""The most levels of parentheses: the kernel's own declarations have four."""


class Pointer(NamedTuple):
    """A pointer to what follows."""


class Array(NamedTuple):
    """An array of what follows; ``length`` is None for ``[]``."""

    length: int | None


class Function(NamedTuple):
    """A function that returns what follows."""

    parameters: tuple[Declared, ...]
    variadic: bool


Step: TypeAlias = Pointer | Array | Function


class Declared(NamedTuple):
    """A declaration: ``derived`` leads from the name to the ``base``.

    ``base``: the words of the type without qualifiers (``("struct sock",)``, ``("unsigned", "long")``);
    ``place``: where the name stands in the text, both None for an abstract declaration; ``bits``: the width
    of a bit-field.
    """

    base: tuple[str, ...]
    name: str | None
    place: int | None
    derived: tuple[Step, ...]
    bits: int | None = None


_QUALIFIER = r"(?:const|volatile|restrict|__restrict|_Atomic|register|static|extern)\b\s*+"
_WORD = r"(?:signed|unsigned|char|short|int|long|float|double|_Bool|void|__int128|_Complex|complex)\b\s*+"
_NAME = r"[A-Za-z_][\w$]*+"
_MODULE = r"(?:\s*+@\w++)?+"
_TAGS = r"(?:struct|union|enum|class)\b"
# A body stands for itself: crash and this program write {...} for one that was read already.
_BODY = r"\{[^{}]*+\}"
_TAGGED = rf"{_TAGS}\s*+(?:{_NAME}{_MODULE}(?:\s*+{_BODY})?+|{_BODY})"
_BASE = (
    rf"\s*+(?:{_QUALIFIER})*+"
    rf"(?:(?P<words>(?:{_WORD}(?:{_QUALIFIER})*+)++)|(?P<named>{_TAGGED}|(?!{_TAGS}|{_WORD}){_NAME}{_MODULE})\s*+)"
    rf"(?:{_QUALIFIER})*+"
)
_STARS = rf"(?:\*\s*+(?:{_QUALIFIER})*+)*+"
_ARRAY = r"\[\s*+\d{0,20}+\s*+\]\s*+"
_SIMPLE = expression(
    rf"{_BASE}(?P<stars>{_STARS})(?P<name>(?!__attribute__){_NAME})?+\s*+(?P<arrays>(?:{_ARRAY})*+)"
    r"(?::\s*+(?P<bits>\d{1,9}+)\s*+)?+\Z",
    re.ASCII,
)
_CALLED = expression(
    rf"{_BASE}(?P<stars>{_STARS})\(\s*+(?P<inner>{_STARS})(?P<name>{_NAME})?+\s*+\)\s*+"
    r"\((?P<parameters>[^()]*+)\)\s*+\Z",
    re.ASCII,
)
_POINTER = Pointer()


def _base_of(found: re.Match[str]) -> tuple[str, ...]:
    named = found["named"]
    if named is None:
        return tuple(word for word in found["words"].split() if not _IS_QUALIFIER.fullmatch(word))
    return (_AT.sub("@", " ".join(named.split())) if "@" in named or "  " in named else named,)


_AT = expression(r"\s*+@", re.ASCII)
_IS_QUALIFIER = expression(_QUALIFIER)


def _arrays(text: str) -> Iterator[Array]:
    """The dimensions of an array, from left to right."""
    for one in text.split("[")[1:]:
        count = one.strip(" \t\n]")
        yield Array(int(count) if count else None)


def declared(text: str) -> Declared:
    """One declaration, without its semicolon; ParseError for anything else."""
    return _kept(text) if len(text) <= _LONGEST_KEPT else _read(text)


def _read(text: str) -> Declared:
    return _shortcut(text) or read_whole(text)


_LONGEST_KEPT = 512
"""The longest text that is cached, in characters: hostile texts must not fill memory."""
_kept = functools.lru_cache(maxsize=4096)(_read)


def _shortcut(text: str) -> Declared | None:
    """The declaration, where it has one of the two frequent forms; None for all others."""
    if simple := _SIMPLE.match(text):
        stars, arrays, name, bits = simple.group("stars", "arrays", "name", "bits")
        derived: tuple[Step, ...] = (_POINTER,) * stars.count("*") if stars else ()
        if arrays:
            derived = (*_arrays(arrays), *derived)
        place = simple.start("name") if name else None
        return Declared(_base_of(simple), name, place, derived, int(bits) if bits else None)
    called = _CALLED.match(text)
    if called is None or not called["inner"]:
        return None
    listed = called["parameters"].split(",") if called["parameters"].strip() else []
    variadic = bool(listed) and listed[-1].strip() == "..."
    # offsets within a parameter aren't offsets in the text: so there are none
    parameters = tuple(declared(one)._replace(place=None) for one in (listed[:-1] if variadic else listed))
    inner, outer = called["inner"].count("*"), called["stars"].count("*")
    derived = (*(_POINTER,) * inner, Function(parameters, variadic), *(_POINTER,) * outer)
    name = called["name"]
    return Declared(_base_of(called), name, called.start("name") if name else None, derived)


def read_whole(text: str) -> Declared:
    """As `declared`, by the grammar alone."""
    from crashdrive.commandline import command_line
    from crashdrive.parsers.base import Source

    source = Source(command_line("whatis"), text)
    if len(text) > 65536 or _depth(text) > DEEPEST:
        source.fail(0, "no declaration: too long, or nested too deeply")
    found: Declared = g.read(_declaration, source)[0]
    return found


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in re.findall(r"[()]", text):
        depth += 1 if bracket == "(" else -1
        deepest = max(deepest, depth)
    return deepest


def _declaration() -> g.ParserElement:
    """``BASE DECLARATOR``, where ``(*get)(int, u32)`` is read from the name outwards."""
    base = g.Terminal(rf"(?a:{_BASE})", "a type", _base_of)
    stars = g.Terminal(rf"(?a:{_STARS})", "'*'", lambda found: [_POINTER] * found[0].count("*"))
    name = g.Terminal(
        rf"(?a:(?!__attribute__)({_NAME})\s*+)", "a name", lambda found: (found[1], found.start())
    )
    array = g.Terminal(r"\[\s*+(\d{0,20}+)\s*+\]\s*+", "an array: [N]", _array)
    vector = g.Terminal(
        r"__attribute__\s*+\(\s*+\(\s*+vector_size\s*+\(\s*+(\d{1,9}+)\s*+\)\s*+\)\s*+\)\s*+",
        "a vector",
        _array,
    )
    bits = g.Terminal(r":\s*+(\d{1,9}+)\s*+", "a bit-field's width", lambda found: int(found[1]))
    dots = g.Terminal(r"\.\.\.\s*+", "'...'", lambda _: "...")
    inner = g.Suppress(_sign("(", r"(?=[*(])"))

    outer = g.Forward()
    parameter = dots | (base + outer).add_parse_action(_parameter)
    more = g.ZeroOrMore(g.Suppress(_sign(",")) + parameter)
    parameters = g.Suppress(_sign("(")) + g.Opt(parameter + more) + g.Suppress(_sign(")"))
    function = g.nested(parameters).add_parse_action(_function)
    direct = inner + g.nested(outer) + g.Suppress(_sign(")")) | name
    outer <<= (stars + g.Opt(direct) + g.ZeroOrMore(array | function) + g.Opt(vector)).add_parse_action(
        _outwards
    )
    return (base + outer + g.Opt(bits)).add_parse_action(_whole)


def _sign(sign: str, before: str = "") -> g.Terminal:
    return g.Terminal(rf"{re.escape(sign)}\s*+{before}", f"'{sign}'")


def _array(found: re.Match[str]) -> Array:
    return Array(int(found[1]) if found[1] else None)


class _Declarator(NamedTuple):
    name: str | None
    place: int | None
    derived: tuple[Step, ...]


def _outwards(tokens: g.ParseResults) -> _Declarator:
    """A declarator from its name outwards: the parentheses' inside, then the suffixes, then the stars before
    it.
    """
    stars, *rest = tokens
    name, place, derived = None, None, ()
    if rest and isinstance(rest[0], _Declarator):
        name, place, derived = rest.pop(0)
    elif rest and not isinstance(rest[0], Array | Function):
        name, place = rest.pop(0)
    return _Declarator(name, place, (*derived, *rest, *stars))


def _parameter(tokens: g.ParseResults) -> Declared:
    base, (name, _, derived) = tokens
    return Declared(base, name, None, derived)


def _function(tokens: g.ParseResults) -> Function:
    return Function(tuple(one for one in tokens if one != "..."), "..." in list(tokens))


def _whole(tokens: g.ParseResults) -> Declared:
    base, (name, place, derived), *bits = tokens
    return Declared(base, name, place, derived, bits[0] if bits else None)


def split_declaration(text: str) -> tuple[str | None, str] | None:
    """(name, type as text) of a declaration; None where it is none, or has neither a name nor a width.

    ``char comm[16]`` gives ``("comm", "char [16]")``, ``int (*load)(int)``: ``("load", "int (*)(int)")``.
    """
    from crashdrive.errors import ParseError

    try:
        found = declared(text)
    except ParseError:
        return None
    if found.name is None or found.place is None:
        return None
    before, after = text[: found.place], text[found.place + len(found.name) :]
    after = after.lstrip() if before[-1:] in "* (" else after
    gap = " " if after.startswith("[") and before[-1:] not in (" ", "(", "*") else ""
    return found.name, (before + gap + after).rstrip()


def is_type(text: str) -> bool:
    """Whether a text is a declaration without a name: a type."""
    from crashdrive.errors import ParseError

    try:
        return declared(text).name is None
    except ParseError:
        return False
