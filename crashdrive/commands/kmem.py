"""``kmem``: the kernel's memory."""

from __future__ import annotations

from typing import Any

from crashdrive.commands.base import call, flag, line
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def kmem(crash: Runner, *, info: bool = False) -> Answer[Any]:
    """``info``: how memory is used, by kind, in pages."""
    return call(crash, line("kmem", flag("i", info)))
