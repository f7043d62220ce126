"""Chains of members, ``a.b.c``: through structures, and pointers to them."""

from __future__ import annotations

from typing import Any

from crashdrive.pykdump.describe import PTR
from crashdrive.pykdump.layer.typeinfo import SU_CODES, SUInfo, VarInfo
from crashdrive.pykdump.run import current

Steps = tuple[tuple[bool, int], ...]
Chain = tuple[VarInfo, Steps]


def parse_chain(sname: str, text: str) -> Chain | None:
    """``a.b.c`` in a structure: the last member, and the way to it as (through a pointer, offset).

    None where there is no such way.
    """
    info: SUInfo | None = SUInfo(sname)
    steps: list[tuple[bool, int]] = []
    member: VarInfo | None = None
    for name in (part.strip() for part in text.split(".")):
        if info is None or name not in info:
            return None
        member = info[name]
        info = _inside(member)
        steps.append((member.ti.codetype == PTR, member.offset))
    if member is None:
        return None
    # how the last one is read, its reader knows
    steps[-1] = (False, steps[-1][1])
    return member, tuple(steps)


def _inside(member: VarInfo) -> SUInfo | None:
    ti = member.ti
    if ti.codetype in SU_CODES or (ti.codetype == PTR and ti.ptrlev == 1 and ti.ptrbasetype in SU_CODES):
        try:
            return SUInfo(ti.stype)
        except TypeError:
            return None
    return None


def chain_value(address: int, member: VarInfo, steps: Steps) -> Any:
    """What a chain leads to from a structure's address."""
    read = current().pages.pointer
    for through, offset in steps:
        address = read(address + offset) if through else address + offset
    return member.reader(address)
