"""``mod``: the kernel modules that were loaded, and what taints them.

Source in crash: ``do_module_cmd()``, ``show_module_taint()`` (kernel.c).

As crash prints it::

    crash> mod
         MODULE       NAME                         BASE          SIZE  OBJECT FILE
    ffffffffc05bc340  virtio_ring            ffffffffc05b5000   49152  (not loaded)  [CONFIG_KALLSYMS]
    ffffffffc05c4000  virtio_pci_modern_dev  ffffffffc05c2000   20480  (not loaded)  [CONFIG_KALLSYMS]
    ffffffffc05ca000  virtio_pci_legacy_dev  ffffffffc05c8000   16384  (not loaded)  [CONFIG_KALLSYMS]
    ...
"""

from __future__ import annotations

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.columns import DECIMAL, HEX, TEXT, Cell, Column
from crashdrive.parsers.grammar.makers import Derived
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
    """A module's taints: crash's letters (or a bit mask in hexadecimal digits)."""

    name: str
    taints: str


def _modules() -> g.ParserElement:
    """A row for each module; crash 8.0.4 and later say TEXT_BASE where the kernel splits a module's memory
    (6.4)::

         MODULE       NAME                  BASE          SIZE  OBJECT FILE
    ffffffffc0610140  garp            ffffffffc060d000   16384  (not loaded)  [CONFIG_KALLSYMS]
    ffffffffc0619080  virtio_net      ffffffffc0612000   73728  /lib/modules/6.1.0/virtio_net.ko.debug
    """
    return g.table(
        Module,
        Column("MODULE", "module", HEX),
        Column("NAME", "name", Cell(r"(?:\(unknown module\)|\S++)")),
        Column("BASE", "base", HEX),
        Column("TEXT_BASE", "base", HEX),
        Column("SIZE", "size", DECIMAL),
        Column(
            "OBJECT FILE",
            "object_file",
            Cell(rf"\(not loaded\)(?: {{2}}\[CONFIG_KALLSYMS\])?+|(?!\(not loaded\)){TEXT.pattern}"),
            last=True,
            joined="error",
        ),
        derived=(Derived(("object_file", "temporary", "kallsyms"), of=("object_file",), by=_file),),
        required=("MODULE", "NAME", "SIZE", "OBJECT FILE"),
        what="modules",
        between=g.noise(blank=False),
        until=g.Blank(),
        least=0,
    )


def _file(text: str) -> tuple[str | None, bool, bool]:
    """The object file, whether it is a temporary copy, whether the kernel keeps the module's symbols."""
    if text.startswith("(not loaded)"):
        return None, False, text != "(not loaded)"
    return text.removesuffix("  (temporary)"), text.endswith("  (temporary)"), False


def _taints() -> g.ParserElement:
    """A row for each tainted module; crash 4 and 5 have the column TAINT, LICENSE_GPLOK before kernel
    2.6.26::

    NAME         TAINTS
    vboxdrv      OE
    """
    letters = Cell(r"[0-9A-Za-z()]{1,64}+")
    return g.table(
        ModuleTaint,
        Column("NAME", "name", Cell(r"(?!NAME ++[A-Z_]++[ ]*+(?:\n|\Z))[^ \n]++")),
        Column("TAINTS", "taints", letters),
        Column("TAINT", "taints", letters),
        Column("LICENSE_GPLOK", "taints", letters),
        what="tainted modules",
        between=g.noise(blank=False),
        until=g.Blank(),
        least=0,
    )


def _none() -> g.ParserElement:
    """The line in place of a table. With -d, -D and -o crash prints nothing."""
    return g.Gap(g.Blank()) + g.Opt(g.Suppress(g.Line("that there are no modules")))


def _says_none(source: Source) -> bool:
    """Whether crash printed such a line, or, with -d, -D and -o, nothing."""
    text = source.text.strip()
    return text in _NONE or (not text and source.command.has("dDo"))


_NONE = frozenset({"no modules installed", "no tainted modules", "mod: no modules loaded in this kernel"})

SHAPES = (
    Shape(name="none", record=Module, grammar=_none, options="(no module); -d NAME; -D", when=_says_none),
    Shape(
        name="taints",
        record=ModuleTaint,
        grammar=_taints,
        options="-t",
        when=lambda source: source.command.has("t"),
    ),
    Shape(
        name="modules",
        record=Module,
        grammar=_modules,
        finish=demand_records,
        options="(none) -s -S -R",
    ),
)

EXAMPLES = (
    *("mod", "mod -t", "mod -s no_such_module", "mod -g", "mod -r", "mod -s {module_name}"),
    *("mod -S /nosuchdirectory", "mod -s {module_name} {module_file}", "mod -d {module_name}"),
    *("mod -s {module_name} {module_file} -g", "mod -D", "mod -R"),
)
