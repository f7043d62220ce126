"""``mod``: columns old and new, files and marks behind the row; recorded outputs counted in another way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.mod import Module, ModuleTaint
from tests.parsers.recorded import each, output, parsed
from tests.strategies import LONG_ADDRESSES, MODULE_NAMES

TITLES = " MODULE   NAME              BASE      SIZE  OBJECT FILE\n"
ROW = "f7e44c20  dm_mod          f7e34000   88568  "


@pytest.mark.parametrize(
    ("end", "file", "temporary", "kallsyms"),
    [
        ("(not loaded)", None, False, False),
        ("(not loaded)  [CONFIG_KALLSYMS]", None, False, True),
        ("/lib/modules/x/dm-mod.ko ", "/lib/modules/x/dm-mod.ko", False, False),
        ("/tmp/with blank.ko  (temporary)", "/tmp/with blank.ko", True, False),
    ],
)
def test_the_object_file(end: str, file: str | None, temporary: bool, kallsyms: bool) -> None:  # noqa: FBT001 - a table's columns
    module = parse("mod", f"{TITLES}{ROW}{end}\n").one()
    assert (module.object_file, module.temporary, module.kallsyms) == (file, temporary, kallsyms)
    assert (module.module, module.base, module.size) == (0xF7E44C20, 0xF7E34000, 88568)


def test_text_base_of_kernels_that_split_a_module() -> None:
    text = "     MODULE       NAME     TEXT_BASE        SIZE  OBJECT FILE\n" + ROW + "(not loaded)\n"
    assert parse("mod", text).one().base == 0xF7E34000


def test_a_module_without_a_name() -> None:
    row = "f7e44c20  (unknown module)  f7e34000   88568  (not loaded)\n"
    assert parse("mod", TITLES + row).one().name == "(unknown module)"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("mod", "no modules installed\n"),
        ("mod -t", "no tainted modules\n"),
        ("mod -d dm_mod", ""),
        ("mod", "mod: no modules loaded in this kernel\n"),
    ],
)
def test_no_module(command: str, text: str) -> None:
    answer = parse(command, text)
    assert (answer.shape, len(answer), answer.complete) == ("none", 0, True)


def test_a_module_that_could_not_be_loaded_marks_the_others() -> None:
    text = f"{TITLES}{ROW}/x.ko\nmod: cannot find or load object file for y module\n"
    answer = parse("mod -S", text)
    assert (len(answer), answer.complete) == (1, False)


def test_a_note_takes_nothing_away() -> None:
    note = "mod: NOTE: modules have changed on this system -- reinitializing\n"
    answer = parse("mod", f"{note}{TITLES}{ROW}(not loaded)\n")
    assert answer.complete
    assert [notice.kind for notice in answer.warnings] == ["note"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        TITLES,
        "mod: cannot access vmalloc'd module memory\n",
        TITLES + ROW + "\n",
        TITLES.replace("BASE", "HERE") + ROW + "(not loaded)\n",
        TITLES + ROW.replace("88568", "") + "(not loaded)\n",
    ],
)
def test_text_that_is_no_answer(text: str) -> None:
    with pytest.raises(ParseError):
        parse("mod", text)


@pytest.mark.parametrize("title", ["TAINTS", "TAINT", "LICENSE_GPLOK"])
def test_taints(title: str) -> None:
    answer = parse("mod -t", f"NAME     {title}\nvxspec   P(U)\nfdd      5\n")
    assert answer.records == (ModuleTaint(name="vxspec", taints="P(U)"), ModuleTaint(name="fdd", taints="5"))


MODULES = st.builds(
    Module,
    module=LONG_ADDRESSES,
    name=MODULE_NAMES,
    base=LONG_ADDRESSES,
    size=st.integers(0, 1 << 30),
    kallsyms=st.booleans(),
)


@given(st.lists(MODULES, min_size=1, max_size=5))
def test_printed_and_parsed_again_is_the_same(modules: list[Module]) -> None:
    lines = [
        f"{m.module:x}  {m.name:<56}  {m.base:x}  {m.size:>10}  (not loaded)"
        f"{'  [CONFIG_KALLSYMS]' if m.kallsyms else ''}\n"
        for m in modules
    ]
    assert parse("mod", TITLES + "".join(lines)).records == tuple(modules)


@each("mod", "mod")
def test_each_line_is_a_module(case: Path) -> None:
    _, text = output(case)
    answer = parsed(case)
    assert len(answer) == len(text.splitlines()) - 1
    for module, line in zip(answer, text.splitlines()[1:], strict=True):
        assert isinstance(module, Module)
        assert line.split()[:4] == [f"{module.module:x}", module.name, f"{module.base:x}", str(module.size)]


@each("mod", "mod_-t")
def test_tainted_modules_are_modules(case: Path) -> None:
    tainted = {taint.name for taint in parsed(case) if isinstance(taint, ModuleTaint)}
    beside = case.with_name("mod.cmd")
    if beside.exists():
        assert tainted <= {module.name for module in parsed(beside) if isinstance(module, Module)}
