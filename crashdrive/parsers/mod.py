"""``mod``: the kernel modules that were loaded, and what taints them.

Source in crash: ``do_module_cmd()``, ``show_module_taint()`` (kernel.c).
"""

from __future__ import annotations

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import DECIMAL, HEX, TEXT, WORD, Cell, Column, Table
from crashdrive.parsers.grammar.cursor import only_table
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.records import Address, Record


class Module(Record, frozen=True, kw_only=True):
    """A module: address of its ``struct module``, name, base address, size in bytes.

    ``base`` is the base of the module's text where the kernel keeps a module in several regions (6.4 and
    later, crash's column TEXT_BASE); None with crash 7.2 and older, which don't show it. ``object_file`` is
    the file that its debug data came from, None where none was loaded; ``temporary``: that file is a
    temporary copy from a remote host. ``kallsyms``: the kernel keeps all of the module's symbols itself.
    """

    module: Address
    name: str
    base: Address | None = None
    size: int
    object_file: str | None = None
    temporary: bool = False
    kallsyms: bool = False


class ModuleTaint(Record, frozen=True):
    """What taints a module: crash's letters as they stand (or a bit mask in hexadecimal digits)."""

    name: str
    taints: str


class _Row(Record, frozen=True, kw_only=True):
    module: Address
    name: str
    base: Address | None = None
    size: int
    object_file: str


OPTSTRING = "Rd:Ds:Sotgr"
EXAMPLES = ("mod", "mod -t", "mod -s no_such_module")

_TABLE = Table(
    _Row,
    Column("MODULE", "module", HEX),
    Column("NAME", "name", Cell(r"(?:\(unknown module\)|\S++)")),
    # With kernels that split a module's memory (6.4), crash 8.0.4 and later say TEXT_BASE.
    Column("BASE", "base", HEX),
    Column("TEXT_BASE", "base", HEX),
    Column("SIZE", "size", DECIMAL),
    Column("OBJECT FILE", "object_file", TEXT),
)
_LETTERS = Cell(r"[0-9A-Za-z()]{1,64}+")
_TAINTS = Table(
    ModuleTaint,
    Column("NAME", "name", WORD),
    Column("TAINTS", "taints", _LETTERS),
    # crash 4 and 5, and kernels before 2.6.26 that only know license_gplok.
    Column("TAINT", "taints", _LETTERS),
    Column("LICENSE_GPLOK", "taints", _LETTERS),
)
_KALLSYMS = "  [CONFIG_KALLSYMS]"
_TEMPORARY = "  (temporary)"


def _module(row: _Row) -> Module:
    file: str | None = row.object_file
    kallsyms = row.object_file.endswith(_KALLSYMS)
    temporary = row.object_file.endswith(_TEMPORARY)
    if row.object_file.removesuffix(_KALLSYMS) == "(not loaded)":
        file = None
    else:
        kallsyms = False
        file = row.object_file.removesuffix(_TEMPORARY)
    return Module(
        module=row.module,
        name=row.name,
        base=row.base,
        size=row.size,
        object_file=file,
        temporary=temporary,
        kallsyms=kallsyms,
    )


def _parse_modules(source: Source) -> list[Module]:
    return demand_records(source, [_module(row) for row in only_table(source, _TABLE)])


def _parse_taints(source: Source) -> list[ModuleTaint]:
    return only_table(source, _TAINTS)


def _says_none(source: Source) -> bool:
    """What crash says in place of a table; of -d, -D and -o it says nothing."""
    text = source.text.strip()
    return text in _NONE or (not text and source.command.has("dDo"))


_NONE = frozenset({"no modules installed", "no tainted modules", "mod: no modules loaded in this kernel"})

SHAPES = (
    Shape(name="none", record=Module, parse=lambda _source: [], options="(no module)", when=_says_none),
    Shape(
        name="taints",
        record=ModuleTaint,
        parse=_parse_taints,
        options="-t",
        when=lambda source: source.command.has("t"),
    ),
    Shape(name="modules", record=Module, parse=_parse_modules, options="(none) -s -S -R"),
)
