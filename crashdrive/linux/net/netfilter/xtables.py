"""Rules of iptables and ip6tables as the modules ip_tables and ip6_tables keep them (the "legacy" ones).

A table is one block of memory with consecutive rules; a jump is the offset of a rule in it. Sources:
include/linux/netfilter/x_tables.h, include/uapi/linux/netfilter/x_tables.h,
include/uapi/linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h; how tables are divided into
chains: net/ipv4/netfilter/ip_tables.c (mark_source_chains).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from crashdrive.errors import FaultError, UnknownMemberError
from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.types.model import ArrayType, PointerType
from crashdrive.linux.net.netfilter.xt_matches import MATCHES
from crashdrive.linux.net.netfilter.xt_targets import TARGETS
from crashdrive.linux.net.netfilter.xt_text import Data, Decoder, Unknown, prefix, protocol, word
from crashdrive.linux.net.netfilter.xt_text import address as address_text
from crashdrive.linux.net.pernet import own_memory
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.percpu import numbers
from crashdrive.records import Address, Long, Notice, Record

_WHAT = "rules of iptables"
_TABLE, _INFO, _COUNTERS = "struct xt_table", "struct xt_table_info", "struct xt_counters"
# NFPROTO_*: the family, its kind of entry, the member of the general conditions, the module that has them
_FAMILIES = {
    2: ("ipv4", "struct ipt_entry", "ip", "ip_tables"),
    10: ("ipv6", "struct ip6t_entry", "ipv6", "ip6_tables"),
}
_OTHER_FAMILIES = {3: "arp", 7: "bridge"}
_HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_VERDICTS = {-1: "DROP", -2: "ACCEPT", -4: "QUEUE", -5: "RETURN"}
# a table of more than this is damaged; the kernel's own limit is 512 MB
_LARGEST = 64 << 20
# struct xt_entry_match, xt_entry_target: the size and a pointer to the match or target, before the arguments
_HEAD = 32
_GOTO, _FRAGMENT = 2, 1
_NOT_IN, _NOT_OUT, _NOT_SOURCE, _NOT_DESTINATION, _NOT_FRAGMENT, _NOT_PROTOCOL = 1, 2, 8, 16, 32, 64


class TableChain(Record, frozen=True):
    """A chain of a table of iptables; ``policy`` and its counters are None for a user's chain."""

    netns: str | None
    family: str
    table: str
    chain: str
    policy: str | None
    packets: Long | None
    bytes: Long | None
    rules: int


class Undecoded(Record, frozen=True):
    """A match or target of an unknown kind; ``data`` in hexadecimal."""

    name: str
    revision: int | None
    data: str


class TableRule(Record, frozen=True):
    """A rule of iptables: ``rule`` as ``iptables-save`` writes it, ``number`` its place in the chain from 1.

    ``counters`` are those of ``iptables-save -c``. What ``undecoded`` lists is marked in ``rule``.
    """

    netns: str | None
    family: str
    table: str
    chain: str
    number: int
    packets: Long | None
    bytes: Long | None
    counters: str
    rule: str
    undecoded: tuple[Undecoded, ...]
    address: Address


class Contents(NamedTuple):
    """The chains and rules of the tables that are asked for."""

    chains: list[TableChain]
    rules: list[TableRule]


class _Part(NamedTuple):
    """A match or target of a rule: the address of its ``struct xt_match`` or ``xt_target``, and its
    arguments.
    """

    kind: int
    raw: bytes


class _Entry(NamedTuple):
    """A rule as it lies in its table."""

    place: int
    size: int
    matches: Sequence[_Part]
    target: _Part


class _Place(NamedTuple):
    """A table: its namespace, family and name, its address and that of its contents."""

    netns: str | None
    number: int
    name: str
    info: int
    hooks: int


_Names = dict[int, tuple[str | None, int | None]]


class _Words(NamedTuple):
    """Names, counters and conditions that a rule's text needs besides the rule."""

    conditions: dict[str, Any]
    names: _Names
    jumps: dict[int, str]


def used(survey: NetSurvey) -> bool:
    """Whether the kernel has the module that keeps tables."""
    kernel = survey.kernel
    return kernel.symbols.has("xt_pernet_id") or kernel.has_member("struct net", "xt.tables")


def readable(survey: NetSurvey) -> bool:
    """Whether the structures of tables are known."""
    return survey.kernel.has_type(_TABLE) and survey.kernel.has_type(_INFO)


def contents(survey: NetSurvey) -> Contents:
    """Chains and rules of all tables of the namespaces that are asked for."""
    found = Contents([], [])
    for one in survey.namespaces.nets:
        if one.address in survey.chosen:
            for place in _tables(survey, one.address, one.label):
                _of_table(survey, place, found)
    return found


def _tables(survey: NetSurvey, net: int, netns: str | None) -> Iterator[_Place]:
    """A list of tables for each family; ``struct net`` has them on older kernels."""
    kernel = survey.kernel
    if kernel.has_member("struct net", "xt.tables"):
        kind, path, start = "struct net", "xt.tables", net
    else:
        own = own_memory(survey, net, "xt_pernet_id")
        if own is None:
            return
        kind, path, start = "struct xt_pernet", "tables", own
    lists = kernel.type(kernel.place(kind, path).type)
    if not isinstance(lists, ArrayType):
        raise UnknownMemberError(f"{kind}.{path} is no array")
    first, step = start + kernel.offset(kind, path), kernel.sizeof("struct list_head")
    heads = {first + number * step: number for number in range(lists.count or 0)}
    for head, number in heads.items():
        found = kernel.walk_list(head, _TABLE, "list")
        survey.walked(found, _WHAT)
        columns = found.read(["name", "private", "valid_hooks"])
        for name, info, hooks in survey.gaps(columns, _WHAT):
            if info and name is not None and hooks is not None:
                yield _Place(netns, number, name, info, hooks)


def _of_table(survey: NetSurvey, place: _Place, found: Contents) -> None:
    if place.number not in _FAMILIES:
        family = _OTHER_FAMILIES.get(place.number, str(place.number))
        message = f"rules of table {place.name} of family {family} are not read"
        survey.miss([Notice(kind="elsewhere", message=message)])
        return
    if not survey.kernel.has_type(_FAMILIES[place.number][1]):
        message = f"{_FAMILIES[place.number][1]} is not known; table {place.name} is not read"
        survey.miss([Notice(kind="absent", message=message)])
        return
    try:
        _Reader(survey, place).read(found)
    except FaultError as error:
        survey.miss([Notice(kind="hole", message=f"{_WHAT}: table {place.name}: {error}")])


class _Reader:
    """One table."""

    def __init__(self, survey: NetSurvey, place: _Place) -> None:
        self._survey, self._place = survey, place
        self._kernel = survey.kernel
        self._family, self._kind, self._member, self._module = _FAMILIES[place.number]
        info = self._kernel.read_many(_INFO, [place.info], ["size", "hook_entry", "underflow"]).check()
        ((self._size, self._starts, self._ends),) = info
        self._base = 0

    def read(self, found: Contents) -> None:
        """Adds the table's chains and rules."""
        if not 0 < self._size <= _LARGEST:
            self._damaged(f"{self._size} bytes are impossible; not read")
            return
        self._base = self._blob()
        window = self._kernel.window()
        window.fetch([(self._base, self._size)])
        entries = list(self._entries(window))
        names = self._names(entries)
        counters = self._counters(entries)
        conditions = self._conditions(window, entries)
        chains = list(self._chains(entries, names))
        jumps = {entries[first].place: name for name, first, _, _ in chains if first < len(entries)}
        for name, first, last, policy in chains:
            found.chains.append(self._chain(name, entries, (first, last), policy, counters))
            for number in range(first, last):
                entry = entries[number]
                found.rules.append(
                    self._rule(
                        name,
                        number - first + 1,
                        entry,
                        counters[number],
                        _Words(conditions[number], names, jumps),
                    )
                )

    def _damaged(self, what: str) -> None:
        message = f"{_WHAT}: table {self._place.name} of {self._family}: {what}"
        self._survey.miss([Notice(kind="node", message=message)])

    def _blob(self) -> int:
        """The address of the rules; older kernels have a copy for each CPU, with that CPU's counters."""
        start = self._place.info + self._kernel.offset(_INFO, "entries")
        kind = self._kernel.type(self._kernel.place(_INFO, "entries").type)
        if isinstance(kind, ArrayType) and isinstance(self._kernel.type(kind.element), PointerType):
            raise UnknownMemberError("tables with a copy of the rules for each CPU")
        return start

    def _entries(self, window: Window) -> Iterator[_Entry]:
        """Rules in their order, up to the first one that is missing or damaged."""
        kernel = self._kernel
        head, smallest = kernel.offset(self._kind, "elems"), kernel.sizeof(self._kind) + _HEAD
        offsets = [kernel.offset(self._kind, name) for name in ("target_offset", "next_offset")]
        place = 0
        while place < self._size:
            raw = window.bytes(self._base + place, head)
            if raw is None:
                self._damaged(
                    f"the rule at {self._base + place:#x} is not in the dump; nothing behind it is read"
                )
                self._survey.complete = False
                return
            target, size = (self._number(raw, at) for at in offsets)
            whole = window.bytes(self._base + place, size)
            if not head <= target <= size - _HEAD or size < smallest or place + size > self._size:
                self._damaged(f"the rule at {self._base + place:#x} is impossible; nothing behind it is read")
                return
            if whole is None:
                self._damaged(
                    f"the rule at {self._base + place:#x} is not in the dump; nothing behind it is read"
                )
                return
            matches = self._parts(whole, head, target)
            (last,) = self._parts(whole, target, size, only=True)
            yield _Entry(place, size, matches, last)
            place += size

    def _number(self, raw: bytes, at: int) -> int:
        return int.from_bytes(raw[at : at + 2], "little" if self._kernel.byte_order == "little" else "big")

    def _parts(self, raw: bytes, at: int, end: int, *, only: bool = False) -> list[_Part]:
        """The matches between two offsets of a rule, or its target alone (``only``)."""
        width, order = self._kernel.pointer_size, self._kernel.byte_order
        found = []
        while at < end:
            size = end - at if only else self._number(raw, at)
            if not _HEAD <= size <= end - at:
                self._damaged("a match has an impossible size")
                break
            pointer = int.from_bytes(
                raw[at + width : at + 2 * width], "little" if order == "little" else "big"
            )
            found.append(_Part(pointer, raw[at + _HEAD : at + size]))
            at += size
        return found

    def _names(self, entries: Sequence[_Entry]) -> _Names:
        """Names and revisions of matches and targets, by the address of their ``struct xt_match`` or
        ``xt_target``.
        """
        found: _Names = {}
        for kind, pointers in (
            ("struct xt_match", {part.kind for entry in entries for part in entry.matches}),
            ("struct xt_target", {entry.target.kind for entry in entries}),
        ):
            known = sorted(pointers)
            columns = self._kernel.read_many(kind, known, ["name", "revision"])
            found |= dict(zip(known, self._survey.gaps(columns, _WHAT), strict=True))
        return found

    def _counters(self, entries: Sequence[_Entry]) -> list[tuple[int | None, int | None]]:
        """Packets and bytes; they are per CPU where there is more than one (71ae0dff02d7, 4.2)."""
        places = [self._base + entry.place for entry in entries]
        paths = ["counters.pcnt", "counters.bcnt"]
        raw = list(self._survey.gaps(self._kernel.read_many(self._kind, places, paths), _WHAT))
        if not self._several_cpus():
            return raw
        pointers = sorted({packets for packets, _ in raw if packets})
        packets, size = (
            numbers(self._survey, _COUNTERS, path, pointers) if pointers else {} for path in ("pcnt", "bcnt")
        )
        return [(packets.get(pointer), size.get(pointer)) for pointer, _ in raw]

    def _several_cpus(self) -> bool:
        kernel = self._kernel
        if kernel.symbols.has("nr_cpu_ids"):
            return int(kernel.symbol_as("nr_cpu_ids", "unsigned int")) > 1
        return max(kernel.possible_cpus) > 0

    def _conditions(self, window: Window, entries: Sequence[_Entry]) -> list[dict[str, Any]]:
        """The general conditions of each rule (``struct ipt_ip``, ``ip6t_ip6``)."""
        names = ["src", "smsk", "dst", "dmsk", "iniface", "iniface_mask", "outiface", "outiface_mask"]
        names += ["proto", "flags", "invflags"]
        places = [self._base + entry.place for entry in entries]
        paths = [f"{self._member}.{name}" for name in names]
        columns = self._kernel.read_many(self._kind, places, paths, window=window)
        return [
            dict(zip(names, row, strict=True)) if None not in row else {}
            for row in self._survey.gaps(columns, _WHAT)
        ]

    def _chains(self, entries: Sequence[_Entry], names: _Names) -> Iterator[tuple[str, int, int, int | None]]:
        """(name, first rule, end, policy's rule) of each chain, as positions of rules.

        A user's chain begins with a target ERROR that holds its name; a target ERROR also ends the table. The
        last rule of a user's chain is the return from it. In a table that can't be read to its end, all
        remaining entries are rules.
        """
        places = {entry.place: number for number, entry in enumerate(entries)}
        heads = sorted([*self._hooked(places), *_made(entries, names)])
        ends = [head[0] for head in heads[1:]] + [len(entries)]
        whole = bool(entries) and entries[-1].place + entries[-1].size == self._size
        for (start, first, name, hook), end in zip(heads, ends, strict=False):
            last = end == len(entries)
            if hook is not None:
                policy = places.get(self._ends[hook], -1)
                known = first <= policy < end
                if not known:
                    self._damaged(f"chain {name} has no policy")
                yield name, first, policy if known else end, policy if known else None
            elif not (name == "ERROR" and last and start == end - 1):
                yield name, first, max(first, end if last and not whole else end - 1), None

    def _hooked(self, places: dict[int, int]) -> Iterator[_Start]:
        """Chains with a hook."""
        for hook, name in enumerate(_HOOKS):
            if self._place.hooks >> hook & 1:
                start = places.get(self._starts[hook])
                if start is None:
                    self._damaged(f"chain {name} begins at no rule")
                else:
                    yield start, start, name, hook

    def _chain(
        self,
        name: str,
        entries: Sequence[_Entry],
        span: tuple[int, int],
        policy: int | None,
        counters: Sequence[tuple[int | None, int | None]],
    ) -> TableChain:
        packets, size = (None, None) if policy is None else counters[policy]
        return TableChain(
            netns=self._place.netns,
            family=self._family,
            table=self._place.name,
            chain=name,
            policy=None if policy is None else self._verdict(entries[policy], {}) or "?",
            packets=packets,
            bytes=size,
            rules=span[1] - span[0],
        )

    def _verdict(self, entry: _Entry, jumps: dict[int, str]) -> str | None:
        """The verdict of the standard target; None where it continues with the next rule."""
        raw = entry.target.raw[:4]
        number = int.from_bytes(raw, "little" if self._kernel.byte_order == "little" else "big", signed=True)
        if number == entry.place + entry.size:
            return None
        known = _VERDICTS if number < 0 else jumps
        return known.get(number, f"[{number}]")

    def _rule(
        self,
        chain: str,
        number: int,
        entry: _Entry,
        counters: tuple[int | None, int | None],
        words: _Words,
    ) -> TableRule:
        undecoded: list[Undecoded] = []
        parts = [f"-A {chain}", *self._general(words.conditions)]
        parts += [self._part("-m", match, MATCHES, words.names, undecoded) for match in entry.matches]
        goes = "-g" if (words.conditions.get("flags") or 0) & _GOTO else "-j"
        if (words.names.get(entry.target.kind) or ("?",))[0] == "":
            verdict = self._verdict(entry, words.jumps)
            parts += [] if verdict is None else [f"{goes} {verdict}"]
        else:
            parts.append(self._part("-j", entry.target, TARGETS, words.names, undecoded))
        packets, size = counters
        return TableRule(
            netns=self._place.netns, family=self._family, table=self._place.name, chain=chain, number=number,
            packets=packets, bytes=size, counters=f"[{_or_unknown(packets)}:{_or_unknown(size)}]",
            rule=" ".join(parts), undecoded=tuple(undecoded), address=self._base + entry.place,
        )  # fmt: skip

    def _part(
        self,
        sign: str,
        part: _Part,
        decoders: dict[tuple[str, int], Decoder],
        names: _Names,
        undecoded: list[Undecoded],
    ) -> str:
        name, revision = names.get(part.kind) or (None, None)
        if name is None or revision is None:
            undecoded.append(Undecoded(name=name or "?", revision=revision, data=part.raw.hex()))
            return f"{sign} {name or '?'} [arguments not decoded]"
        data = Data(part.raw, self._kernel.order, self._family, self._kernel.pointer_size)
        try:
            said = decoders[name, revision](data) if (name, revision) in decoders else None
        except (Unknown, IndexError, ValueError, ArithmeticError, struct.error):
            said = None
        if said is None:
            undecoded.append(Undecoded(name=name, revision=revision, data=part.raw.hex()))
            return f"{sign} {name} [revision {revision}, arguments not decoded]"
        # iptables-save calls the match conntrack "state" in this form
        shown = "state" if name == "conntrack" and "--state " in said else name
        return f"{sign} {shown} {said}".rstrip(" ") if said else f"{sign} {shown}"

    def _general(self, row: dict[str, Any]) -> Iterator[str]:
        """Conditions in the order of iptables-save."""
        if not row:
            yield "[conditions not in the dump]"
            return
        inverted = row["invflags"]
        for sign, address, mask, bit in (
            ("-s", "src", "smsk", _NOT_SOURCE),
            ("-d", "dst", "dmsk", _NOT_DESTINATION),
        ):
            if any(row[address]) or any(row[mask]) or inverted & bit:
                text = address_text(row[address]) + prefix(row[mask])
                yield f"! {sign} {text}" if inverted & bit else f"{sign} {text}"
        for sign, name, bit in (("-i", "iniface", _NOT_IN), ("-o", "outiface", _NOT_OUT)):
            if any(row[f"{name}_mask"]):
                text = _interface(row[name], row[f"{name}_mask"])
                yield f"! {sign} {text}" if inverted & bit else f"{sign} {text}"
        if row["proto"]:
            text = protocol(row["proto"])
            yield f"! -p {text}" if inverted & _NOT_PROTOCOL else f"-p {text}"
        if self._family == "ipv4" and row["flags"] & _FRAGMENT:
            yield "! -f" if inverted & _NOT_FRAGMENT else "-f"


# a chain's first entry, its first rule, its name, its hook
_Start = tuple[int, int, str, int | None]


def _made(entries: Sequence[_Entry], names: _Names) -> Iterator[_Start]:
    """Chains of users."""
    for number, entry in enumerate(entries):
        if (names.get(entry.target.kind) or ("",))[0] == "ERROR":
            yield number, number + 1, word(entry.target.raw[:30]), None


def _or_unknown(number: int | None) -> str:
    return "?" if number is None else str(number)


def _interface(name: str, mask: bytes) -> str:
    """An interface's name, with ``+`` at its end where the mask covers only its beginning."""
    length = len(mask.split(b"\0", 1)[0])
    return name if length > len(name.encode()) else f"{name[:length]}+"
