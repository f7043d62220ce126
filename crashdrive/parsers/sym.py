"""``sym``: symbols by name, address, part of a name, or all of them.

Source in crash: ``cmd_sym()``, ``show_symbol()``, ``symbol_dump()``, ``module_symbol_dump()``,
``symbol_query()`` (symbols.c).

As crash prints it::

    crash> sym cleanup_module
    ffffffffc05cdb8c (T) cleanup_module [virtio]
    ffffffffc05d8eff (T) cleanup_module [virtio_pci]
    ffffffffc05e03ce (T) cleanup_module [virtio_blk]
    ffffffffc05e675d (T) cleanup_module [failover]
    ...
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Address, Record


class Symbol(Record, frozen=True):
    """A symbol, or a place ``offset`` bytes behind one.

    ``type``: the letter of nm(1), ``?`` where crash doesn't know it. ``module`` is None for the kernel
    itself, and where crash doesn't say. ``file`` and ``line``: a function's source, where crash finds it.
    ``section``: with ``-s``.
    """

    address: Address
    type: str
    name: str
    offset: int | None = None
    module: str | None = None
    file: str | None = None
    line: int | None = None
    section: str | None = None


class Boundary(Record, frozen=True):
    """Where a module's memory or one of its sections starts or ends.

    ``kind``: crash's words (``MODULE START``, ``MODULE TEXT END``, ``section start``); ``name``: the module's
    or section's.
    """

    address: Address
    kind: str
    name: str


class Count(Record, frozen=True):
    """How many symbols' names contain a text (``-Q``), and the last of them."""

    count: int
    name: str | None


# Any word; one of Rust's with spaces between < and >, as crash shows it.
_NAME = r"(?:(?=[^\n]*::)(?:[^\s<+()\[\]]|<[^\n]*>)++|[^\s+()\[\]]++)"
_DISTANCE = r"\+(-?[0-9]{1,20}+|0x[0-9a-f]{1,16}+)"
# The name of a file; another symbol within it means that a newline was lost.
_FILE = r"(?!\(.\) )[^\s\[\]](?:(?! \(.\) )[^\n\[\]])*?"


def symbol_rows() -> tuple[g.Row, g.Row]:
    """Rows of a symbol, and of a place in a module without symbols::

    ffffffff9e5cd000 (T) panic+12 [module]  kernel/panic.c: 276 [.text]
    f8887000 (m) (ext3 module)+0x10
    """
    # Names are any words: they come from ELF files, and crash prints them unchanged.
    symbol = g.Row(
        rf" *+([0-9a-f]{{1,16}}+) \((.)\) ({_NAME})(?:{_DISTANCE})?"
        rf"(?: \[([^\[\]\s]*+)\])?(?: {{1,2}}({_FILE}): ([0-9]{{1,9}}+))?(?: \[([^\[\]\n]*+)\])?",
        _symbol,
        "a symbol: ADDRESS (TYPE) NAME",
    )
    module = g.Row(
        rf"([0-9a-f]{{1,16}}+) \((.)\) \((\S+) module\)(?:{_DISTANCE})?",
        lambda row: Symbol(int(row[1], 16), row[2], row[3], _offset(row[4]), row[3]),
        "a symbol: ADDRESS (TYPE) (NAME module)",
    )
    return symbol, module


def _symbols() -> g.ParserElement:
    """Symbols, and the boundaries of modules and their sections::

    ffffffff9e5cd000 (T) panic+12 [module]  kernel/panic.c: 276 [.text]
    ffffffffc0451000 MODULE TEXT START: virtio_net
    ffffffffc0451000 .text: section start
    """
    symbol, module = symbol_rows()
    boundary = g.Row(
        r"([0-9a-f]{1,16}+) (?:(MODULE [A-Z][A-Z_ ]{0,60}[A-Z]): (\S++)|(\S+): (section (?:start|end)))",
        lambda row: Boundary(int(row[1], 16), row[2] or row[5], row[3] or row[4]),
        "a boundary: ADDRESS MODULE ... START: NAME",
    )
    between = g.noise(
        g.Remark(r"(?:  )?+\(none found\)"),
        g.Remark(r"(?:symbol not found: |[\w-]{1,64}+: invalid address: )[^\n]*+", "error"),
        # near names that crash offers for an unknown symbol
        g.Remark(r"possible alternatives:(?:\n  [^\n]*+)*+"),
        blank=False,
    )
    run = g.Rows(symbol, between=between, until=g.Anything(), bare=True)
    return g.Many(
        (run | boundary | module).set_name("a symbol: ADDRESS (TYPE) NAME"), between=between, least=0
    )


def _symbol(row: re.Match[str]) -> Symbol:
    address, type_, name, distance, bracket, file, line, last = row.groups()
    if distance is None and file is None and last is None:
        return Symbol(int(address, 16), type_, name, None, bracket)
    number = int(line) if line else None
    return Symbol(int(address, 16), type_, name, _offset(distance), bracket, file, number, last or None)


def _offset(distance: str | None) -> int | None:
    return None if distance is None else int(distance, 0)


def _check_symbols(source: Source, found: list[Symbol | Boundary]) -> list[Symbol | Boundary]:
    """The symbols. With ``-s`` a single pair of brackets holds the section, not the module."""
    if not found and any(notice.kind == "error" for notice in source.warnings):
        source.fail(0, "no symbol, only errors")
    return [_with_section(one) for one in found] if source.command.has("s") else found


def _with_section(one: Symbol | Boundary) -> Symbol | Boundary:
    if isinstance(one, Boundary) or one.section is not None:
        return one
    return replace(one, module=None, section=one.module or None)


_COUNT = expression(r"\s*+\d{1,9}+ found ", re.ASCII)


def _count() -> g.ParserElement:
    """``228 found (core_pipe_limit)``."""
    return g.Row(
        r" *+(\d{1,9}+) found(?: \(([^\s()]++)\))?",
        lambda row: Count(count=int(row[1]), name=row[2]),
        "a count: NUMBER found (NAME)",
    )


SHAPES = (
    Shape(
        name="count",
        record=Count,
        grammar=_count,
        options="sym -Q TEXT",
        when=lambda source: _COUNT.match(source.text) is not None,
    ),
    Shape(
        name="symbols",
        record=Symbol | Boundary,
        grammar=_symbols,
        finish=_check_symbols,
        options="sym [-p] [-n] NAME|ADDRESS...; sym -l|-M|-m MODULE|-q TEXT",
        when=lambda source: source.text.strip() != "" or source.command.has("Mm"),
    ),
)
EXAMPLES = (
    "sym jiffies",
    "sym panic",
    "sym {text}",
    "sym -np jiffies",
    "sym -p panic",
    "sym -q pipe",
    "sym -q nosuchsymbolx",
    "sym -Q pipe",
    "sym -m virtio_net",
    "sym cleanup_module",
    "sym -s panic",
    "sym jiffies panic init_task",
    "sym jiffies nosuchsymbolx panic",
    "sym nosuchsymbolx",
    "sym 12345",
    *("sym -n schedule", "sym -p schedule"),
    *(
        "sym -l | head -200",
        "sym -M | head -100",
        "sym -m {module_name}",
    ),
)
