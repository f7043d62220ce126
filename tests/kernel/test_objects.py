"""Objects: C's ways with members, pointers, arrays, casts, and how they look."""

from __future__ import annotations

import copy
import html
import pickle  # refused: that is what's tested

import pytest

from crashdrive.errors import ArgumentError, FaultError, UnknownMemberError, UnknownTypeError
from crashdrive.kernel.objects import Object, addr_of, cast, container_of
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FunctionType,
    Member,
    StructType,
    Type,
    VoidType,
)
from crashdrive.linux.kernel import Kernel
from tests.kernel.fake_memory import (
    BASE,
    BOOL,
    CHAR,
    INT,
    LIST_HEAD,
    PAGE,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

STATE = EnumType("state", 4, signed=False, enumerators=(("IDLE", 0), ("BUSY", 5)))
BITS = StructType("struct", "bits", 4, (Member("low", UINT, 0, 4), Member("signed_", INT, 4, 4)))
ROBOT = record(
    "robot",
    ("type_", INT),
    ("__state", STATE),
    ("name", ArrayType(CHAR, 8)),
    ("owner", pointer("struct robot")),
    ("list", LIST_HEAD),
    ("arms", ArrayType(INT, 4)),
    ("ports", ArrayType(U8, 2)),
    ("bits", BITS),
    ("title", pointer(CHAR)),
    ("run", pointer(FunctionType(VoidType(), (INT,)))),
    ("ready", BOOL),
    (None, record(None, ("key", ULONG), ("value_", ULONG), kind="union")),
    ("value", INT),
    ("table", pointer("int")),
    ("tail", ArrayType(INT, None)),
)


@pytest.fixture
def memory() -> FakeMemory:
    return FakeMemory()


@pytest.fixture
def kernel(memory: FakeMemory) -> Kernel:
    types: dict[str, Type] = {"struct robot": ROBOT, "struct bits": BITS, "enum state": STATE}
    return fake_kernel(memory, types, {"start": 0xFFFF_FFFF_8100_0000, "robots": BASE})


@pytest.fixture
def robot(memory: FakeMemory, kernel: Kernel) -> Object:
    address, boss, title = memory.allocate(256), memory.allocate(256), memory.allocate(32)
    found = kernel.object("struct robot", address)
    place = {name: found[name].address_ or 0 for name in found.members_()}
    memory.int32(place["type_"], -7)
    memory.int32(place["__state"], 5)
    memory.write(place["name"], b"R2\0junk!")
    memory.word(place["owner"], boss)
    memory.write(place["arms"], bytes([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0]))
    memory.write(place["bits"], bytes([0xE9, 0, 0, 0]))
    memory.word(place["title"], title)
    memory.write(title, b"a <b>\x1b[31mrobot</b>\0")
    memory.word(place["run"], 0xFFFF_FFFF_8100_0000)
    memory.word(place["table"], place["arms"])
    memory.int32(place["tail"] + 8, 99)
    memory.write(boss + 8, b"boss\0")
    return found


def test_members_follow_structures_and_pointers_alike(robot: Object) -> None:
    assert robot.type_name_ == "struct robot"
    assert int(robot["type_"]) == -7
    assert robot.owner.name.string_() == "boss"
    assert robot.owner["name"].string_() == "boss"
    assert robot.member_("owner->name").string_() == "boss"
    assert robot.member_("owner.arms[2]") == 0
    assert robot.key == 0
    assert robot["__state"].enumerator_() == "BUSY"


def test_names_of_ours_hide_no_member(robot: Object) -> None:
    assert robot["value_"] == 0
    assert robot["value"] == 0
    assert robot.value_()["type_"] == -7


def test_arrays_and_pointers_by_index(robot: Object) -> None:
    assert [int(arm) for arm in robot.arms] == [1, 2, 3, 3]
    assert list(robot.arms) == [1, 2, 3, 3]
    assert robot.arms[-1] == 3
    assert [int(arm) for arm in robot.arms[1:3]] == [2, 3]
    assert robot.table[1] == 2
    assert robot.tail[2] == 99
    assert len(robot.arms) == 4
    with pytest.raises(IndexError):
        robot.arms[4]
    with pytest.raises(TypeError, match="no length"):
        len(robot.tail)
    with pytest.raises(TypeError, match="no elements"):
        robot["type_"][0]


def test_copies_are_the_same_object_and_pickles_are_refused(robot: Object) -> None:
    assert copy.copy(robot) is robot
    assert copy.deepcopy({"robot": robot.owner})["robot"] == robot.owner
    with pytest.raises(TypeError, match="value_"):
        pickle.dumps(robot)
    assert not hasattr(robot, "__array_interface__")
    with pytest.raises(IndexError, match=r"int \[4\] has no element \[-5\]"):
        robot.arms[-5]


def test_bit_fields(robot: Object) -> None:
    assert robot.bits.low == 9
    assert robot.bits.signed_ == -2
    with pytest.raises(TypeError, match="no address"):
        robot.bits.low.address_of_()


def test_text(robot: Object) -> None:
    assert robot.name.string_() == "R2"
    assert robot.name.bytes_() == b"R2\0junk!"
    assert robot.name.value_() == b"R2\0junk!"
    assert str(robot.name) == "R2"
    assert f"{robot.name:>4}" == "  R2"
    assert robot.title.string_() == "a <b>\x1b[31mrobot</b>"
    assert robot.ports.value_() == [0, 0]
    with pytest.raises(FaultError, match="NULL"):
        robot.owner.title.string_()


def test_addresses_containers_and_casts(robot: Object, kernel: Kernel) -> None:
    there = addr_of(robot, "list")
    assert there.type_name_ == "struct list_head *"
    assert container_of(there, "struct robot", "list") == robot
    assert robot.list.container_of_("struct robot", "list").address_ == robot.address_
    assert addr_of(robot).name.string_() == "R2"
    assert cast("unsigned int", robot["type_"]) == 0xFFFF_FFF9
    assert cast("struct list_head *", robot.owner).type_name_ == "struct list_head *"
    assert cast("int", robot["__state"]) == 5
    assert robot.cast_("struct list_head").next.type_name_ == "struct list_head *"
    assert robot.owner - robot.owner == 0
    assert int(robot.owner + 1) == int(robot.owner) + ROBOT.size
    assert (robot.owner + 1 - robot.owner) == 1
    assert robot.table[0].address_of_() == robot.table
    assert kernel.pointer("struct robot", robot.address_ or 0).deref_() == robot
    assert kernel.object("struct robot", robot) == kernel.object("struct robot", robot.address_of_()) == robot


def test_numbers(robot: Object) -> None:
    kind = robot["type_"]
    assert kind + 1 == -6
    assert 1 - kind == 8
    assert kind * 2 == -14
    assert -kind == 7
    assert kind < 0 <= robot.value
    assert ~robot.bits.low == 0xFFFF_FFF6
    assert robot.arms[1] << 3 == 16
    assert (robot.arms[1] | 1) & 3 == 3
    assert bool(robot["__state"])
    assert not robot.ready
    assert range(10)[robot.arms[0]] == 1
    assert f"{robot.arms[2]:#06x}" == "0x0003"
    assert {robot.arms[2], robot.arms[3]} == {3}
    with pytest.raises(TypeError, match="no number"):
        int(robot)
    with pytest.raises(TypeError):
        bool(robot)


def test_errors_name_type_member_and_near_misses(robot: Object, kernel: Kernel) -> None:
    with pytest.raises(UnknownMemberError, match="struct robot has no member 'nmae'; near: name"):
        _ = robot.nmae
    with pytest.raises(AttributeError, match="'armz'"):
        _ = robot.owner.armz
    with pytest.raises(FaultError, match="NULL"):
        _ = robot.owner.owner.name
    with pytest.raises(UnknownMemberError, match="no member 'oops'"):
        _ = robot.owner.owner.oops
    with pytest.raises(UnknownTypeError):
        kernel.object("struct robott", BASE)
    assert not hasattr(robot, "_ipython_display_")


def test_addresses_may_be_written_as_text(kernel: Kernel) -> None:
    assert kernel.object("struct robot", hex(BASE)) == kernel.object("struct robot", BASE)
    assert kernel.object("struct robot", f"{BASE:016x}") == kernel.object("struct robot", BASE)
    for text in ("modules", "ffff", "12", "-0x10", "0x", ""):
        with pytest.raises(ArgumentError, match="no address: a number, a hexadecimal text") as raised:
            kernel.walk_list(text, "struct robot", "list")
        assert ascii(text) in str(raised.value)


def test_dir_and_members(robot: Object) -> None:
    assert {"name", "key", "value_", "string_"} <= set(dir(robot))
    assert "owner" in dir(robot.owner)
    assert robot.has_member_("bits.low")
    assert not robot.has_member_("bits.high")


def test_looks_as_crash_prints_it(robot: Object) -> None:
    boss = int(robot.owner)
    title = int(robot.title)
    arms = robot.arms.address_
    tail = robot.tail.address_
    assert repr(robot) == (
        "struct robot {\n"
        "  type_ = -7,\n"
        "  __state = BUSY,\n"
        '  name = "R2",\n'
        f"  owner = {boss:#x},\n"
        "  list = {\n"
        "    next = 0x0,\n"
        "    prev = 0x0\n"
        "  },\n"
        "  arms = {1, 2, 3, 3},\n"
        "  ports = {0, 0},\n"
        "  bits = {\n"
        "    low = 9,\n"
        "    signed_ = -2\n"
        "  },\n"
        f'  title = {title:#x} "a <b>\\x1b[31mrobot</b>",\n'
        "  run = 0xffffffff81000000 <start>,\n"
        "  ready = false,\n"
        "  {\n"
        "    key = 0,\n"
        "    value_ = 0\n"
        "  },\n"
        "  value = 0,\n"
        f"  table = {arms:#x},\n"
        f"  tail = {tail:#x}\n"
        "}"
    )
    assert repr(robot["type_"]) == "(int) -7"
    assert repr(robot.owner) == f"(struct robot *) {boss:#x}"
    assert repr(robot.name) == '(char [8]) "R2"'
    assert robot._repr_html_() == f"<pre>{html.escape(repr(robot))}</pre>"
    assert "<b>" not in robot._repr_html_()


def test_missing_memory_says_so_in_its_place(memory: FakeMemory, kernel: Kernel) -> None:
    start = kernel.object("struct robot", BASE + 4 * PAGE - 16)
    memory.write(BASE + 4 * PAGE - 16, bytes(16))
    shown = repr(start)
    assert "type_ = 0" in shown
    assert "owner = <not in the dump: not mapped>" in shown
    with pytest.raises(FaultError):
        int(start.owner)


def test_long_arrays_are_folded(memory: FakeMemory, kernel: Kernel) -> None:
    address = memory.allocate(4 * 300)
    memory.int32(address + 4, 3)
    many = Object(kernel, ArrayType(INT, 300), address)
    assert repr(many) == "(int [300]) {0, 3, 0 <repeats 198 times>, ... 100 more}"


def test_a_symbol_has_the_type_that_whatis_tells(memory: FakeMemory) -> None:
    answers = {"whatis robots": "struct robot robots[2];\n", "whatis count": "unsigned int count;\n"}
    kernel = fake_kernel(memory, {"struct robot": ROBOT}, {"robots": BASE, "count": BASE + 4096}, answers)
    memory.write(BASE, bytes(2 * ROBOT.size))
    memory.int32(BASE + ROBOT.size, 3)
    memory.write(BASE + 4096, b"\x2a\0\0\0")
    assert kernel.symbol("robots")[1]["type_"] == 3
    assert kernel.symbol("count") == 42
    assert kernel.symbol_as("count", "int").value_() == 42


def test_a_list_of_objects(memory: FakeMemory, kernel: Kernel) -> None:
    head = memory.allocate(16)
    robots = [memory.allocate(256) for _ in range(3)]
    link_list(memory, head, [r + kernel.offset("struct robot", "list") for r in robots])
    found = kernel.walk_list(kernel.object("struct list_head", head), "struct robot", "list")
    assert [r.address_ for r in found] == robots
    again = kernel.walk_list(kernel.pointer("struct list_head", head), "struct robot", "list")
    assert again.addresses == found.addresses
