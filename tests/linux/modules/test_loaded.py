"""Loaded modules, in each of the layouts that struct module has had."""

from __future__ import annotations

import pytest

from crashdrive.kernel.types.model import ArrayType, EnumType, StructType, Type
from crashdrive.linux.modules.loaded import for_each_module, modules
from tests.kernel.fake_memory import CHAR, LIST_HEAD, UINT, FakeMemory, fake_kernel, pointer, record

PART = record("module_memory", ("base", pointer("void")), ("size", UINT))
LAYOUT = record("module_layout", ("base", pointer("void")), ("size", UINT))
BASE = 0xFFFF_FFFF_C000_0000
NAMED = (("list", LIST_HEAD), ("name", ArrayType(CHAR, 56)))
# the last is gone after initialisation, and doesn't count
PART_NAMES = ("MOD_TEXT", "MOD_DATA", "MOD_RODATA", "MOD_RO_AFTER_INIT", "MOD_INIT_TEXT")
KINDS = EnumType("mod_mem_type", 4, False, tuple((name, at) for at, name in enumerate(PART_NAMES)))
IN_PARTS = [(BASE + 0x1000 * at, size) for at, size in enumerate((0x1000, 0x200, 0x30, 4, 0x9000))]
PARTS = record("module", *NAMED, ("mem", ArrayType(PART, 5)))
CORE = record("module", *NAMED, ("core_layout", LAYOUT))
OLD = record("module", *NAMED, ("module_core", pointer("void")), ("core_size", UINT))


def linked(memory: FakeMemory, kind: StructType, names: list[bytes]) -> dict[str, int]:
    """Modules on the list ``modules``, the youngest first; each with what follows its name as given."""
    head = memory.allocate(16)
    places = [memory.allocate(kind.size or 0) for _ in names]
    ring = [head, *places, head]
    for before, node, after in zip([places[-1], *ring], ring[:-1], ring[1:], strict=False):
        memory.word(node, after, before)
    for place, name in zip(places, names, strict=True):
        memory.write(place + 16, name)
    return {"modules": head} | {name.decode(): place for name, place in zip(names, places, strict=True)}


@pytest.mark.parametrize(
    ("kind", "parts", "size"),
    [
        (PARTS, IN_PARTS, 0x1234),
        (CORE, [(BASE, 0x3000)], 0x3000),
        (OLD, [(BASE, 0x2000)], 0x2000),
    ],
)  # fmt: skip
def test_base_and_size(kind: StructType, parts: list[tuple[int, int]], size: int) -> None:
    memory = FakeMemory()
    symbols = linked(memory, kind, [b"young", b"old"])
    for at, (base, length) in enumerate(parts):
        memory.word(symbols["old"] + 72 + 16 * at, base, length)
    types: dict[str, Type] = {f"struct {one.name}": one for one in (kind, PART, LAYOUT)}
    types["enum mod_mem_type"] = KINDS
    kernel = fake_kernel(memory, types, {"modules": symbols["modules"]})
    assert for_each_module(kernel).addresses == [symbols["young"], symbols["old"]]
    found = modules(kernel)
    assert found.complete
    assert [(one.module, one.name) for one in found] == [(symbols["young"], "young"), (symbols["old"], "old")]
    assert (found[1].base, found[1].size) == (BASE, size)
    assert (found[0].base, found[0].size) == (0, 0)


def test_what_is_missing_marks_the_answer() -> None:
    memory = FakeMemory()
    symbols = linked(memory, CORE, [b"young", b"old"])
    memory.word(symbols["young"], 0xFFFF_8880_7777_0000)  # leads to a page that isn't in the dump
    kernel = fake_kernel(
        memory, {"struct module": CORE, "struct module_layout": LAYOUT}, {"modules": symbols["modules"]}
    )
    found = modules(kernel)
    assert [one.name for one in found] == ["young"]
    assert not found.complete
    assert "not mapped" in found.warnings[0].message
