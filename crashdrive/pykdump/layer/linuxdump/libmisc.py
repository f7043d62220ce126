"""``LinuxDump.libmisc``: numbers as text and text as numbers, enumerations, CPUs' own variables."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crashdrive.pykdump.layer.access import number_readers, readSU
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.typeinfo import EnumInfo
from crashdrive.pykdump.run import current

UNKNOWN = "UNKNOWN"
_UNITS: Mapping[Any, tuple[int, Sequence[str]]] = {
    "SI": (1000, ("", "K", "M", "G", "T", "P", "E", "Z", "Y")),
    1000: (1000, (" Bytes", "KB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")),
    1024: (1024, (" Bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")),
}


def obj_is_inttype(obj: object) -> int:
    """Whether something is an integer: 1 or 0."""
    return int(isinstance(obj, int))


def obj_is_floattype(obj: object) -> bool:
    """Whether something is a float."""
    return isinstance(obj, float)


def flags_to_string(flags: int, strings: Mapping[str, int]) -> str:
    """The names of the bits that are set; ``strings`` has each name's number of bit."""
    return "|".join(name for name, bit in strings.items() if flags & (1 << bit))


def defines_to_string(match_val: int, strings: Mapping[str, int]) -> str:
    """The name of a value."""
    return next((name for name, value in strings.items() if value == match_val), UNKNOWN)


def indent_str(lvl: int) -> str:
    """Four blanks a level."""
    return " " * 4 * lvl


def indent(lvl: int) -> None:
    """Print four blanks a level."""
    print(indent_str(lvl), end="")


def val_to_units_string(val: float, base: Any, custom_strings: Sequence[str] | None = None) -> str:
    """A value in the largest unit that it has one of; ``base``: 1000, 1024 or ``SI``."""
    step, units = _UNITS.get(base, (0, ()))
    if custom_strings is not None:
        step, units = int(base), custom_strings
    if step <= 1:
        return str(val)
    power = 0
    while power < len(units) - 1 and abs(val) >= step ** (power + 1):
        power += 1
    scaled = val / step**power
    return f"{scaled:.0f} {units[power]}" if scaled == int(scaled) else f"{scaled:.2f} {units[power]}"


def get_enum_info(enum_name: str) -> EnumInfo | None:
    """An enumeration by its name without ``enum``; None where there is none."""
    try:
        return EnumInfo(f"enum {enum_name}")
    except Exception:  # noqa: BLE001 - PyKdump gives None, whatever is wrong with the name
        return None


def _sorted(enum_name: str) -> list[str]:
    info = get_enum_info(enum_name)
    return sorted(info, key=lambda name: info[name]) if info is not None else []


def get_enum_string(val: int, enum_name: str) -> str:
    """The name of the constant at a place of an enumeration, which is its value where they count from 0."""
    names = _sorted(enum_name)
    return names[val] if 0 <= val < len(names) else UNKNOWN


def get_enum_bit_string(val: int, enum_name: str) -> str:
    """The name of the constant at the place of a value's highest bit."""
    return get_enum_string(int(val).bit_length() - 1, enum_name)


def print_enum_bit(val: int, enum_name: str) -> str:
    """Print it, and give it."""
    name = get_enum_bit_string(val, enum_name)
    print(name)
    return name


def get_enum_tag_value(tag: str, enum_name: str) -> int | None:
    """A constant's value; None where the enumeration has none of the name."""
    info = get_enum_info(enum_name)
    return None if info is None else info.get(tag)


def arg_value(arg: str) -> float:
    """A word as a number: a float, 0x..., octal, decimal, b01, hexadecimal, or a symbol; 0 for others."""
    facts = current().facts
    readers: list[Callable[[str], float]] = [
        lambda text: float(text) if "." in text else _no(),
        lambda text: int(text, 16) if text.lower().startswith("0x") else _no(),
        lambda text: int(text, 8) if text.startswith("0") else _no(),
        int,
        lambda text: int(text[1:], 2) if text.startswith("b") else _no(),
        lambda text: int(text, 16),
        lambda text: facts.address(text) if facts.exists(text) else _no(),
        lambda text: int(text, 0),
    ]
    for read in readers:
        with contextlib.suppress(ValueError):
            return read(arg)
    return 0


def _no() -> float:
    raise ValueError


def call_foreach_argv(func: Callable[[Any], Any]) -> None:
    """Call a function with each of the program's arguments that is a number."""
    for arg in sys.argv[1:]:
        if value := arg_value(arg):
            func(value)


class get_per_cpu:
    """Where each CPU's own variables lie: ``cpu`` (as text), by its number."""

    def __init__(self) -> None:
        kernel = current().kernel
        self.cpu = {number: f"{kernel.per_cpu_address(0, number):#x}" for number in kernel.cpus}
        self.count = len(self.cpu)

    def per_cpu_ptr(self, cpu: int, pointer: int) -> int:
        """A CPU's own copy of what a pointer means."""
        return (int(self.cpu[cpu], 16) + int(pointer)) & ((1 << 64) - 1)

    def per_cpu_struct(self, cpu: int, pointer: int, structtype: str) -> Any:
        """A CPU's own copy of a structure."""
        return readSU(f"struct {structtype}", self.per_cpu_ptr(cpu, pointer))

    def sum_values(self, struct: int) -> int:
        """The sum of the 64-bit numbers of all CPUs."""
        read = number_readers()["readU64"]
        return sum(read(self.per_cpu_ptr(cpu, struct)) for cpu in self.cpu)


__getattr__ = lazy_names(__name__, {})
