"""Which packets wait in which queue."""

from __future__ import annotations

from crashdrive.linux.net.packets.queues import packets
from tests.kernel.fake_memory import BASE, FakeMemory, fake_kernel, link_list, pointer, record
from tests.linux.net.small_kernel import survey_of

HEADS = [BASE, BASE + 0x100, BASE + 0x200]
FIRST, SECOND, THIRD = BASE + 0x1000, BASE + 0x1100, BASE + 0x1200
BUFFER = record("sk_buff", ("next", pointer("struct sk_buff")), ("prev", pointer("struct sk_buff")))


def queues(memory: FakeMemory) -> FakeMemory:
    link_list(memory, HEADS[0], [FIRST])
    link_list(memory, HEADS[1], [])
    link_list(memory, HEADS[2], [SECOND, THIRD])
    return memory


def test_packets_stand_under_the_queue_that_leads_to_them() -> None:
    survey = survey_of(fake_kernel(queues(FakeMemory()), {"struct sk_buff": BUFFER}))
    assert packets(survey, HEADS, "packets") == {HEADS[0]: [FIRST], HEADS[2]: [SECOND, THIRD]}
    assert survey.complete
    assert not survey.notices


def test_a_damaged_back_link_moves_no_packet_to_another_queue() -> None:
    memory = queues(FakeMemory())
    memory.word(SECOND + 8, 0xDEAD)
    survey = survey_of(fake_kernel(memory, {"struct sk_buff": BUFFER}))
    assert packets(survey, HEADS, "packets") == {HEADS[0]: [FIRST], HEADS[2]: [SECOND, THIRD]}
    assert [notice.kind for notice in survey.notices] == ["link"]
