"""Functions that are hooked into the path of packets."""

from __future__ import annotations

from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.net.netfilter import hooks as netfilter_hooks
from crashdrive.linux.net.survey import NetSurvey
from tests.kernel.fake_memory import (
    INT,
    UINT,
    FakeMemory,
    fake_kernel,
    pointer,
    record,
)
from tests.linux.net.small_kernel import NET, survey_of

# hooks

ENTRY = record("nf_hook_entry", ("hook", pointer("int")), ("priv", pointer("int")))
HOOK_TYPES: dict[str, Type] = {
    "struct nf_hook_entry": ENTRY,
    "struct nf_hook_entries": record(
        "nf_hook_entries", ("num_hook_entries", UINT), ("hooks", ArrayType(ENTRY, None))
    ),
    "struct nf_hook_ops": record("nf_hook_ops", ("hook", pointer("int")), ("priority", INT)),
}


def hooks(memory: FakeMemory, count: int, place: int) -> tuple[list[netfilter_hooks.Hook], NetSurvey]:
    kernel = fake_kernel(memory, HOOK_TYPES, {"a_function": 0xFFFF_FFFF_8100_0000})
    survey = survey_of(kernel)
    chain = netfilter_hooks._Chain(NET, "ipv4", "input", None, place)
    return list(netfilter_hooks._of_chain(survey, chain, count, {-200: "conntrack"})), survey


def test_hooks_with_what_they_were_registered_with() -> None:
    memory = FakeMemory()
    place, ops = memory.allocate(64), memory.allocate(16)
    memory.word(place + 8, 0xFFFF_FFFF_8100_0000, 7, 0xDEAD, 0, ops, 0)
    memory.int32(ops + 8, -200)
    (known, unknown), survey = hooks(memory, 2, place)
    assert (known.function, known.priority, known.priority_name, known.private_address) == (
        "a_function", -200, "conntrack", 7,
    )  # fmt: skip
    # a function in no image, without its registration
    assert (unknown.function, unknown.priority, unknown.address) == (
        "dead",
        None,
        0,
    ) or unknown.address is None
    assert survey.complete
