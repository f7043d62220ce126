"""``kmem``: the kernel's memory.

Source in crash: memory.c. Each group of options has a module beside this one.
"""

from __future__ import annotations

from crashdrive.parsers._kmem_info import MemoryUse, ZoneUse, parse_info
from crashdrive.parsers.base import Shape

OPTSTRING = "gI:sS::rFfm:pvczCi::nl:L:PVoh"
EXAMPLES = ("kmem -i",)

SHAPES = (
    Shape(
        name="info",
        record=MemoryUse | ZoneUse,
        parse=parse_info,
        options="-i",
        when=lambda source: source.command.has("i"),
    ),
)
