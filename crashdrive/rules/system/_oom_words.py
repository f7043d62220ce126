"""Texts for OOM events in the evidence of rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashdrive.linux.mm.out_of_memory import OomEvent


def told(one: OomEvent) -> str:
    """An event as evidence."""
    asked = f"{one.invoker} asked for order {one.order}" if one.invoker else "who asked isn't known"
    if one.victim_pid is None:
        return f"at {one.oom_timestamp:.3f}: {asked}; nobody was killed"
    size = (one.victim_anonymous_bytes or 0) >> 20
    return f"at {one.oom_timestamp:.3f}: {asked}; killed {one.victim_comm} ({one.victim_pid}), {size} MB"
