"""``LinuxDump.percpu``: per-CPU variables."""

from __future__ import annotations

from typing import Any

from crashdrive.errors import KernelError
from crashdrive.pykdump.layer.access import whatis
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.structs import StructResult, tPtr
from crashdrive.pykdump.layer.system import sys_info
from crashdrive.pykdump.run import current


def _address(variable: Any) -> int:
    if isinstance(variable, str):
        return current().facts.address(variable) or current().facts.address(f"per_cpu__{variable}")
    return int(variable)


def get_cpu_var(varname: Any) -> list[int]:
    """Addresses of a per-CPU variable, by its name or its symbol's value, one for each CPU."""
    kernel, address = current().kernel, _address(varname)
    return [kernel.per_cpu_address(address, cpu) for cpu in kernel.cpus]


def get_cpu_var_type(varname: str) -> str:
    """The name of a per-CPU variable's type."""
    return whatis(varname).ctype


def percpu_ptr(ptr: Any, cpu: int) -> Any:
    """What a ``__percpu`` pointer means on one CPU: of the same type as the pointer."""
    address = current().kernel.per_cpu_address(int(ptr), cpu)
    if isinstance(ptr, StructResult):
        return type(ptr).at(address)
    if isinstance(ptr, tPtr):
        return tPtr(address, ptr.ptype)
    return address


def percpu_counter_sum(fbc: Any) -> int:
    """What a ``struct percpu_counter`` counts."""
    counters = getattr(fbc, "counters", None)
    if counters is None:
        return int(fbc.count)
    read = current().pages.scalar(4, signed=True)
    return int(fbc.count) + sum(read(percpu_ptr(counters, cpu)) for cpu in current().kernel.possible_cpus)


def is_percpu_symbol(addr: int) -> bool:
    """Whether an address is that of a per-CPU symbol of the kernel's."""
    facts = current().facts
    first, last = facts.address("__per_cpu_start"), facts.address("__per_cpu_end")
    return first <= int(addr) < last


def _offsets() -> list[int]:
    kernel = current().kernel
    try:
        return [kernel.per_cpu_address(0, cpu) for cpu in kernel.cpus]
    except KernelError:
        return [0]


__getattr__ = lazy_names(
    __name__,
    {
        "CPUS": lambda: sys_info()["CPUS"],
        "pointermask": lambda: sys_info()["pointermask"],
        "per_cpu_offsets": _offsets,
    },
)
