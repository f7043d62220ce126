"""Functions, lines, inlined calls, variables, members: held against the source that a compiler was given."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo.places import CodePlace, DebugInfo, Variable

COMPILER = shutil.which("gcc")
OBJDUMP = shutil.which("objdump")
pytestmark = pytest.mark.skipif(not (COMPILER and OBJDUMP), reason="there is no compiler")

SOURCE = """\
typedef unsigned long word;
struct inner { int first; word second; };
struct item { struct item *next; struct inner in; union { word left; char right[8]; }; word numbers[4];
  int plain; word low : 3; word wide : 40; word grid[2][3]; word open[]; };
extern word sink;
void told(word value);
static inline __attribute__((always_inline)) word inlined_one(struct item *one)
{
    return one->numbers[2] * one->numbers[1] ^ one->numbers[0] / 7; /* inlined */
}
__attribute__((noinline)) word outer_one(struct item *first, int count, const char *name)
{
    word sum = 0;
    for (int at = 0; at < count; at++) {
        sum += inlined_one(first); /* call */
        told(sum); /* told */
        first = first->next;
    }
    told((word)name);
    return sum;
}
"""


# lines of DWARF 3 beside entries of DWARF 4: binutils until 2.35
@pytest.fixture(scope="module", params=["4 -Wa,--gdwarf-3", "4", "5"], ids=["4-lines-3", "4", "5"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An object, as a module is one: nothing in it has an address yet."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "one.c").write_text(SOURCE)
    words = [
        *f"-gdwarf-{request.param}".split(),
        "-O2",
        "-c",
        "-fno-pie",
        "-mcmodel=kernel",
        "-ffunction-sections",
    ]
    words += ["-fno-asynchronous-unwind-tables"]
    assert COMPILER
    subprocess.run([COMPILER, *words, "one.c", "-o", "one.ko"], cwd=folder, check=True)
    return folder / "one.ko"


@pytest.fixture(scope="module")
def calls(built: Path) -> list[int]:
    """Distances behind the calls of told(), by another program's word."""
    assert OBJDUMP
    told = subprocess.run([OBJDUMP, "-dr", str(built)], check=True, capture_output=True, text=True).stdout
    rows = re.findall(
        r"^ +([0-9a-f]+):\t(?:[0-9a-f]{2} )+\s*(?:call|jmp)\b.*\n.*\btold\b", told, re.MULTILINE
    )
    return [int(row, 16) + 5 for row in rows]


def line_of(mark: str) -> int:
    return next(number for number, line in enumerate(SOURCE.splitlines(), 1) if mark in line)


def place(built: Path, distance: int) -> CodePlace:
    data = DebugInfo(built)
    (start,) = data.sections.functions("outer_one")
    found = data.place(start + distance)
    assert found is not None
    return found


def named(found: CodePlace, name: str) -> Variable:
    return next(one for one in found.variables if one.name == name)


def test_function_line_and_variables(built: Path, calls: list[int]) -> None:
    found = place(built, calls[0] - 1)
    assert (found.function, found.line and found.line.line) == ("outer_one", line_of("/* told */"))
    assert found.line is not None
    assert found.line.file.endswith("one.c")
    assert {one.name: one.type for one in found.variables if one.parameter} == {
        "first": "struct item *",
        "count": "int",
        "name": "const char *",
    }


def test_what_is_inlined(built: Path) -> None:
    data = DebugInfo(built)
    (start,) = data.sections.functions("outer_one")
    lines = {}
    for distance in range(120):
        found = data.place(start + distance)
        for call in found.calls if found else ():
            lines[call.function] = (call.line and call.line.line, found and found.line and found.line.line)
    assert lines["inlined_one"] == (line_of("/* call */"), line_of("/* inlined */"))


@pytest.mark.parametrize(
    ("distance", "name"),
    [(0, "next"), (8, "in.first"), (16, "in.second"), (24, "left"), (32, "numbers[]"), (64, "plain"),
     (68, "low"), (69, None), (73, "wide"), (77, None), (80, "grid[]"),
     (127, "grid[]"), (128, "open[]"), (136, None)],
)  # fmt: skip
def test_members(built: Path, calls: list[int], distance: int, name: str | None) -> None:
    data = DebugInfo(built)
    (start,) = data.sections.functions("outer_one")
    found = data.place(start + calls[0] - 1)
    assert found is not None
    told = named(found, "first").member(distance)
    assert told == (None if name is None else ("struct item", name))


def test_registers_that_a_function_saves(built: Path, calls: list[int]) -> None:
    """Those that it pushes, in the order of the pushes."""
    assert OBJDUMP
    told = subprocess.run(
        [OBJDUMP, "-d", "--disassemble=outer_one", str(built)], check=True, capture_output=True, text=True
    ).stdout
    pushed = re.findall(r"push\s+%(\w+)", told)
    data = DebugInfo(built)
    (start,) = data.sections.functions("outer_one")
    saved = data.saved.find(start + calls[0] - 1)
    assert saved == {name: -16 - 8 * at for at, name in enumerate(pushed)}
    assert data.saved.find(start) == {}


def test_values(built: Path, calls: list[int]) -> None:
    data = DebugInfo(built)
    (start,) = data.sections.functions("outer_one")
    found = data.place(start + calls[0] - 1)
    assert found is not None
    variable = named(found, "first")
    assert variable.register is not None
    registers: Mapping[str, int] = {variable.register: 0x1234}
    assert variable.value(registers, None, lambda _address, _size: None) == 0x1234
    assert variable.value({}, None, lambda _address, _size: None) is None


def test_files_without_debug_data(tmp_path: Path, built: Path) -> None:
    for content in (b"", b"\x7fELF", b"text" * 100):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(VmlinuxError):
            DebugInfo(tmp_path / "file")
    with pytest.raises(VmlinuxError, match="can't be read"):
        DebugInfo(tmp_path / "gone")
    assert DebugInfo(built).place(0xDEAD0000) is None


def test_a_damaged_file_gives_less_and_raises_nothing(tmp_path: Path, built: Path) -> None:
    raw = bytearray(built.read_bytes())
    for place_ in range(200, len(raw), max(len(raw) // 60, 1)):
        damaged = bytearray(raw)
        damaged[place_ : place_ + 8] = b"\xff" * 8
        (tmp_path / "file").write_bytes(damaged)
        try:
            data = DebugInfo(tmp_path / "file")
            for start in data.sections.functions("outer_one"):
                data.place(start + 20)
                data.saved.find(start + 20)
        except VmlinuxError:
            continue
