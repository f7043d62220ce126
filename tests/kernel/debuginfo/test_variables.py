"""Arrays of several dimensions and the types of variables, out of an image that a compiler made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from crashdrive.kernel.debuginfo.dimensions import dimensions, made_of
from crashdrive.kernel.debuginfo.variables import declaration
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
int *take(void) { return hidden; }
void _start(void) { counter = 1; }
"""
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
    "nameless": None,
}


@pytest.fixture(scope="module", params=["4", "5"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    (folder / "one.c").write_text(SOURCE)
    words = [f"-gdwarf-{request.param}", "-O0", "-nostdlib", "-static", "-fno-pie", "-no-pie"]
    assert COMPILER
    subprocess.run([COMPILER, *words, "one.c", "-o", "vmlinux"], cwd=folder, check=True)
    return folder / "vmlinux"


def test_arrays_of_several_dimensions_are_found(image: Path) -> None:
    found = dimensions(str(image))
    # those of members: of variables their own entries tell
    assert found == {"word": [12], "struct item *": [8], "enum colour": [10], "unsigned char": [0]}


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
    cut = tmp_path / "cut"
    cut.write_bytes(image.read_bytes()[:2000])
    assert dimensions(str(cut)) is None
