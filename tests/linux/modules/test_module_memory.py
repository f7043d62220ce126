"""Where modules lie, out of a dump's memory."""

from __future__ import annotations

import pytest

from crashdrive.errors import FaultError
from crashdrive.kernel.types.model import ArrayType
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.modules.symbols import module_memory
from tests.kernel.fake_memory import (
    CHAR,
    LIST_HEAD,
    PAGE,
    UINT,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

PART = record("module_memory", ("base", pointer("void")), ("size", UINT))
MODULE = record("module", ("list", LIST_HEAD), ("name", ArrayType(CHAR, PAGE)), ("mem", ArrayType(PART, 2)))


def loaded(memory: FakeMemory, count: int) -> tuple[Kernel, list[int]]:
    """A kernel with modules, each of two parts; ``mem`` is on another page than the list."""
    head = memory.allocate(16)
    modules = [memory.allocate(MODULE.size, PAGE) for _ in range(count)]
    kernel = fake_kernel(memory, {"struct module": MODULE, "struct module_memory": PART}, {"modules": head})
    link_list(memory, head, modules)
    for number, module in enumerate(modules, 1):
        memory.write(module + 16, b"m%d" % number)
        memory.word(module + kernel.offset("struct module", "mem"), number << 32, PAGE, number << 40, PAGE)
    return kernel, modules


def test_each_part_of_each_module() -> None:
    kernel, _ = loaded(FakeMemory(), 2)
    assert [(start, name) for start, _, name in module_memory(kernel)] == [
        (1 << 32, "m1"), (1 << 40, "m1"), (2 << 32, "m2"), (2 << 40, "m2"),
    ]  # fmt: skip


@pytest.mark.parametrize("at", [0, PAGE])
def test_modules_that_are_missing_are_an_error(at: int) -> None:
    """Without them an address inside one would be taken for nobody's."""
    memory = FakeMemory()
    kernel, modules = loaded(memory, 2)
    memory.hole(modules[0] + at)
    with pytest.raises(FaultError):
        list(module_memory(kernel))
