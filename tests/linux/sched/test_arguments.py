"""Registers of the frames of a stack."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from crashdrive.linux.sched.arguments import FrameRegisters


def test_a_stack_without_frames_has_no_registers() -> None:
    """As where the page with the first frame is missing."""
    kernel: Any = SimpleNamespace(window=lambda: None)
    assert list(FrameRegisters(kernel, {"rip": 1}).of([], [])) == []
