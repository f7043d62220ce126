"""Queues of disks that the dump has, and that it lacks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from crashdrive.linux.block.queues import disk_queues
from crashdrive.linux.survey import Survey
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
