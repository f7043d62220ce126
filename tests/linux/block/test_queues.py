"""Queues of disks that the dump has, and that it lacks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.linux.block import virtio
from crashdrive.linux.block.devices import _of_their_disks
from crashdrive.linux.block.queues import disk_queues
from crashdrive.linux.survey import Survey
from crashdrive.linux.virtio.rings import Ring
from tests.kernel.fake_memory import UINT, ULONG, FakeMemory, fake_kernel, pointer, record

QUEUE = record("request_queue", ("mq_ops", pointer("void")), ("queue_flags", ULONG), ("rq_timeout", UINT))
THERE = 0xFFFF_8880_0000_1000


def test_a_queue_that_is_missing_is_noted_and_is_no_row() -> None:
    memory = FakeMemory()
    memory.write(THERE, bytes(64))
    survey = Survey(fake_kernel(memory, {"struct request_queue": QUEUE}))
    disks: Any = [
        SimpleNamespace(row=SimpleNamespace(name=name, request_queue=place))
        for name, place in (("vda", THERE), ("vdb", (1 << 64) - 1), ("vdc", None))
    ]
    assert [row.name for row in disk_queues(survey, disks)] == ["vda"]
    assert not survey.complete
    assert "queues of disks" in survey.notices[0].message


def test_a_disk_whose_own_device_is_of_another_is_noted_and_is_no_row() -> None:
    survey = Survey(fake_kernel(FakeMemory()))
    rows: list[tuple[int, dict[str, Any]]] = [
        (0x1000, {"gendisk": 0x10, "whole": 0x1000}),  # a disk
        (0x2000, {"gendisk": 0x10, "whole": 0x1000}),  # its partition
        (0x3000, {"gendisk": 0x20, "whole": None}),  # the dump lacks that
        (0x4000, {"gendisk": 0x30, "whole": 0x1000}),
        (0x5000, {"gendisk": 0x40, "whole": (1 << 64) - 1}),
    ]
    assert [address for address, _ in _of_their_disks(survey, rows)] == [0x1000, 0x2000, 0x3000]
    assert not survey.complete
    assert [notice.message for notice in survey.notices] == [
        "block device 0x4000: 0x30 is no disk of it",
        "block device 0x5000: 0x40 is no disk of it",
    ]


def test_a_queue_of_another_device_is_noted_and_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = fake_kernel(
        FakeMemory(), {"struct vring_virtqueue": record("vring_virtqueue", ("we_own", ULONG), ("vq", ULONG))}
    )
    own, missing, foreign = (Ring(device, 256, 256, 0, 0, False) for device in (0x70, None, 0x80))
    monkeypatch.setattr(virtio, "rings", lambda *_: [own, missing, foreign])
    monkeypatch.setattr(virtio, "RING", "struct vring_virtqueue")
    survey = Survey(kernel)
    found = [("vda", 0x70, f"req.{number}", 0x1008 + number) for number in range(3)]
    assert [queue.name for queue in virtio._rings(survey, found)] == ["req.0"]
    assert [notice.message for notice in survey.notices] == ["vda: 0x1002 is no queue of it"]
