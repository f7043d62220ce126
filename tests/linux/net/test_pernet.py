"""What a module keeps for a namespace."""

from __future__ import annotations

import pytest

from crashdrive.errors import UnknownMemberError
from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.net.pernet import own_memory
from tests.kernel.fake_memory import UINT, ULONG, FakeMemory, fake_kernel, pointer, record
from tests.linux.net.small_kernel import survey_of

HEAD = record(None, ("len", UINT))
GENERIC = record("net_generic", ("s", HEAD), ("ptr", ArrayType(pointer("void"), 0)))
NET = record("net", ("count", ULONG), ("gen", pointer("struct net_generic")))
TYPES: dict[str, Type] = {"struct net": NET, "struct net_generic": GENERIC}


def own(number: int, *modules: int, types: dict[str, Type] = TYPES) -> int | None:
    """The memory of the module with a number, in a namespace that has these modules' memory."""
    memory = FakeMemory()
    net, generic, variable = memory.allocate(16), memory.allocate(8 + 8 * len(modules)), memory.allocate(8)
    memory.word(net, 1, generic)
    memory.word(generic, len(modules), *modules)
    memory.int32(variable, number)
    return own_memory(
        survey_of(fake_kernel(memory, types, {"nf_frag_pernet_id": variable})), net, "nf_frag_pernet_id"
    )


def test_its_number_is_an_index() -> None:
    assert own(1, 0xFFFF_8880_0000_1000, 0xFFFF_8880_0000_2000) == 0xFFFF_8880_0000_2000


def test_a_namespace_without_it_has_none() -> None:
    assert own(0, 0, 0xFFFF_8880_0000_2000) is None
    assert own(2, 0xFFFF_8880_0000_1000, 0xFFFF_8880_0000_2000) is None


def test_another_layout_is_told() -> None:
    """The array held its length at its beginning until 4.11."""
    old = record("net_generic", ("len", UINT), ("ptr", ArrayType(pointer("void"), 0)))
    with pytest.raises(UnknownMemberError, match=r"net_generic has no s\.len"):
        own(0, 0xFFFF_8880_0000_1000, types=TYPES | {"struct net_generic": old})
