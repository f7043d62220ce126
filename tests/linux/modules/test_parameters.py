"""Values of parameters by the functions that print them, on a kernel that never was."""

from __future__ import annotations

import pytest

from crashdrive.kernel.types.model import IntType, Type
from crashdrive.linux.modules.details import ModuleRow
from crashdrive.linux.modules.parameters import ModuleParameter, module_parameters
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import CHAR, PAGE, UINT, FakeMemory, fake_kernel, pointer, record

U16 = IntType("unsigned short", 2, signed=False)
TYPES: dict[str, Type] = {
    "struct kernel_param_ops": record("kernel_param_ops", ("flags", UINT), ("get", pointer("void"))),
    "struct kernel_param": record(
        "kernel_param",
        ("name", pointer(CHAR)),
        ("ops", pointer("struct kernel_param_ops")),
        ("perm", U16),
        ("arg", pointer("void")),
    ),
    "struct kparam_array": record(
        "kparam_array",
        ("max", UINT),
        ("elemsize", UINT),
        ("num", pointer(UINT)),
        ("ops", pointer("struct kernel_param_ops")),
        ("elem", pointer("void")),
    ),
    "struct kparam_string": record("kparam_string", ("maxlen", UINT), ("string", pointer(CHAR))),
}


class Module:
    """A module with one parameter, whose value has a page of its own."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.functions: dict[str, int] = {}
        self.value = self.memory.allocate(PAGE, PAGE)
        self.own = self.memory.allocate(PAGE, PAGE)
        name = self.text(b"mine")
        self.memory.word(self.own, name, 0, 0o644, self.value)

    def text(self, text: bytes) -> int:
        place = self.memory.allocate(len(text) + 1)
        self.memory.write(place, text + b"\0")
        return place

    def operations(self, getter: str) -> int:
        self.functions.setdefault(getter, 0xFFFF_FFFF_8100_0000 + 16 * len(self.functions))
        place = self.memory.allocate(16)
        self.memory.word(place, 0, self.functions[getter])
        return place

    def read(self, getter: str, *, count: int = 1) -> tuple[list[ModuleParameter], Survey]:
        self.memory.word(self.own + 8, self.operations(getter))
        survey = Survey(fake_kernel(self.memory, TYPES, self.functions))
        row = ModuleRow(
            name="module", size=0, references=0, used_by=(), state="Live", taint="", permanent=False,
            version=None, srcversion=None, load_arguments=None, listed=True, base=None,
            parameters=self.own, parameter_count=count, address=0x1000,
        )  # fmt: skip
        return list(module_parameters(survey, [row])), survey

    def shown(self, getter: str) -> str | None:
        (row,), survey = self.read(getter)
        assert survey.complete
        return row.value


@pytest.fixture
def module() -> Module:
    return Module()


@pytest.mark.parametrize(
    ("getter", "raw", "shown"),
    [
        ("param_get_int", b"\xff\xff\xff\xff", "-1"),
        ("param_get_uint", b"\xff\xff\xff\xff", "4294967295"),
        ("param_get_byte", b"\xff\x01", "255"),
        ("param_get_short", b"\xfe\xff", "-2"),
        ("param_get_ushort", b"\xfe\xff", "65534"),
        ("param_get_long", b"\xff" * 8, "-1"),
        ("param_get_ulong", b"\xff" * 8, str((1 << 64) - 1)),
        ("param_get_hexint", b"\x10\0\0\0", "0x00000010"),
        ("param_get_bool", b"\1", "Y"),
        ("param_get_invbool", b"\1", "N"),
    ],
)
def test_numbers(module: Module, getter: str, raw: bytes, shown: str) -> None:
    module.memory.write(module.value, raw)
    assert module.shown(getter) == shown


def test_texts(module: Module) -> None:
    assert module.shown("param_get_charp") == "(null)"
    module.memory.word(module.value, module.text(b"a b\x1b"))
    assert module.shown("param_get_charp") == "a b\x1b"
    module.memory.word(module.value, 4, module.text(b"longer than it may be"))
    assert module.shown("param_get_string") == "long"


def test_arrays(module: Module) -> None:
    number, elements = module.memory.allocate(8), module.memory.allocate(16)
    module.memory.int32(number, 2)
    module.memory.write(elements, b"\x15\0\x16\0\x17\0")
    getter = module.operations("param_get_ushort")
    module.memory.word(module.value, 2 << 32 | 8, number, getter, elements)
    assert module.shown("param_array_get") == "21,22"
    module.memory.int32(number, 1 << 30)
    (row,), _ = module.read("param_array_get")
    assert (row.value, row.absent) == (None, "kind unknown")


def test_a_function_that_is_not_known(module: Module) -> None:
    (row,), survey = module.read("mine_get")
    assert (row.parameter, row.value, row.absent, row.getter) == ("mine", None, "kind unknown", "mine_get")
    assert survey.complete


def test_a_value_that_is_missing(module: Module) -> None:
    module.memory.hole(module.value)
    (row,), survey = module.read("param_get_int")
    assert (row.value, row.absent, survey.complete) == (None, "not in the dump", False)


def test_a_count_that_can_t_be(module: Module) -> None:
    rows, survey = module.read("param_get_int", count=1 << 20)
    assert (rows, survey.complete) == ([], False)
