"""The object that users hold: a dump, opened."""

from __future__ import annotations


class Crash:
    """To be written."""


def open_dump(vmlinux: str | None, vmcore: str | None) -> Crash:
    """To be written."""
    raise NotImplementedError(vmlinux, vmcore)
