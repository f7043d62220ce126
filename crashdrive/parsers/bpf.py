"""``bpf``: the eBPF programs and maps that were loaded.

Source in crash: ``do_bpf()``, ``dump_xlated_plain()`` (bpf.c).

As crash prints it::

    crash> bpf
     ID      BPF_PROG       BPF_PROG_AUX   BPF_PROG_TYPE       TAG        USED_MAPS
     1   ffffcf414008d000 ffff8a4bd0be1000 SOCKET_FILTER 2c24d7c519a868e3     1
     2   ffffcf41400a5000 ffff8a4bd0be2800      XDP      2c24d7c519a868e3     2
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.structures import Structure, structure
from crashdrive.records import Address, Bits, Record


class BpfInstruction(Record, frozen=True, kw_only=True):
    """A translated instruction: its index, its text, its bytes (``-T``)."""

    index: int
    text: str
    opcodes: str | None = None


class JitInstruction(Record, frozen=True, kw_only=True):
    """A machine instruction of a program: its address and text."""

    address: Address
    text: str


class BpfProgram(Record, frozen=True, kw_only=True):
    """A program: its id, addresses of bpf_prog and bpf_prog_aux, type, tag, ids of its maps.

    With ``-p`` and ``-P`` also ``xlated``, ``jited`` and ``memlock`` in bytes, ``load_time`` as crash writes
    it, ``gpl_compatible``, ``name`` and ``uid``; None where crash says ``(unknown)`` or ``(unused)``. With
    ``-t -T`` ``instructions``, with ``-j`` ``machine_code``, with ``-s`` ``structures``.
    """

    id: int
    bpf_prog: Address
    bpf_prog_aux: Address
    type: str
    tag: str
    used_maps: tuple[int, ...] = ()
    xlated: int | None = None
    jited: int | None = None
    memlock: int | None = None
    load_time: str | None = None
    gpl_compatible: bool | None = None
    name: str | None = None
    uid: int | None = None
    instructions: tuple[BpfInstruction, ...] = ()
    machine_code: tuple[JitInstruction, ...] = ()
    structures: tuple[Structure, ...] = ()


class BpfMap(Record, frozen=True, kw_only=True):
    """A map: id, address, type and flags; with ``-m`` and ``-M`` its sizes in bytes, name and owner."""

    id: int
    bpf_map: Address
    type: str
    map_flags: Bits
    key_size: int | None = None
    value_size: int | None = None
    max_entries: int | None = None
    memlock: int | None = None
    name: str | None = None
    uid: int | None = None
    structures: tuple[Structure, ...] = ()


_HEX = r"[0-9a-f]{1,16}"
_TYPE = r"(?P<type>[A-Z][A-Z0-9_]{0,60}|\(unknown\)|\d{1,4})"
_LABELS = "XLATED|JITED|MEMLOCK|LOAD_TIME|GPL_COMPATIBLE|NAME|UID|KEY_SIZE|VALUE_SIZE|MAX_ENTRIES"
_LABEL = expression(rf"[ ]*+({_LABELS}): ", re.ASCII)
_NEXT = expression(rf" {{2}}(?:{_LABELS}): ", re.ASCII)
_NUMBERS = frozenset({"xlated", "jited", "memlock", "uid", "key_size", "value_size", "max_entries"})


def _bpf() -> g.ParserElement:
    """Programs, then maps; below each the lines that the options ask for::

    ID     BPF_PROG       BPF_PROG_AUX   BPF_PROG_TYPE       TAG        USED_MAPS
    20 ffffbc00c0d41000 ffff9ff2610f8e00  CGROUP_SKB   2a142ef67aaad174   19,20
        XLATED: 296  JITED: 229  MEMLOCK: 4096
        LOAD_TIME: Fri Apr 20 19:39:21 2018
        GPL_COMPATIBLE: yes  NAME: "sd_fw_egress"  UID: 0
      0xffffffffc06887a2:  push   %rbp
      0: (bf) r6 = r1
          bf 16 00 00 00 00 00 00
    """
    program = g.Row(
        rf" *+(?P<id>\d{{1,10}}) +(?P<bpf_prog>{_HEX}) +(?P<bpf_prog_aux>{_HEX}) +{_TYPE} +"
        r"(?P<tag>[0-9a-f]{16})(?: +(?P<maps>\d{1,10}(?:,\d{1,10}){0,63}+,?))?",
        _program,
        "a program: ID BPF_PROG BPF_PROG_AUX BPF_PROG_TYPE TAG USED_MAPS",
    )
    one_map = g.Row(
        rf" *+(?P<id>\d{{1,10}}) +(?P<bpf_map>{_HEX}) +{_TYPE} +(?P<flags>[0-9a-f]{{8}})",
        _map,
        "a map: ID BPF_MAP BPF_MAP_TYPE MAP_FLAGS",
    )
    of_programs = g.Titles("ID", "BPF_PROG", "BPF_PROG_AUX", "BPF_PROG_TYPE", "TAG", "USED_MAPS")
    of_maps = g.Titles("ID", "BPF_MAP", "BPF_MAP_TYPE", "MAP_FLAGS")
    header = of_programs | of_maps
    programs = of_programs + g.Many(_with_rest(program, BpfProgram), until=header, least=0)
    maps = of_maps + g.Many(_with_rest(one_map, BpfMap), until=header, least=0)
    return g.Many(programs | maps, least=0)


def _with_rest(head: g.ParserElement, record: type[Any]) -> g.ParserElement:
    """A program or map, as `_whole` makes it of its row and the lines below."""
    labels = g.Row(rf"([ ]*+(?:{_LABELS}): [^\n]{{0,4096}}+)", _labels, "facts: LABEL: VALUE")
    translated = g.Terminal(
        r" *+(\d{1,6}): (\([0-9a-f]{2}\) [^\n]{1,300}?|BUG_[^\n]{1,60}?)[ ]*+(?:\n|\Z)"
        r"(?: {4,}((?:[0-9a-f]{2} ){7,15}[0-9a-f]{2})[ ]*+(?:\n|\Z))?+",
        "an instruction: N: (CODE) TEXT",
        _translated,
    )
    machine = g.Row(
        r" *+0x([0-9a-f]{1,16})(?: <[^>\n]{1,300}>)?:[ \t]++([^\s][^\n]{0,300}?)",
        _machine,
        "a machine instruction: ADDRESS: TEXT",
    )
    between = g.noise(g.Remark(r" *+\(program not jited\)"))
    rest = g.Many(labels | translated | machine | structure(), between=between, until=g.Anything(), least=0)
    return g.made(head + rest, lambda text, place, values: _whole(text, place, values, record))


# an instruction within another one's text: a newline was lost
_SECOND = expression(r" \d{1,6}: \([0-9a-f]{2}\) |0x[0-9a-f]{1,16}(?: <[^>\n]{1,300}>)?:\s", re.ASCII)


def _translated(found: re.Match[str]) -> BpfInstruction | None:
    if _SECOND.search(found[2]):
        return None
    return BpfInstruction(index=int(found[1]), text=found[2], opcodes=found[3])


def _machine(found: re.Match[str]) -> JitInstruction | None:
    return None if _SECOND.search(found[2]) else JitInstruction(address=int(found[1], 16), text=found[2])


def _program(row: re.Match[str]) -> dict[str, Any]:
    maps = (row["maps"] or "").strip(",")
    return {
        "id": int(row["id"]),
        "bpf_prog": int(row["bpf_prog"], 16),
        "bpf_prog_aux": int(row["bpf_prog_aux"], 16),
        "type": row["type"],
        "tag": row["tag"],
        "used_maps": tuple(map(int, maps.split(","))) if maps else (),
    }


def _map(row: re.Match[str]) -> dict[str, Any]:
    return {
        "id": int(row["id"]),
        "bpf_map": int(row["bpf_map"], 16),
        "type": row["type"],
        "map_flags": int(row["flags"], 16),
    }


def _labels(row: re.Match[str]) -> dict[str, Any] | None:
    """``XLATED: 296  JITED: 229  MEMLOCK: 4096``; a name stands in quotes, and may hold anything."""
    line = row[1]
    found: dict[str, Any] = {}
    position: int | None = 0
    while position is not None:
        label = _LABEL.match(line, position)
        if label is None or (name := label[1].lower()) in found:
            return None
        start = label.end()
        following = list(_NEXT.finditer(line, start))
        # A name may hold what looks like a label: only the last one, behind the closing quote, is a label.
        position = following[-1 if name == "name" else 0].start() if following else None
        text = line[start : len(line) if position is None else position].strip()
        if name in _NUMBERS and not re.fullmatch(r"-?\d{1,20}|\(unknown\)|\(unused\)", text):
            return None
        found[name] = _value(name, text)
    return found


def _value(name: str, text: str) -> Any:
    """The value of a label's text; None where crash doesn't know it."""
    if name == "name":
        return text[1:-1] if text.startswith('"') else None
    if name == "gpl_compatible":
        return {"yes": True, "no": False}.get(text)
    if text in {"(unknown)", "(unused)"}:
        return None
    return int(text) if name in _NUMBERS else text


def _whole(text: g.Text, place: int, values: list[Any], record: type[Any]) -> Any:
    """A program or map, made of its row and all lines below. A fact that stands twice is an error."""
    facts: dict[str, Any] = dict(values[0])
    instructions = tuple(one for one in values if isinstance(one, BpfInstruction))
    machine_code = tuple(one for one in values if isinstance(one, JitInstruction))
    structures = tuple(one for one in values if isinstance(one, Structure))
    for more in values[1:]:
        if not isinstance(more, dict):
            continue
        if more.keys() & facts.keys():
            text.misfit(place, f"a fact stands twice: {', '.join(more.keys() & facts.keys())}")
        else:
            facts |= more
    if instructions:
        facts["instructions"] = instructions
    if machine_code:
        facts["machine_code"] = machine_code
    if structures:
        facts["structures"] = structures
    try:
        return record(**facts)
    except TypeError:
        text.refuse(place, "facts that belong to another kind: a program's or a map's")


def _check(source: Source, found: list[BpfProgram | BpfMap]) -> list[BpfProgram | BpfMap]:
    """The programs and maps. Where none is loaded crash prints blank lines: an empty answer, not an error."""
    if not source.text and not source.command.has("PM"):
        source.fail(0, "nothing at all")
    return found if not source.text.strip() else demand_records(source, found)


SHAPES = (
    Shape(
        name="bpf",
        record=BpfProgram | BpfMap,
        grammar=_bpf,
        finish=_check,
        options="(none) -p -m -P -M -t -T -j -s",
    ),
)

EXAMPLES = (
    "bpf",
    "bpf -P",
    "bpf -M",
    "bpf -PM",
    "bpf -PM -s",
    "bpf -PM -jTs",
    "bpf -p 999999",
    *(
        "bpf -p {bpf_prog}",
        "bpf -p {bpf_prog} -t",
        "bpf -p {bpf_prog} -T",
        "bpf -p {bpf_prog} -j",
        "bpf -p {bpf_prog} -sd",
        "bpf -m {bpf_map}",
        "bpf -m {bpf_map} -sx",
    ),
)
