"""Arrays of several dimensions and the types of variables, out of an image that a compiler made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from crashdrive.kernel.debuginfo.arrays import Arrays, ArrayShape
from crashdrive.kernel.debuginfo.dimensions import dimensions, made_of
from crashdrive.kernel.debuginfo.variables import declaration, declarations
from crashdrive.kernel.symbols.image import ImageSymbols
from crashdrive.kernel.types.declarations import LINUX_64, parse_declaration

COMPILER = shutil.which("gcc")
pytestmark = pytest.mark.skipif(not COMPILER, reason="there is no compiler")

SOURCE = """\
typedef unsigned long word;
enum colour { RED, BLUE };
struct item { struct item *next; char name[16]; const word table[3][4]; struct item *near[2][2][2]; };
struct other { int plain[12]; enum colour (*ahead)[5][2]; unsigned char open[][6]; };
struct { int inner; } nameless;
struct item first, *some[3], of[2][7];
const char *const words[] = { "a", "b" };
int (*call)(struct item *, const char *, ...);
word counter;
enum colour it;
static int hidden[4];
struct other *kept;
extern const word table[];
const word table[] = { 1, 2, 3 };
extern struct item open_end[];
struct item open_end[5];
int *take(void) { return hidden; }
void _start(void) { counter = 1; }
"""
SHAPED = (
    SOURCE
    + """\
typedef int matrix[2][3], *ints;
struct end {
    struct { ints list[5]; struct { short deep[3][2]; } in[4]; };
    union { matrix grid; int (*to)[7]; };
};
struct not_the_end { char name[9]; } tail;
struct bit { int no_array; char word[4]; } bit;
struct end end;
"""
)
DECLARED = {
    "first": "struct item",
    "some": "struct item *[3]",
    "of": "struct item [2][7]",
    "words": "char *[2]",
    "call": "int (*)(struct item *, char *, ...)",
    "counter": "word",
    "it": "enum colour",
    "hidden": "int [4]",
    "kept": "struct other *",
    "table": "word [3]",
    "open_end": "struct item [5]",
    "nameless": None,
}


def built(source: str, version: str, folder: Path) -> Path:
    (folder / "one.c").write_text(source)
    words = [f"-gdwarf-{version}", "-O0", "-nostdlib", "-static", "-fno-pie", "-no-pie"]
    assert COMPILER
    subprocess.run([COMPILER, *words, "one.c", "-o", "vmlinux"], cwd=folder, check=True)
    return folder / "vmlinux"


@pytest.fixture(scope="module", params=["4", "5"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(SOURCE, request.param, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module", params=["4", "5"])
def shaped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(SHAPED, request.param, tmp_path_factory.mktemp("shaped"))


def test_arrays_of_several_dimensions_are_found(image: Path) -> None:
    found = dimensions(str(image))
    # those of members: of variables their own entries tell
    assert found == {"word": [12], "struct item *": [8], "enum colour": [10], "unsigned char": [0]}


@pytest.mark.parametrize(
    ("outer", "path", "shape"),
    [
        ("struct item", ".name", ArrayShape("char", (16,))),
        ("struct item", ".table", ArrayShape("word", (3, 4))),
        ("struct item", "near", ArrayShape("struct item *", (2, 2, 2))),
        ("struct other", ".ahead", ArrayShape("enum colour", (5, 2))),
        # a bound that isn't told
        ("struct other", ".open", None),
        # "end" is in the texts as the end of "not_the_end" alone, "bit" in its entry
        ("struct end", ".list", ArrayShape("ints", (5,))),
        ("struct end", ".in[0].deep", ArrayShape("2", (3, 2))),
        ("struct end", ".in", ArrayShape("?", (4,))),
        ("struct end", ".grid", ArrayShape("4", (2, 3))),
        ("struct end", ".to", ArrayShape("4", (7,))),
        ("struct bit", ".word", ArrayShape("char", (4,))),
        ("matrix", "", ArrayShape("4", (2, 3))),
        ("struct bit", ".no_array", None),
        ("struct bit", ".no_member", None),
        ("struct bit", ".word[1]", None),
        ("union item", ".name", None),
        ("struct nobody", ".name", None),
        ("enum colour", "", None),
    ],
)
def test_the_shape_of_one_array_is_read(
    shaped: Path, outer: str, path: str, shape: ArrayShape | None
) -> None:
    assert Arrays(str(shaped)).find(outer, path) == shape


def test_a_costly_search_is_left_to_what_costs_less(shaped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.kernel.debuginfo.arrays._MOST", 0)
    found = Arrays(str(shaped))
    expected = ArrayShape("char", (16,))
    assert found.find("struct item", ".name") == expected
    assert found.find("struct bit", ".word") is None
    # what was found stays
    assert found.find("struct item", ".table") == ArrayShape("word", (3, 4))


def test_a_declaration_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "one.c").write_text("struct whole; struct whole *here; int take(void) { return !here; }")
    (tmp_path / "two.c").write_text("struct whole { char rows[3][5]; } all; void _start(void) { }")
    words = ["-g", "-O0", "-nostdlib", "-static", "-fno-pie", "-no-pie"]
    assert COMPILER
    subprocess.run([COMPILER, *words, "one.c", "two.c", "-o", "vmlinux"], cwd=tmp_path, check=True)
    shapes = Arrays(str(tmp_path / "vmlinux"))
    assert shapes.find("struct whole", ".rows") == ArrayShape("char", (3, 5))


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("word", "word"),
        ("struct item *", "struct item *"),
        ("unsigned long", "8"),
        ("char", "char"),
        ("struct item **", "struct item * *"),
        ("int (*)(void)", "? *"),
    ],
)
def test_what_an_array_is_made_of(declared: str, told: str) -> None:
    assert made_of(parse_declaration(declared, LINUX_64).type) == told


@pytest.mark.parametrize(("name", "declared"), DECLARED.items())
def test_variables_are_found_by_their_address(image: Path, name: str, declared: str | None) -> None:
    (symbol,) = ImageSymbols(image).named(name)
    found = declaration(str(image), name, symbol.address)
    if declared is None:
        assert found is None
    else:
        assert found is not None
        assert parse_declaration(found, LINUX_64) == parse_declaration(declared, LINUX_64)
    assert declaration(str(image), name, symbol.address + 1) is None
    assert declaration(str(image), "another", symbol.address) is None


def test_many_variables_are_told_as_each_alone(image: Path) -> None:
    places = {name: ImageSymbols(image).named(name)[0].address for name in DECLARED}
    alone = {(name, at): declaration(str(image), name, at) for name, at in places.items()}
    found = declarations(str(image), {at: ["another", name] for name, at in places.items()})
    assert found == {key: told for key, told in alone.items() if told is not None}
    # another place has no variable of these names
    assert declarations(str(image), {at + 1: [name] for name, at in places.items()}) == {}


def test_an_address_is_moved_back() -> None:
    moved = ImageSymbols.__new__(ImageSymbols)
    moved._relocation, moved._memory = 0x1000, range(0x400000, 0x500000)
    assert moved.linked(0x402000) == 0x401000
    assert moved.linked(0x30) == 0x30


def test_without_debug_data_nothing_is_told(image: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_bytes(image.read_bytes().replace(b".debug_info", b".other_info"))
    assert dimensions(str(bare)) is None
    assert declaration(str(bare), "first", 1) is None
    assert declarations(str(bare), {1: ["first"]}) == {}
    assert Arrays(str(bare)).find("struct item", ".name") is None
    cut = tmp_path / "cut"
    cut.write_bytes(image.read_bytes()[:2000])
    assert dimensions(str(cut)) is None
    assert Arrays(str(cut)).find("struct item", ".name") is None
    assert Arrays(str(tmp_path / "nothing")).find("struct item", ".name") is None
