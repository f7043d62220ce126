"""Types out of the DWARF of images that compilers made, little- and big-endian, DWARF 4 and 5."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from crashdrive.dump.elf import opened_elf
from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo.layouts import ImageTypes
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FunctionType,
    IntType,
    Member,
    PointerType,
    StructType,
    Type,
    TypedefType,
    TypeRef,
    VoidType,
    type_name,
)

SOURCE = """\
typedef unsigned int u32;
typedef struct { int counter; } atomic_t;
typedef int (*compare_t)(const void *, struct item *, ...);
enum colour { RED, BLUE = 7, GREY = -1 };
enum { LONELY = 42 };
struct declared;
struct other { short a; char b[3]; };
struct item {
    struct item *next;
    const char *volatile name;
    u32 flags;
    unsigned int low : 3, middle : 9, : 2, high : 17;
    atomic_t count;
    struct other nested;
    union { long number; struct { unsigned char first, rest[7]; }; };
    unsigned long table[3][4];
    struct declared *ahead;
    enum colour colour;
    compare_t compare;
    struct other several[2];
    _Bool yes;
    long long wide;
    int open[];
};
u32 counter; enum colour it; atomic_t kept; int lonely = LONELY;
struct item item;
void _start(void) { counter = 1; }
"""
COMPILERS = ["gcc", "s390x-linux-gnu-gcc", "powerpc64le-linux-gnu-gcc"]
LINKED = ("-nostdlib", "-static", "-fno-pie", "-no-pie")
# a module's file is relocatable: its debug data refers to names by relocations
IMAGES = [
    (compiler, version, how) for compiler in COMPILERS for version in (4, 5) for how in (LINKED, ("-c",))
]


@pytest.fixture(scope="module", params=IMAGES, ids=lambda one: f"{one[0]}-{one[1]}{one[2][0]}")
def types(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ImageTypes:
    compiler, version, how = request.param
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    folder = tmp_path_factory.mktemp("image")
    (folder / "image.c").write_text(SOURCE)
    form = ["-ffreestanding", "-g", f"-gdwarf-{version}", *how]
    subprocess.run([compiler, *form, "-o", "image", "image.c"], cwd=folder, check=True, capture_output=True)
    return ImageTypes(str(folder / "image"))


def structure(types: ImageTypes, name: str) -> StructType:
    found = types.find(name)
    assert isinstance(found, StructType)
    return found


def test_members_lie_where_the_compiler_has_them(types: ImageTypes) -> None:
    item = structure(types, "struct item")
    places = {member.name: member.bit_offset for member in item.members if member.bit_size is None}
    assert places == {
        "next": 0, "name": 64, "flags": 128, "count": 192, "nested": 224, None: 320, "table": 384,
        "ahead": 1152, "colour": 1216, "compare": 1280, "several": 1344, "yes": 1440, "wide": 1472,
        "open": 1536,
    }  # fmt: skip
    assert item.size == 192


def test_bit_fields_count_in_the_order_of_memory(types: ImageTypes) -> None:
    """From the lowest bit on where the lowest byte comes first, else from the highest."""
    found = [
        (m.name, m.bit_offset, m.bit_size) for m in structure(types, "struct item").members if m.bit_size
    ]
    assert found == [("low", 160, 3), ("middle", 163, 9), ("high", 174, 17)]


def test_what_members_are(types: ImageTypes) -> None:
    members = {member.name: member.type for member in structure(types, "struct item").members}
    assert members["next"] == PointerType(TypeRef("struct item"), 8)
    assert type_name(members["name"]) == "char *"
    assert members["flags"] == TypeRef("u32", 4)
    assert members["count"] == TypeRef("atomic_t", 4)
    assert members["ahead"] == PointerType(TypeRef("struct declared"), 8)
    assert members["colour"] == TypeRef("enum colour", 4)
    assert members["table"] == ArrayType(ArrayType(IntType("unsigned long", 8, signed=False), 4), 3)
    assert members["several"] == ArrayType(TypeRef("struct other", 6), 2)
    assert members["open"] == ArrayType(IntType("int", 4, signed=True), None)
    assert members["yes"] == IntType("_Bool", 1, signed=False, kind="bool")
    assert members["nested"] == types.find("struct other")
    union = members[None]
    assert isinstance(union, StructType)
    assert (union.kind, union.name, [m.name for m in union.members]) == ("union", None, ["number", None])


def test_a_typedef_has_what_it_stands_for(types: ImageTypes) -> None:
    assert types.find("u32") == TypedefType("u32", IntType("unsigned int", 4, signed=False))
    counter = Member("counter", IntType("int", 4, signed=True), 0)
    assert types.find("atomic_t") == TypedefType("atomic_t", StructType("struct", None, 4, (counter,)))
    parameters: tuple[Type, ...] = (PointerType(VoidType(), 8), PointerType(TypeRef("struct item"), 8))
    called = FunctionType(IntType("int", 4, signed=True), parameters, variadic=True)
    assert types.find("compare_t") == TypedefType("compare_t", PointerType(called, 8))


def test_enumerations_and_their_constants(types: ImageTypes) -> None:
    colours = EnumType("colour", 4, True, (("RED", 0), ("BLUE", 7), ("GREY", -1)))
    assert types.find("enum colour") == colours
    assert types.enumeration("BLUE") == colours
    lonely = types.enumeration("LONELY")
    assert isinstance(lonely, EnumType)
    assert (lonely.name, lonely.enumerators) == (None, (("LONELY", 42),))
    assert types.enumeration("NOT_THERE") is None


def test_what_a_type_refers_to_may_be_the_modules_own(types: ImageTypes) -> None:
    """By name and size: the kernel may mean something else."""
    asked: list[tuple[str, int]] = []

    def suffix(name: str, size: int) -> str:
        asked.append((name, size))
        return "@bonding" if name == "struct item" else ""

    item = ImageTypes(types._sections.path, suffix).find("struct item")
    assert isinstance(item, StructType)
    assert item.members[0].type == PointerType(TypeRef("struct item@bonding"), 8)
    assert item.name == "item"
    assert {("struct item", 192), ("struct other", 6)} == set(asked)


def test_sizes_alone(types: ImageTypes) -> None:
    assert [types.size(name) for name in ("struct item", "struct other", "struct absent")] == [192, 6, None]
    assert types.may_define("struct item")
    assert types.may_define("u32")
    assert not types.may_define("struct something_else")
    assert not types.may_define("u33")


@pytest.mark.parametrize(
    "name", ["struct declared", "struct absent", "union item", "item", "struct u32", "enum item", "long item"]
)
def test_what_the_image_does_not_define(types: ImageTypes, name: str) -> None:
    assert types.find(name) is None


def test_a_plain_char_is_the_machines(types: ImageTypes) -> None:
    with Path(types._sections.path).open("rb") as file:
        signed = opened_elf(file.fileno()).machine not in {21, 22}
    assert types.abi.char_signed is signed
    assert structure(types, "struct other").members[1].type == ArrayType(
        IntType("char", 1, signed=signed, kind="char"), 3
    )


def test_damage_is_an_error_of_ours(types: ImageTypes, tmp_path: Path) -> None:
    path = Path(types._sections.path)
    whole = path.read_bytes()
    at = whole.index(bytes(types._sections.get(".debug_abbrev"))[:16])
    for fill in (b"\0", b"\xff", b"\x21"):
        damaged = tmp_path / "damaged"
        damaged.write_bytes(whole[:at] + fill * 200 + whole[at + 200 :])
        try:
            found = ImageTypes(str(damaged)).find("struct item")
        except VmlinuxError:
            found = None
        assert found is None


UNITS = (
    """\
struct same { int a; long b; } same_1;
struct twice { int a; } twice_1;
struct shape { int a, b; } shape_1;
""",
    """\
struct same { int a; long b; } same_2;
struct twice { long a; } twice_2;
struct shape { int a; float b; } shape_2;
void _start(void) {}
""",
)


@pytest.fixture(scope="module")
def two_units(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image of two units, which mean the same by one name and not by two others."""
    folder = tmp_path_factory.mktemp("units")
    for number, text in enumerate(UNITS):
        (folder / f"{number}.c").write_text(text)
    command = ["gcc", "-ffreestanding", "-g", *LINKED, "-o", "image", "0.c", "1.c"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return str(folder / "image")


def test_a_name_with_several_types_is_left_to_gdb(two_units: str) -> None:
    compared = ImageTypes(two_units, compared=2)
    assert structure(compared, "struct same").size == 16
    # of another size; and of the same size and line, with another member
    for name in ("struct twice", "struct shape"):
        with pytest.raises(VmlinuxError, match=f"several types are named {name}"):
            compared.find(name)
    assert structure(ImageTypes(two_units), "struct twice").size == 4


def test_an_image_without_a_kernels_types_has_not_all(two_units: str) -> None:
    assert not ImageTypes(two_units).has_all
