"""A program's image without walks: symbols, layouts, memory and objects held together."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from crashdrive.dump.live import LIVE
from crashdrive.errors import CorruptError, KernelError, UnknownTypeError
from crashdrive.kernel import show
from crashdrive.kernel.arch import architecture
from crashdrive.kernel.arch.paging import Paging
from crashdrive.kernel.memory.bulk import Gathered, Memory
from crashdrive.kernel.memory.columns import Columns, Plan
from crashdrive.kernel.memory.virtual import read_tables
from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.objects import Object, address_of
from crashdrive.kernel.series import Objects
from crashdrive.kernel.structures.walk import Walk, doubted
from crashdrive.kernel.symbols.lookup import Symbols
from crashdrive.kernel.types.layouts import Elsewhere, Layouts
from crashdrive.kernel.types.model import Type, TypeRef, type_name
from crashdrive.kernel.types.moved import first_path, only_path
from crashdrive.kernel.types.paths import Place, direct, find, sizeof

if TYPE_CHECKING:
    from crashdrive.session.dump_session import DumpSession

_STRING_STEP = 256
# What one part of a report read another one reads again: of 20,000 tasks that is 180 MB.
_CACHE = 256 << 20


# by ELF's number: machines whose kernels have one byte order (i386, x86-64, RISC-V, LoongArch; s390). That of
# arm64 may be big, and of no distribution is.
_ORDERS = {**dict.fromkeys(("3", "62", "243", "258"), "little"), "22": "big"}
_STATIC_PRIO = 120


class KernelBase:
    """A program's image as data. ``session`` is what runs crash's commands.

    ``physical``: its memory is read as physical memory, by page tables that we walk (`paging`).

    Addresses are kernel virtual unless said otherwise. Everything is fetched when it is needed, and once.
    """

    def __init__(
        self,
        session: DumpSession,
        *,
        memory: Memory | None = None,
        layouts: Layouts | None = None,
        symbols: Symbols | None = None,
        physical: bool = False,
    ) -> None:
        self.session = session
        self.memory = memory if memory is not None else self._open_memory(physical=physical)
        self.layouts = layouts if layouts is not None else Layouts(session, elsewhere=self._elsewhere)
        self.symbols = symbols if symbols is not None else Symbols(session)
        # a walk has as long as a command of the session; what it has found by then is incomplete
        self.walk_seconds = session.timeout
        self._plans: dict[tuple[str, tuple[str, ...]], Plan] = {}
        self._paths: dict[tuple[str, tuple[str, ...]], str | None] = {}

    def _open_memory(self, *, physical: bool) -> Memory:
        paging = self.paging if physical else None
        return Memory(self.session, cache_size=_CACHE, paging=paging, user_tables=self._user_tables)

    def _user_tables(self, task: int) -> Paging | None:  # noqa: ARG002 - a program has no tasks
        """The page tables of a task's memory, where we can walk them."""
        return None

    def _elsewhere(self) -> Elsewhere | None:
        """What has types that the debug data lacks."""
        return None

    # The machine

    @cached_property
    def pointer_size(self) -> int:
        """Bytes of a pointer: half of a ``struct list_head``."""
        return self.sizeof("struct list_head") // 2

    @cached_property
    def byte_order(self) -> str:
        """``little`` or ``big``: that of the machine, where all of its kind have one.

        On others ``init_task.static_prio`` tells, which is 120 in all kernels and for ever; CorruptError
        where a damaged dump has something else there.
        """
        if (known := _ORDERS.get(self._identity.get("machine", ""))) is not None:
            return known
        place = self.symbols.address("init_task") + self.offset("struct task_struct", "static_prio")
        raw = self.read(place, 4)
        for order in ("little", "big"):
            if int.from_bytes(raw, order) == _STATIC_PRIO:
                return order
        raise CorruptError(
            f"init_task.static_prio at {place:#x} is 0x{raw.hex()}: init_task is damaged", place
        )

    @property
    def live(self) -> bool:
        """Whether it is a kernel that runs, and no dump: each reading is of its own moment."""
        return self._identity.get("format") == LIVE

    @property
    def _identity(self) -> Mapping[str, str]:
        return self.session.identity

    @property
    def order(self) -> str:
        """The byte order as the struct module has it."""
        return "<" if self.byte_order == "little" else ">"

    @cached_property
    def _machine(self) -> str:
        return self.session.run("mach").check().text

    @cached_property
    def page_size(self) -> int:
        """Bytes of a page, as VMCOREINFO or crash's ``mach`` says."""
        told = self.session.vmcoreinfo.get("PAGESIZE", "")
        return int(told) if told.isdecimal() else self._machine_number("PAGE SIZE")

    def _machine_number(self, name: str) -> int:
        found = re.search(rf"^\s*{name}: (\d+)\s*$", self._machine, re.MULTILINE)
        if found is None:
            raise KernelError(f"crash's mach tells no {name}")
        return int(found[1])

    # Memory

    def read(self, address: int, size: int) -> bytes:
        """Bytes at a kernel virtual address; FaultError where the dump doesn't hold all of them."""
        return self.memory.read(address, size)

    def gather(self, ranges: Iterable[tuple[int, int]]) -> Gathered:
        """Many (address, size) in one round trip, with their holes: `Memory.gather`."""
        return self.memory.gather(list(ranges))

    def prefetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Have the pages of these (address, size) at hand for later reads."""
        self.memory.prefetch(list(ranges))

    def read_string(self, address: int, limit: int = 4096) -> bytes:
        """Bytes up to a NUL, the NUL left out; at most ``limit`` of them."""
        found = bytearray()
        while len(found) < limit:
            step = _STRING_STEP - address % _STRING_STEP
            part = self.read(address, step)
            if b"\0" in part:
                found += part[: part.index(b"\0")]
                break
            found += part
            address += step
        return bytes(found[:limit])

    def read_pointer(self, address: int) -> int:
        """The pointer-sized word at an address."""
        return self._word(self.read(address, self.pointer_size))

    def _word(self, raw: bytes) -> int:
        return int.from_bytes(raw, "little" if self.byte_order == "little" else "big")

    def window(self) -> Window:
        """Memory for one computation, for the walks in `crashdrive.kernel.structures`."""
        return Window(
            self.memory,
            pointer_size=self.pointer_size,
            byte_order=self.byte_order,
            walk_seconds=self.walk_seconds,
        )

    @cached_property
    def paging(self) -> Paging | None:
        """The kernel's page tables; None where we don't know how this machine's are walked."""
        info, read = self.session.vmcoreinfo, partial(read_tables, self.session)
        known = architecture(self._identity.get("machine"))
        return None if known is None else known.paging(info, read)

    # Types

    def type(self, kind: str | Type) -> Type:
        """A type by its name; UnknownTypeError."""
        if isinstance(kind, str):
            return self.layouts.type(kind)
        return self.layouts.resolve(kind) if isinstance(kind, TypeRef) else kind

    def has_type(self, name: str) -> bool:
        """Whether the kernel has such a type."""
        try:
            self.layouts.type(name)
        except UnknownTypeError:
            return False
        return True

    def sizeof(self, kind: str | Type) -> int:
        """A type's size in bytes."""
        return sizeof(self.layouts, self.type(kind))

    def place(self, kind: str | Type, path: str) -> Place:
        """Where a path of members leads: type, bit offset, bit size."""
        return find(self.layouts, self.type(kind), path)

    def offset(self, kind: str | Type, path: str) -> int:
        """Offset of a member in bytes; UnknownMemberError, also where the path leads through a pointer."""
        return direct(self.layouts, self.type(kind), path).offset

    def has_member(self, kind: str | Type, path: str) -> bool:
        """Whether there is such a type and such a member, through pointers too."""
        return self.has_type(kind if isinstance(kind, str) else type_name(kind)) and (
            self.first_path(kind, [path]) is not None
        )

    def enumerators(self, name: str) -> dict[str, int]:
        """Names and values of an enum."""
        return dict(self.layouts.enumerators(name))

    def first_path(self, kind: str | Type, alternatives: Sequence[str]) -> str | None:
        """The first of several paths that this kernel has, None if it has none; found once per kernel."""
        key = (kind if isinstance(kind, str) else type_name(kind), tuple(alternatives))
        if key not in self._paths:
            self._paths[key] = first_path(self.layouts, self.type(kind), alternatives)
        return self._paths[key]

    def path(self, kind: str | Type, *alternatives: str) -> str:
        """The first of several paths that this kernel has; UnknownMemberError if it has none."""
        found = self.first_path(kind, alternatives)
        return found if found is not None else only_path(self.layouts, self.type(kind), alternatives)

    def chain(self, kind: str | Type, alternatives: Sequence[str]) -> str | None:
        """The old name of `first_path`; deprecated, a chain is a list of structures."""
        warnings.warn("kernel.chain() is kernel.first_path() now", DeprecationWarning, stacklevel=2)
        return self.first_path(kind, alternatives)

    # Objects

    def object(self, kind: str | Type, address: int | str | Object) -> Object:
        """A typed object at an address, or where an object lies or a pointer points; nothing is read yet."""
        return Object(self, self.type(kind), address_of(address))

    def shown(self, value: Object) -> str:
        """A structure as crash prints it; everything else with its type before it."""
        return show.shown(value)

    def shown_value(self, value: Object) -> str:
        """The same without its type."""
        return show.shown_value(value)

    def pointer(self, kind: str | Type, address: int | str | Object) -> Object:
        """A pointer of the type ``kind *`` with this value."""
        return self.object(kind, address).address_of_()

    def symbol(self, name: str) -> Object:
        """A kernel variable with the type that the debug data has for it."""
        return Object(self, self.variable_type(name), self.symbols.address(name))

    def symbol_as(self, name: str, kind: str | Type) -> Object:
        """A kernel variable as a type that is known, which saves asking for it."""
        return Object(self, self.type(kind), self.symbols.address(name))

    def variable_type(self, name: str) -> Type:
        """The type of a variable: `Layouts.variable`. UnknownSymbolError where there is no such symbol."""
        self.symbols.address(name)
        return self.layouts.variable(name)

    def variable_size(self, name: str) -> int:
        """Bytes of a variable, such as an array without a bound of its own; errors as `variable_type`."""
        told = self.symbols.source.size(name) if self.symbols.source else None
        return told if told is not None else self.sizeof(self.variable_type(name))

    def read_many(
        self,
        kind: str | Type,
        addresses: Sequence[int],
        fields: Sequence[str],
        *,
        window: Window | None = None,
    ) -> Columns:
        """Members of many objects of one type, as columns; no object is built.

        A field is a path (``__sk_common.skc_state``, ``rlim[7].rlim_cur``), also through pointers
        (``real_parent->tgid``: one more round trip). Values: int, float, bool; text for an array of ``char``;
        bytes for other arrays of bytes and for structures; a tuple for arrays of numbers. A hole leaves None
        in the cells concerned and a `Gap` in ``gaps``. Ten thousands of objects take a fraction of a second.
        """
        return self.plan(kind, fields).read(window or self.window(), addresses)

    def plan(self, kind: str | Type, fields: Sequence[str]) -> Plan:
        """The compiled reader behind `read_many`; kept."""
        key = (kind if isinstance(kind, str) else type_name(kind), tuple(fields))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = Plan(self.layouts, self.type(kind), fields, self.order)
        return plan

    def objects(self, kind: str | Type, walk: Walk | Sequence[int]) -> Objects:
        """A walk's addresses as objects of a type."""
        found = walk if isinstance(walk, Walk) else Walk(addresses=walk)
        return Objects(self, self.type(kind), doubted(found, self._doubts))

    @property
    def _doubts(self) -> list[str]:
        """Why all that is read may be less than it looks: crash takes missing pages for zeros."""
        return [warning.message for warning in self.session.health.of_memory]
