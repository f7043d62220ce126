"""ORC: what the kernel itself unwinds by on x86-64 since 4.14.

Source: arch/x86/include/asm/orc_types.h, arch/x86/kernel/unwind_orc.c. A table has two arrays, of one length:
32-bit distances from each element's own place to an instruction, sorted by that, and `Rule` entries of 6
bytes, which hold from there on.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

from crashdrive.errors import KernelError
from crashdrive.kernel.types.model import StructType

# ORC_REG_*, as numbered from 4.14 on; AX came with another numbering, which nothing but the entries tell
UNDEFINED, PREV_SP, DX, DI, BP, SP, R10, R13, BP_INDIRECT, SP_INDIRECT, AX = range(11)
_FIRST_NUMBERS = (UNDEFINED, PREV_SP, DX, DI, BP, SP, R10, R13, BP_INDIRECT, SP_INDIRECT)
_NUMBERS_WITH_AX = (UNDEFINED, AX, DX, SP, BP, DI, R10, R13, PREV_SP, SP_INDIRECT, BP_INDIRECT)
_UNKNOWN = -1
# ORC_TYPE_*, as numbered since 6.4
NO_RULE, END, CALL, REGS, REGS_PARTIAL = range(5)
_SIZE = 6
_ENTRY = struct.Struct("<hhH")
_LOOKUP_BLOCK = 256
_PAGE = 4096

# the bytes of a range, None where any of them are missing
Bytes = Callable[[int, int], bytes | None]


class Rule(NamedTuple):
    """How to get from a place in the code to its caller.

    ``sp_reg`` plus ``sp_offset`` is where the stack pointer was before the call, or where the registers are
    (``kind`` REGS, REGS_PARTIAL: an interrupt's five words alone); ``bp_reg`` and ``bp_offset``: where the
    caller's frame pointer is. ``signal``: the caller's address is an instruction that was interrupted, not
    one behind a call. ``kind`` NO_RULE: nothing is known; END: no caller.
    """

    sp_offset: int
    bp_offset: int
    sp_reg: int
    bp_reg: int
    kind: int
    signal: bool


# What the kernel takes where it has no rule: a function that keeps a frame pointer (orc_fp_entry).
FRAME_POINTER = Rule(16, -16, BP, PREV_SP, CALL, signal=False)
# And at an address that was called and is no code (null_orc_entry).
CALLED = Rule(8, 0, SP, UNDEFINED, CALL, signal=False)
_NOTHING_KNOWN = Rule(0, 0, UNDEFINED, UNDEFINED, NO_RULE, signal=False)


class Format(NamedTuple):
    """Where an entry's bits are, by the layout of ``struct orc_entry``.

    Three forms: ``type`` of 2 bits (4.14; ``end`` since 4.17, d31a580266ee); with ``signal`` as well (6.3,
    ffb1b4a41016); ``type`` of 3 bits, with kinds of its own for no rule and for the end (6.4, fb799447ae29).
    """

    sp_reg: tuple[int, int]
    bp_reg: tuple[int, int]
    type: tuple[int, int]
    signal: tuple[int, int] | None
    end: tuple[int, int] | None
    registers: tuple[int, ...] = _FIRST_NUMBERS

    @classmethod
    def of(cls, kind: StructType) -> Format:
        """The form of this kernel; KernelError for one that isn't known."""
        bits = {m.name: (m.bit_offset - 32, (1 << m.bit_size) - 1) for m in kind.members if m.bit_size}
        places = {m.name: m.bit_offset for m in kind.members}
        if (places.get("sp_offset"), places.get("bp_offset"), kind.size) != (0, 16, _SIZE) or not all(
            name in bits for name in ("sp_reg", "bp_reg", "type")
        ):
            raise KernelError("struct orc_entry has a form that isn't known")
        return cls(bits["sp_reg"], bits["bp_reg"], bits["type"], bits.get("signal"), bits.get("end"))

    def rule(self, raw: bytes, at: int = 0) -> Rule:
        """The rule in an entry's bytes."""
        sp_offset, bp_offset, bits = _ENTRY.unpack_from(raw, at)
        kind, sp_reg = _part(bits, self.type), self._register(bits, self.sp_reg)
        signal = bool(_part(bits, self.signal)) if self.signal else kind > 0
        if self.type[1] < 7:
            kind = self._older(bits, kind, sp_reg)
        elif kind > REGS_PARTIAL:
            kind = NO_RULE
        return Rule(sp_offset, bp_offset, sp_reg, self._register(bits, self.bp_reg), kind, signal)

    def numbered(self, entries: bytes) -> Format | None:
        """The same with the numbers that these entries have for registers; None where they don't tell.

        The stack pointer is what most rules start from; the number that it has in one numbering is that of DI
        in the other, from which next to none does.
        """
        whole = range(0, len(entries) - len(entries) % _SIZE, _SIZE)
        numbers = [_part(_ENTRY.unpack_from(entries, at)[2], self.sp_reg) for at in whole]
        counts = {one: numbers.count(one.index(SP)) for one in (_FIRST_NUMBERS, _NUMBERS_WITH_AX)}
        more, less = sorted(counts, key=lambda one: counts[one], reverse=True)
        return self._replace(registers=more) if counts[more] > counts[less] else None

    def _register(self, bits: int, place: tuple[int, int]) -> int:
        number = _part(bits, place)
        return self.registers[number] if number < len(self.registers) else _UNKNOWN

    def _older(self, bits: int, kind: int, sp_reg: int) -> int:
        if sp_reg == UNDEFINED:
            # before 4.17 nothing told the end from a place without a rule
            return END if self.end is None or _part(bits, self.end) else NO_RULE
        return CALL + kind if kind <= REGS_PARTIAL - CALL else NO_RULE


def _part(bits: int, place: tuple[int, int]) -> int:
    return bits >> place[0] & place[1]


class Table(NamedTuple):
    """A table in memory: the addresses of its two arrays, their length, and which code it is for.

    ``lookup``: the address of ``orc_lookup``, which has the index of the first entry for each 256 bytes of
    code from ``start`` up to ``quick``; of the kernel's own table alone.
    """

    start: int
    stop: int
    ips: int
    rules: int
    length: int
    lookup: int = 0
    quick: int = 0

    def find(self, address: int, form: Format, read: Bytes) -> Rule | None:
        """The rule at an instruction; None where the table has none or its bytes are missing."""
        place = self.place(address, read)
        raw = read(place, _SIZE) if place is not None else None
        return form.rule(raw) if raw else None

    def place(self, address: int, read: Bytes) -> int | None:
        """Where the entry of an instruction is; None where the table has none or bytes of it are missing."""
        index = self._quickly(address, read) if self.lookup and address < self.quick else None
        if index is None:
            index = self._among(address, 0, self.length, read)
        return None if index is None else self.rules + _SIZE * index

    def beside(self, place: int, read: Bytes) -> bytes:
        """Whole entries of the page that one lies in."""
        first = max(self.rules, place - place % _PAGE)
        first += -(first - self.rules) % _SIZE
        last = min(self.rules + _SIZE * self.length, place - place % _PAGE + _PAGE)
        return read(first, (last - first) // _SIZE * _SIZE) or b""

    def _quickly(self, address: int, read: Bytes) -> int | None:
        raw = read(self.lookup + 4 * ((address - self.start) // _LOOKUP_BLOCK), 8)
        if raw is None:
            return None
        first, last = struct.unpack("<II", raw)
        if not first <= last < self.length:
            return None
        return self._among(address, first, last + 1, read)

    def _among(self, address: int, first: int, stop: int, read: Bytes) -> int | None:
        """The last entry of [first, stop) that isn't above an address."""
        raw = read(self.ips + 4 * first, 4 * (stop - first))
        if raw is None:
            return None
        distances = memoryview(raw).cast("i") if _LITTLE else struct.unpack(f"<{len(raw) // 4}i", raw)
        base = self.ips + 4 * first
        found = bisect_right(range(len(distances)), address, key=lambda i: base + 4 * i + distances[i]) - 1
        return first + found if found >= 0 else None


_LITTLE = struct.pack("=H", 1) == b"\1\0"


class Tables:
    """All tables of a kernel: rules by address, each looked up once.

    ``own``: the image's. ``others`` gives those of all modules, and is asked once an address lies elsewhere.
    ``read`` gives bytes of memory, None where any are missing; ``otherwise`` is asked where the tables say
    that nothing is known.
    """

    def __init__(
        self,
        form: Format,
        own: Table,
        others: Callable[[], Sequence[Table]],
        read: Bytes,
        otherwise: Callable[[int], Rule | None] = lambda _address: None,
    ) -> None:
        self._form = form
        self._numbered: Format | None = None
        self._own = own
        self._find_others = others
        self._read = read
        self._otherwise = otherwise
        self._known: dict[int, Rule | None] = {}

    def find(self, address: int) -> Rule | None:
        """The rule at an instruction; None where no table has one."""
        if address not in self._known:
            table = self._of(address)
            rule = self._rule(table, address) if table else None
            if rule is not None and rule.kind == NO_RULE:
                rule = self._otherwise(address) or rule
            self._known[address] = rule
        return self._known[address]

    def _rule(self, table: Table, address: int) -> Rule | None:
        """The rule of a table; one that nothing is known by where the numbers of registers aren't known."""
        place = table.place(address, self._read)
        raw = None if place is None else self._read(place, _SIZE)
        if place is None or not raw:
            return None
        self._numbered = self._numbered or self._form.numbered(table.beside(place, self._read))
        return self._numbered.rule(raw) if self._numbered else _NOTHING_KNOWN

    def has_code(self, address: int) -> bool:
        """Whether an address lies in code that a table is for."""
        return self._of(address) is not None

    def _of(self, address: int) -> Table | None:
        if self._own.start <= address < self._own.stop:
            return self._own
        starts, tables = self._others
        index = bisect_right(starts, address) - 1
        return tables[index] if index >= 0 and address < tables[index].stop else None

    @cached_property
    def _others(self) -> tuple[list[int], list[Table]]:
        tables = sorted(self._find_others())
        return [table.start for table in tables], tables
