"""Tags that are taken, on a kernel that never was."""

from __future__ import annotations

import pytest

from crashdrive.kernel.types.model import Type
from crashdrive.linux.block.tags import Hardware, slots
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import PAGE, UINT, ULONG, FakeMemory, fake_kernel, pointer, record

SBITMAP = record(
    "sbitmap", ("depth", UINT), ("shift", UINT), ("map_nr", UINT), ("map", pointer("struct sbitmap_word"))
)
QUEUE = record("sbitmap_queue", ("sb", SBITMAP), ("wake_batch", UINT))
TYPES: dict[str, Type] = {
    "struct sbitmap": SBITMAP,
    "struct sbitmap_queue": QUEUE,
    "struct sbitmap_word": record("sbitmap_word", ("word", ULONG), ("cleared", ULONG)),
    "struct request": record("request", ("tag", UINT)),
    "struct blk_mq_tags": record(
        "blk_mq_tags",
        ("nr_tags", UINT),
        ("nr_reserved_tags", UINT),
        ("bitmap_tags", QUEUE),
        ("breserved_tags", QUEUE),
        ("rqs", pointer(pointer("struct request"))),
        ("static_rqs", pointer(pointer("struct request"))),
    ),
}


class Tags:
    """Tags of 6 bits a word, one of them reserved, in pages of their own."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.kernel = fake_kernel(self.memory, TYPES)
        self.address = self.memory.allocate(PAGE, PAGE)
        self.words = self.memory.allocate(PAGE, PAGE)
        self.requests = self.memory.allocate(PAGE, PAGE)
        self.own = self.memory.allocate(PAGE, PAGE)
        self.set("nr_reserved_tags", 1)
        self.set("bitmap_tags.sb.depth", 10)
        self.set("bitmap_tags.sb.shift", 3)
        self.set("breserved_tags.sb.depth", 1)
        self.set("breserved_tags.sb.shift", 3)
        self.point("bitmap_tags.sb.map", self.words)
        self.point("breserved_tags.sb.map", self.words + 32)
        self.point("rqs", self.requests)
        self.point("static_rqs", self.own)

    def place(self, path: str) -> int:
        return self.address + self.kernel.offset("struct blk_mq_tags", path)

    def set(self, path: str, value: int) -> None:
        self.memory.int32(self.place(path), value)

    def point(self, path: str, value: int) -> None:
        self.memory.word(self.place(path), value)

    def request(self, tag: int, address: int) -> None:
        self.memory.word(self.requests + 8 * tag, address)
        self.memory.word(self.own + 8 * tag, address + 1)

    def slots(self) -> tuple[list[tuple[int, int, bool]], Survey]:
        survey = Survey(self.kernel)
        hardware = [Hardware(0x1000, 0x2000, number, self.address, 0) for number in range(2)]
        return [(one.tag, one.request, one.own) for one in slots(survey, hardware)], survey


@pytest.fixture
def tags() -> Tags:
    return Tags()


def test_bits_of_both_bitmaps(tags: Tags) -> None:
    """The first word has bits 0 and 3, the second bit 1; tags of the driver's count behind reserved ones."""
    tags.memory.word(tags.words, 0b1001, 0)
    tags.memory.word(tags.words + 16, 0b10, 0)
    tags.memory.word(tags.words + 32, 1, 0)
    for tag in (0, 1, 4, 10):
        tags.request(tag, 0x1_0000 * (tag + 1))
    found, survey = tags.slots()
    assert [one[:2] for one in found if not one[2]] == [
        (1, 0x2_0000), (4, 0x5_0000), (10, 0xB_0000), (0, 0x1_0000),
    ]  # fmt: skip
    assert {tag for tag, _, own in found if own} == {0, 1, 4, 10}
    assert survey.complete


def test_a_tag_that_was_given_back_is_free(tags: Tags) -> None:
    tags.memory.word(tags.words, 0b11, 0b01)
    tags.request(1, 0x1_0000)
    tags.request(2, 0x2_0000)
    found, _ = tags.slots()
    assert [one[:2] for one in found if not one[2]] == [(2, 0x2_0000)]


def test_a_bitmap_that_can_t_be(tags: Tags) -> None:
    tags.set("bitmap_tags.sb.depth", 1 << 30)
    found, survey = tags.slots()
    assert (found, survey.complete) == ([], False)
    assert "1073741824 tags are impossible" in survey.notices[0].message


@pytest.mark.parametrize("page", ["address", "words", "requests"])
def test_what_is_missing_is_noted(tags: Tags, page: str) -> None:
    tags.memory.word(tags.words, 1, 0)
    tags.request(1, 0x1_0000)
    tags.memory.hole(getattr(tags, page))
    found, survey = tags.slots()
    assert not survey.complete
    assert not [one for one in found if not one[2]]
