"""The module ``crash``: what PyKdump's extension gives its Python layer inside crash, function by function.

Names, arguments and errors are the extension's. Arguments may be objects with an arithmetic of their own:
``int()`` is taken of each.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from crashdrive.errors import CrashdriveError, KernelError
from crashdrive.kernel.types.paths import direct
from crashdrive.kernel.types.paths import sizeof as size_in_bytes
from crashdrive.pykdump import numbers
from crashdrive.pykdump.describe import CODES
from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.memory import AMBIGUOUS, KVADDR, PHYSADDR, UVADDR, XENMACHADDR

if TYPE_CHECKING:
    from collections.abc import Callable

    from crashdrive.pykdump.describe import Description
    from crashdrive.pykdump.run import Run

# the extension's version that this module does what of
VERSION = "3.9.1"


class LowLevel:
    """The functions, each with its name there."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._kernel = run.kernel

    # types

    def gdb_typeinfo(self, name: str) -> Description:
        """A type's dict (`describe`), a new one at each call; ``crash.error`` for an unknown type."""
        try:
            return self._run.describer.named(str(name))
        except KernelError as error:
            raise CrashError(f"PyKdump/GDB error: {error}") from None

    def gdb_whatis(self, expression: str) -> Description:
        """The dict of a variable, an enumeration's constant, or an expression."""
        types, text = self._run.types, str(expression)
        try:
            if not text.isidentifier():
                kind = types.expression_type(text)
            elif types.is_told(text) or self._run.facts.exists(text):
                kind = types.declared_variable(text)
            else:
                kind = types.constant_type(text)
            return self._run.describer.variable(text, kind)
        except CrashdriveError as error:
            raise CrashError(f"PyKdump/GDB error: {error}") from None

    def struct_size(self, name: str) -> int:
        """Bytes of a structure; -1 where there is none of the name (also without its ``struct``)."""
        return self._sized(name, "struct")

    def union_size(self, name: str) -> int:
        """Bytes of a union; -1 where there is none."""
        return self._sized(name, "union")

    def _sized(self, name: str, keyword: str) -> int:
        for text in (f"{keyword} {name}", str(name)):
            try:
                return size_in_bytes(self._run.types, self._run.types.type(text))
            except KernelError:
                continue
        return -1

    def member_offset(self, name: str, member: str) -> int:
        """Offset of a member; -1 where there is none."""
        types = self._run.types
        for text in (f"struct {name}", str(name), f"union {name}"):
            try:
                return direct(types, types.type(text), str(member)).offset
            except KernelError:
                continue
        return -1

    def member_size(self, name: str, member: str) -> int:
        """Bytes of a member; -1 where there is none."""
        types = self._run.types
        for text in (f"struct {name}", str(name), f"union {name}"):
            try:
                return size_in_bytes(types, direct(types, types.type(text), str(member)).type)
            except KernelError:
                continue
        return -1

    def enumerator_value(self, name: str) -> int | None:
        """An enumeration's constant; None where there is none."""
        try:
            description = self._run.describer.variable(str(name), self._run.types.constant_type(str(name)))
        except CrashdriveError:
            return None
        return dict(description.get("edef", ())).get(str(name))

    # lists

    def get_list_size(self, start: int, offset: int, maxel: int) -> int:
        """How many elements follow a list's head, ``maxel`` at most."""
        first = here = int(start)
        count, limit, step = 0, int(maxel), int(offset)
        read = self._run.pages.pointer
        while here and count < limit:
            following = read(here + step)
            if following == first:
                break
            here = following
            count += 1
        return count

    def full_buckets(self, start: int, size: int, items: int, offset: int) -> list[int]:
        """The words, other than 0, ``offset`` bytes behind the start of each bucket."""
        return [word for _, word in self.full_buckets_numbered(start, size, items, offset)]

    def full_buckets_numbered(self, start: int, size: int, items: int, offset: int) -> list[tuple[int, int]]:
        """The same as (number of the bucket, word)."""
        raw = self._run.pages.read(int(start), int(size) * int(items))
        unpack = self._run.pages.word.unpack_from
        words = ((i, unpack(raw, i * int(size) + int(offset))[0]) for i in range(int(items)))
        return [(number, word) for number, word in words if word]

    # context

    def set_readmem_task(self, task: int) -> None:
        """Have reads go to a task's own memory; to the kernel's with 0."""
        address = int(task)
        if address and self._run.facts.task_to_pid(address) is None:
            raise CrashError("bad taskaddr")
        self._run.pages.use_task(address)

    def set_default_timeout(self, seconds: int) -> float:
        """Set the seconds that a command in the background has; the old ones."""
        old, self._run.commands.timeout = self._run.commands.timeout, int(seconds)
        return old

    def set_error(self, target: str) -> str | None:  # noqa: ARG002 - crash's messages come with the output here
        """``crash_set_error``: where crash's messages go; they stay with the command's output here."""
        return "default"

    def page_offset(self, address: int) -> int:
        """``PAGEOFFSET``."""
        return int(address) & (self._kernel.page_size - 1)

    def functions(self) -> dict[str, Callable[..., Any]]:
        """All functions by their names in the module."""
        run = self._run
        facts, commands, pages, programs = run.facts, run.commands, run.pages, run.programs
        order = pages.order
        return {
            "symbol_exists": facts.exists,
            "struct_size": self.struct_size,
            "union_size": self.union_size,
            "member_offset": self.member_offset,
            "member_size": self.member_size,
            "enumerator_value": self.enumerator_value,
            "get_GDB_output": commands.gdb,
            "crash_set_error": self.set_error,
            "exec_crash_command": commands.run,
            "exec_crash_command_bg2": commands.in_background,
            "exec_epython_command": programs.execute,
            "get_epython_cmds": programs.names,
            "register_epython_prog": programs.register,
            "sym2addr": facts.address,
            "sym2alladdr": facts.addresses,
            "addr2sym": facts.name,
            "addr2mod": facts.module,
            "mem2long": partial(numbers.mem2long, order=order),
            "uvtop": facts.physical,
            "phys_to_page": facts.page_of,
            "PAGEOFFSET": self.page_offset,
            "readmem": pages.readmem_function(),
            "readPtr": pages.pointer,
            "readInt": pages.read_integer,
            "sLong": numbers.signed_long,
            "le32_to_cpu": partial(numbers.le32_to_cpu, order=order),
            "le16_to_cpu": partial(numbers.le16_to_cpu, order=order),
            "cpu_to_le32": partial(numbers.le32_to_cpu, order=order),
            "getListSize": self.get_list_size,
            "getFullBuckets": self.full_buckets,
            "getFullBucketsH": self.full_buckets_numbered,
            "FD_ISSET": numbers.is_in_set,
            "gdb_whatis": self.gdb_whatis,
            "gdb_typeinfo": self.gdb_typeinfo,
            "set_readmem_task": self.set_readmem_task,
            "get_NR_syscalls": facts.system_calls,
            "set_default_timeout": self.set_default_timeout,
            "get_pathname": facts.pathname,
            "setprocname": lambda name: None,  # noqa: ARG005 - crash's process is the session's own
            "is_task_active": facts.is_task_active,
            "pid_to_task": facts.pid_to_task,
            "task_to_pid": facts.task_to_pid,
            "get_uptime": facts.uptime,
            "get_task_mem_usage": facts.task_memory,
        }


class CrashModule(ModuleType):
    """The module; what takes a look into the dump is found out when it is asked for."""

    def __init__(self, run: Run) -> None:
        super().__init__("crash", "PyKdump's low-level functions, over the dump that crashdrive opened")
        self.__dict__["_run"] = run
        self.__dict__.update(LowLevel(run).functions())
        self.__dict__.update(CODES)
        self.error = CrashError
        self.version = VERSION
        self.WARNING = "++WARNING+++"
        self.KVADDR, self.UVADDR, self.PHYSADDR = KVADDR, UVADDR, PHYSADDR
        self.XENMACHADDR, self.AMBIGUOUS = XENMACHADDR, AMBIGUOUS
        self.default_timeout = 120

    def __getattr__(self, name: str) -> Any:
        run: Run = self.__dict__["_run"]
        match name:
            case "HZ":
                value: Any = run.kernel.hz
            case "PAGESIZE":
                value = run.kernel.page_size
            case "PAGE_CACHE_SHIFT":
                value = run.kernel.page_size.bit_length() - 1
            case "Crash_run" | "Crash_build":
                value = run.kernel.session.health.version
            case _:
                # a script that was given the dump as the global `crash`, and imports this one: it is the same
                if name.startswith("_") or not hasattr(run.crash, name):
                    raise AttributeError(f"module 'crash' has no attribute {name!r}")
                return getattr(run.crash, name)
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, "HZ", "PAGESIZE", "PAGE_CACHE_SHIFT", "Crash_run", "Crash_build"})
