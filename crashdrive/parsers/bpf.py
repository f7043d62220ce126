"""``bpf``: the eBPF programs and maps that were loaded.

Source in crash: ``do_bpf()``, ``dump_xlated_plain()`` (bpf.c).
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.rows import demand_records, lines_of, skip_or_reject, words_of
from crashdrive.parsers.grammar.structures import Structure, read_structures
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
    """A program: its number, addresses of bpf_prog and bpf_prog_aux, type, tag, numbers of its maps.

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
    """A map: number, address, type and flags; with ``-m`` and ``-M`` its sizes in bytes, name and owner."""

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


OPTSTRING = "PMtTjsxdm:p:"
EXAMPLES = ("bpf", "bpf -P", "bpf -M", "bpf -PM", "bpf -PM -s", "bpf -PM -jTs", "bpf -p 999999")

_HEX = r"[0-9a-f]{1,16}"
_PROGRAM_TITLES = ["ID", "BPF_PROG", "BPF_PROG_AUX", "BPF_PROG_TYPE", "TAG", "USED_MAPS"]
_MAP_TITLES = ["ID", "BPF_MAP", "BPF_MAP_TYPE", "MAP_FLAGS"]
_PROGRAM = re.compile(
    rf" *+(?P<id>\d{{1,10}}) +(?P<at>{_HEX}) +(?P<aux>{_HEX}) +"
    r"(?P<type>[A-Z][A-Z0-9_]{0,60}|\(unknown\)|\d{1,4}) +"
    r"(?P<tag>[0-9a-f]{16})(?: +(?P<maps>\d{1,10}(?:,\d{1,10}){0,63}+,?))?[ ]*"
)
_MAP = re.compile(
    rf" *+(?P<id>\d{{1,10}}) +(?P<at>{_HEX}) +"
    r"(?P<type>[A-Z][A-Z0-9_]{0,60}|\(unknown\)|\d{1,4}) +(?P<flags>[0-9a-f]{8})[ ]*"
)
_LABELS = "XLATED|JITED|MEMLOCK|LOAD_TIME|GPL_COMPATIBLE|NAME|UID|KEY_SIZE|VALUE_SIZE|MAX_ENTRIES"
_LABEL = re.compile(rf"[ ]*+({_LABELS}): ")
_NEXT = re.compile(rf" {{2}}(?:{_LABELS}): ")
_TRANSLATED = re.compile(r" *+(\d{1,6}): (\([0-9a-f]{2}\) [^\n]{1,300}?|BUG_[^\n]{1,60}?)[ ]*")
_OPCODES = re.compile(r" {4,}((?:[0-9a-f]{2} ){7,15}[0-9a-f]{2})[ ]*")
_MACHINE = re.compile(r" *+0x([0-9a-f]{1,16})(?: <[^>\n]{1,300}>)?:\s+(\S[^\n]{0,300}?)[ ]*")


class _Reader:
    """Programs and maps, each with the lines below it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._titles: list[str] = []
        self.found: list[tuple[bool, dict[str, Any]]] = []

    def read(self) -> None:
        """The whole text."""
        position, text = 0, self._source.text
        while position < len(text):
            if self.found and text.startswith(("struct ", " struct "), position):
                position = self._structures(position)
                continue
            ((offset, line),) = lines_of(text, position, self._end(position))
            self._line(offset, line)
            position = offset + len(line) + 1

    def _end(self, position: int) -> int:
        newline = self._source.text.find("\n", position)
        return len(self._source.text) if newline < 0 else newline + 1

    def _structures(self, position: int) -> int:
        structures, stop = read_structures(self._source, position, len(self._source.text))
        if not structures:
            self._source.fail(position, "no structure of a program or map")
        self.found[-1][1]["structures"] = tuple(structures)
        return stop

    def _line(self, offset: int, line: str) -> None:
        words = words_of(line)
        program = _PROGRAM.fullmatch(line) if self._titles == _PROGRAM_TITLES else None
        one_map = _MAP.fullmatch(line) if self._titles == _MAP_TITLES else None
        if words in (_PROGRAM_TITLES, _MAP_TITLES):
            self._titles = words
        elif program:
            self.found.append((True, _program(program)))
        elif one_map:
            self.found.append((False, _map(one_map)))
        elif not (self.found and (self._labels(line) or self._code(line))):
            skip_or_reject(self._source, offset, line, "no program or map")

    def _labels(self, line: str) -> bool:
        """``XLATED: 296  JITED: 229  MEMLOCK: 4096``; a name, which may hold anything, stands in quotes."""
        into = self.found[-1][1]
        label = _LABEL.match(line)
        if label is None:
            return False
        position: int | None = 0
        while position is not None:
            label = _LABEL.match(line, position)
            if label is None:
                return False
            start, position = label.end(), None
            following = list(_NEXT.finditer(line, start))
            # A name may look like a label itself: only the last one behind its quotes is.
            if following:
                position = (following[-1] if label[1] == "NAME" else following[0]).start()
            name = label[1].lower()
            if name in into:
                return False
            into[name] = line[start : position if position is not None else len(line)].strip()
        return True

    def _code(self, line: str) -> bool:
        into = self.found[-1][1]
        if found := _TRANSLATED.fullmatch(line):
            into.setdefault("instructions", []).append(BpfInstruction(index=int(found[1]), text=found[2]))
        elif (found := _OPCODES.fullmatch(line)) and into.get("instructions"):
            last = into["instructions"][-1]
            into["instructions"][-1] = BpfInstruction(index=last.index, text=last.text, opcodes=found[1])
        elif found := _MACHINE.fullmatch(line):
            code = JitInstruction(address=int(found[1], 16), text=found[2])
            into.setdefault("machine_code", []).append(code)
        else:
            return line.strip() == "(program not jited)"
        return True

    def records(self) -> list[BpfProgram | BpfMap]:
        """All of them; numbers that crash doesn't know are None."""
        return [BpfProgram(**self._finish(v)) if p else BpfMap(**self._finish(v)) for p, v in self.found]

    def _finish(self, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("xlated", "jited", "memlock", "uid", "key_size", "value_size", "max_entries"):
            if name in values:
                values[name] = self._number(values[name])
        if "name" in values:
            values["name"] = values["name"][1:-1] if values["name"].startswith('"') else None
        if "gpl_compatible" in values:
            values["gpl_compatible"] = {"yes": True, "no": False}.get(values["gpl_compatible"])
        if values.get("load_time") == "(unknown)":
            values["load_time"] = None
        for name in ("instructions", "machine_code"):
            if name in values:
                values[name] = tuple(values[name])
        return values

    def _number(self, text: str) -> int | None:
        if text in {"(unknown)", "(unused)"}:
            return None
        return (
            int(text) if re.fullmatch(r"-?\d{1,20}", text) else self._source.fail(0, f"{text!a} is no number")
        )


def _program(row: re.Match[str]) -> dict[str, Any]:
    maps = (row["maps"] or "").strip(",")
    return {
        "id": int(row["id"]),
        "bpf_prog": int(row["at"], 16),
        "bpf_prog_aux": int(row["aux"], 16),
        "type": row["type"],
        "tag": row["tag"],
        "used_maps": tuple(map(int, maps.split(","))) if maps else (),
    }


def _map(row: re.Match[str]) -> dict[str, Any]:
    return {
        "id": int(row["id"]),
        "bpf_map": int(row["at"], 16),
        "type": row["type"],
        "map_flags": int(row["flags"], 16),
    }


def _parse(source: Source) -> list[BpfProgram | BpfMap]:
    """Where nothing is loaded crash prints blank lines at most: an empty answer, not an error."""
    if not source.text.strip():
        if not source.text and not source.command.has("PM"):
            source.fail(0, "nothing at all")
        return []
    reader = _Reader(source)
    reader.read()
    return demand_records(source, reader.records())


SHAPES = (
    Shape(name="bpf", record=BpfProgram | BpfMap, parse=_parse, options="(none) -p -m -P -M -t -T -j -s"),
)
