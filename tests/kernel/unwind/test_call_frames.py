"""Call frame information as compilers write it, and damaged."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from crashdrive.kernel.unwind import orc
from crashdrive.kernel.unwind.call_frames import CallFrames
from crashdrive.kernel.unwind.orc import Rule

TEXT = 0xFFFF_FFFF_8100_2010


def entry(owner: int, body: bytes) -> bytes:
    body = struct.pack("<I", owner) + body
    body += bytes(-len(body) % 8)
    return struct.pack("<I", len(body)) + body


# version 1, factors 1 and -8, return address 16; cfa is rsp+8, rip at cfa-8
COMMON = entry(0xFFFF_FFFF, b"\x01\0\x01\x78\x10" + b"\x0c\x07\x08\x90\x01")


def function(program: bytes, start: int = TEXT, size: int = 0x100) -> bytes:
    return entry(0, struct.pack("<QQ", start, size) + program)


# push rbp; mov rsp,rbp; push rbx; ...; pop rbx; leave; the cold end comes back to what was remembered
PROGRAM = (
    b"\x41\x0e\x10\x86\x02"  # +1: cfa offset 16, rbp at cfa-16
    b"\x43\x0d\x06"  # +3: cfa register rbp
    b"\x41\x83\x03"  # +1: rbx at cfa-24
    b"\x02\x20\x0a"  # +32: remember
    b"\xc6\x0c\x07\x08"  # restore rbp; cfa rsp+8
    b"\x44\x0b"  # +4: recall
)


def rule(sp_offset: int, sp_reg: int, bp_offset: int | None) -> Rule:
    bp = (orc.UNDEFINED, 0) if bp_offset is None else (orc.PREV_SP, bp_offset)
    return Rule(sp_offset, bp[1], sp_reg, bp[0], orc.CALL, signal=False)


def test_a_function_from_its_first_to_its_last_instruction() -> None:
    frames = CallFrames(COMMON + function(b"", TEXT - 0x100) + function(PROGRAM))
    assert frames.find(TEXT - 0x100) == rule(8, orc.SP, None)
    assert frames.find(TEXT) == rule(8, orc.SP, None)
    assert frames.find(TEXT + 1) == frames.find(TEXT + 3) == rule(16, orc.SP, -16)
    assert frames.find(TEXT + 4) == frames.find(TEXT + 36) == rule(16, orc.BP, -16)
    assert frames.find(TEXT + 37) == rule(8, orc.SP, None)
    assert frames.find(TEXT + 41) == frames.find(TEXT + 0xFF) == rule(16, orc.BP, -16)
    assert frames.find(TEXT + 0x100) is None
    assert frames.find(0) is None


def test_what_no_rule_can_say_is_none() -> None:
    # cfa is an expression; is of another register
    assert CallFrames(COMMON + function(b"\x0f\x01\x30")).find(TEXT) is None
    assert CallFrames(COMMON + function(b"\x0c\x0a\x08")).find(TEXT) is None
    assert CallFrames(b"").find(TEXT) is None
    assert CallFrames(b"\xff\xff\xff\xff" + bytes(20)).find(TEXT) is None


@given(st.data())
def test_damage_raises_nothing(data: st.DataObject) -> None:
    whole = bytearray(COMMON + function(PROGRAM))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = CallFrames(bytes(whole[: data.draw(st.integers(0, len(whole)))])).find(TEXT + 5)
    assert found is None or found.kind == orc.CALL
