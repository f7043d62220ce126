"""``bpf``: programs and maps."""

from __future__ import annotations

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.bpf import BpfInstruction, BpfMap, BpfProgram, JitInstruction

PROGRAM = """\
 ID     BPF_PROG       BPF_PROG_AUX   BPF_PROG_TYPE       TAG        USED_MAPS
 20 ffffbc00c0d41000 ffff9ff2610f8e00  CGROUP_SKB   2a142ef67aaad174   19,20
     XLATED: 296  JITED: 229  MEMLOCK: (unknown)
     LOAD_TIME: Fri Apr 20 19:39:21 2018
     GPL_COMPATIBLE: yes  NAME: "a "b"  UID: 7"  UID: 0
"""
MAP = """\
 ID     BPF_MAP       BPF_MAP_TYPE   MAP_FLAGS
 34 ffff9ff260d70000    LRU_HASH      00000002
     KEY_SIZE: 4  VALUE_SIZE: 8  MAX_ENTRIES: 10000  MEMLOCK: 1953792
     NAME: (unused)  UID: (unused)
"""


def test_details() -> None:
    program, one_map = parse("bpf -PM", f"{PROGRAM}\n{MAP}")
    assert program == BpfProgram(
        id=20,
        bpf_prog=0xFFFFBC00C0D41000,
        bpf_prog_aux=0xFFFF9FF2610F8E00,
        type="CGROUP_SKB",
        tag="2a142ef67aaad174",
        used_maps=(19, 20),
        xlated=296,
        jited=229,
        memlock=None,
        load_time="Fri Apr 20 19:39:21 2018",
        gpl_compatible=True,
        name='a "b"  UID: 7',
        uid=0,
    )
    assert one_map == BpfMap(
        id=34,
        bpf_map=0xFFFF9FF260D70000,
        type="LRU_HASH",
        map_flags=2,
        key_size=4,
        value_size=8,
        max_entries=10000,
        memlock=1953792,
    )


def test_code_and_structures() -> None:
    text = (
        f"{PROGRAM}\n   0xffffffffc06887a2:  push   %rbp \n"
        "   0xffffffffc06887ef:  callq  0xffffffffb0865340 <bpf_skb_load_bytes>\n\n"
        "   0: (bf) r6 = r1\n       bf 16 00 00 00 00 00 00\n  10: (18) r1 = map[id:13]\n"
        "       18 01 00 00 00 7a 96 61 00 00 00 00 b2 9d ff ff\n  36: (95) exit\n\n"
        "struct bpf_prog {\n  pages = 1\n}\n\nstruct bpf_prog_aux {\n  refcnt = 2\n}\n"
    )
    program = parse("bpf -p 20 -jTs", text).one()
    assert program.machine_code[0] == JitInstruction(address=0xFFFFFFFFC06887A2, text="push   %rbp")
    assert program.instructions == (
        BpfInstruction(index=0, text="(bf) r6 = r1", opcodes="bf 16 00 00 00 00 00 00"),
        BpfInstruction(
            index=10, text="(18) r1 = map[id:13]", opcodes="18 01 00 00 00 7a 96 61 00 00 00 00 b2 9d ff ff"
        ),
        BpfInstruction(index=36, text="(95) exit"),
    )
    assert [structure.type for structure in program.structures] == ["struct bpf_prog", "struct bpf_prog_aux"]


def test_nothing_loaded() -> None:
    assert list(parse("bpf", "\n")) == []
    assert list(parse("bpf -P", "")) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bpf: invalid ID\n",
        PROGRAM.replace("TAG", "TAB"),
        PROGRAM + "     UID: 7\n",
        PROGRAM + "x\n",
        PROGRAM + "     KEY_SIZE: 4\n",
        MAP + "     XLATED: 296\n",
        PROGRAM.replace("296", "many"),
        " " * 99 + "x",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse("bpf", text)


@pytest.mark.parametrize("between", ["", " "])
def test_two_instructions_in_one_line_are_refused(between: str) -> None:
    """Their newline was lost; no text of an instruction holds another one."""
    with pytest.raises(ParseError):
        parse("bpf -p 1 -t", f"{PROGRAM}   2: (b7) r0 = 0{between}   3: (95) exit\n")


def test_machine_instructions_hold_their_own_lines() -> None:
    first, second = "    0xffffffffc03bb669:\tret     \n", "    0xffffffffc03bb66a:\tint3    \n"
    answer = parse("bpf -p 1 -j", PROGRAM + first + second)
    assert [one.text for one in answer.one().machine_code] == ["ret", "int3"]
    for broken in (first.rstrip("\n") + second, "    0xffffffffc03bb669:\n" + second):
        with pytest.raises(ParseError):
            parse("bpf -p 1 -j", PROGRAM + broken)
