"""The dimensions of a structure's arrays, out of an image that a compiler made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from crashdrive.kernel.debuginfo.shapes import Shapes

COMPILER = shutil.which("gcc")
pytestmark = pytest.mark.skipif(not COMPILER, reason="there is no compiler")

SOURCE = """\
typedef char name_t[16];
struct long_name_of_item {
    int plain; char name[16]; const unsigned long table[3][4]; void *near[2][2][2];
    union { short pair[2][3]; struct { char deep[5]; } inner; };
    name_t declared; struct other *ahead[7]; long more[40]; int open[];
};
struct other { char buffer[300][2]; };
struct item { unsigned char hash[6][2]; };
union either { int one[2][2]; long two; };
struct nothing;
struct long_name_of_item first; struct other second; struct item third; union either fourth;
struct nothing *fifth;
void _start(void) { first.plain = 1; }
"""
# in another unit, with another structure of a name
ANOTHER = """\
struct item { int numbers[4]; };
struct end_of_item { int numbers[4][2]; };
struct item one; struct end_of_item other;
"""


@pytest.fixture(scope="module", params=["4", "5"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    (folder / "one.c").write_text(SOURCE)
    (folder / "two.c").write_text(ANOTHER)
    words = [f"-gdwarf-{request.param}", "-O0", "-nostdlib", "-static", "-fno-pie", "-no-pie"]
    assert COMPILER
    subprocess.run([COMPILER, *words, "one.c", "two.c", "-o", "vmlinux"], cwd=folder, check=True)
    return folder / "vmlinux"


@pytest.mark.parametrize(
    ("name", "size", "told"),
    [
        ("struct other", 600, {"buffer": [300, 2]}),
        ("struct item", 12, {"hash": [6, 2]}),
        ("struct item", 16, {"numbers": [4]}),
        ("struct end_of_item", 32, {"numbers": [4, 2]}),
        ("union either", 16, {"one": [2, 2]}),
        ("struct item", 13, None),
        ("union item", 12, None),
        ("struct nothing", 8, None),
        ("struct nothing", 0, None),
        ("struct of_item", 32, None),
        ("name_t", 16, None),
    ],
)
def test_arrays_of_a_structure(image: Path, name: str, size: int, told: dict[str, list[int]] | None) -> None:
    assert Shapes(str(image)).of(name, size) == told


def test_paths_are_gdbs(image: Path) -> None:
    """As ``whatis ((struct long_name_of_item *)0)->inner.deep``."""
    size = 4 + 16 + 4 + 96 + 64 + 12 + 4 + 16 + 8 - 8 + 56 + 320
    found = [Shapes(str(image)).of("struct long_name_of_item", one) for one in range(size - 16, size + 17)]
    assert [one for one in found if one] == [
        {
            "name": [16],
            "table": [3, 4],
            "near": [2, 2, 2],
            "pair": [2, 3],
            "inner.deep": [5],
            "ahead": [7],
            "more": [40],
            "open": [0],
        }
    ]


def test_without_debug_data_nothing_is_told(image: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_bytes(image.read_bytes().replace(b".debug_info", b".other_info"))
    assert Shapes(str(bare)).of("struct other", 600) is None
    cut = tmp_path / "cut"
    cut.write_bytes(image.read_bytes()[:2000])
    assert Shapes(str(cut)).of("struct other", 600) is None
    assert Shapes(str(tmp_path / "missing")).of("struct other", 600) is None


def test_damage_is_none_or_another_answer_but_no_error(image: Path, tmp_path: Path) -> None:
    whole = image.read_bytes()
    start = whole.index(b"\x2c\x01" if b"\x2c\x01" in whole else b"\x58\x02")
    for at in range(start - 40, start + 40):
        damaged = tmp_path / "damaged"
        damaged.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
        Shapes(str(damaged)).of("struct other", 600)
