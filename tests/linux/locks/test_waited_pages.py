"""Folios and bits: the waiter on a task's stack names them, where its list leads back to it."""

from __future__ import annotations

import pytest

from crashdrive.errors import FaultError
from crashdrive.kernel.types.model import StructType, Type
from crashdrive.linux.locks.base import Stacks, WaitingStack
from crashdrive.linux.locks.kinds import bit, folio
from tests.kernel.fake_memory import INT, LIST_HEAD, PAGE, UINT, FakeMemory, fake_kernel, pointer, record

ENTRY = record(
    "wait_queue_entry",
    ("flags", UINT),
    ("private", pointer("void")),
    ("func", pointer("void")),
    ("entry", LIST_HEAD),
)
KEY = record("wait_bit_key", ("flags", pointer("void")), ("bit_nr", INT), ("timeout", pointer("void")))
BIT = record("wait_bit_queue_entry", ("key", KEY), ("wq_entry", ENTRY))
FOLIO = record("wait_page_queue", ("folio", pointer("void")), ("bit_nr", INT), ("wait", ENTRY))
OLD = record("wait_page_queue", ("page", pointer("void")), ("bit_nr", INT), ("wait", ENTRY))
TASK, WAITED = 0xFFFF_8880_1111_0000, 0xFFFF_EA00_0000_1040
# where a waiter's first member, its task and its node lie, in bytes
BIT_AT, FOLIO_AT = (0, 32, 48), (0, 24, 40)


def waiting(
    kind: StructType, at: tuple[int, int, int], *, back: bool = True
) -> tuple[WaitingStack, int, FakeMemory]:
    """A stack with a waiter in its middle, on the list of a wait queue's head elsewhere."""
    memory = FakeMemory()
    stack, head = memory.allocate(PAGE, PAGE), memory.allocate(PAGE, PAGE)
    first, task, node = (stack + 256 + offset for offset in at)
    memory.word(first, WAITED)
    memory.word(task, TASK)
    memory.word(node, head, head)
    memory.word(head, node, node if back else head)
    types: dict[str, Type] = {
        f"struct {kind.name}": kind,
        "struct wait_queue_entry": ENTRY,
        "struct wait_bit_key": KEY,
    }
    words = [int.from_bytes(memory.read(stack + 8 * word, 8), "little") for word in range(PAGE // 8)]
    found = WaitingStack(
        kernel=fake_kernel(memory, types),
        task=TASK,
        sp=stack,
        words=words,
        functions=(),
        stacks=Stacks([stack], PAGE),
    )
    return found, head, memory


def test_a_bit() -> None:
    assert bit.lock(waiting(BIT, BIT_AT)[0]) == WAITED


@pytest.mark.parametrize("kind", [FOLIO, OLD])
def test_a_folio_which_was_a_page_until_5_16(kind: StructType) -> None:
    assert folio.lock(waiting(kind, FOLIO_AT)[0]) == WAITED


def test_an_old_waiter_whose_list_leads_elsewhere_names_nothing() -> None:
    assert bit.lock(waiting(BIT, BIT_AT, back=False)[0]) is None
    assert folio.lock(waiting(FOLIO, FOLIO_AT, back=False)[0]) is None


def test_a_list_that_is_not_in_the_dump_is_told() -> None:
    stack, head, memory = waiting(BIT, BIT_AT)
    memory.hole(head)
    with pytest.raises(FaultError, match="excluded"):
        bit.lock(stack)


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (bit, "__wait_on_buffer"), (bit, "out_of_line_wait_on_bit"), (bit, "__lock_buffer"),
        (folio, "folio_wait_bit_common"), (folio, "__folio_lock"),
        (folio, "folio_wait_writeback"), (folio, "wait_on_page_bit_common"),
    ],
)  # fmt: skip
def test_functions_that_wait(module: object, function: str) -> None:
    assert module.FUNCTIONS.fullmatch(function)  # type: ignore[attr-defined] # a module of `kinds`
    assert not module.FUNCTIONS.fullmatch(f"my_{function}")  # type: ignore[attr-defined] # as above
