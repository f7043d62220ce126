"""Parameters of modules with their values, as below /sys/module/NAME/parameters (kernel/params.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.errors import FaultError
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import symbol_names, texts
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from crashdrive.linux.modules.details import ModuleRow
    from crashdrive.linux.survey import Survey

_KIND = "struct kernel_param"
_FIELDS = {"name": ("name",), "getter": ("ops->get",), "mode": ("perm",), "argument": ("arg",)}
_ARRAY = {
    "most": ("max",),
    "size": ("elemsize",),
    "count": ("num",),
    "getter": ("ops->get",),
    "place": ("elem",),
}
_MOST, _LONGEST = 4096, 4096
_UNKNOWN, _MISSING = "kind unknown", "not in the dump"


class ModuleParameter(Record, frozen=True):
    """A parameter; ``value`` as sysfs prints it.

    ``value`` is None where it can't be told; ``absent`` says why: ``kind unknown`` (``getter`` is the
    kernel's function that prints it), ``not in the dump``. ``permissions``: of its file, 0 where it has none.
    ``value_address``: of the value, or of the structure that describes it.
    """

    module_name: str
    parameter: str | None
    value: str | None
    absent: str | None
    permissions: int | None
    getter: str | None
    value_address: Address | None


class _Number(NamedTuple):
    code: str
    shown: Callable[[int], str]


def _yes(value: int) -> str:
    return "Y" if value else "N"


def _no(value: int) -> str:
    return "N" if value else "Y"


# 'l': of the size of a pointer
_NUMBERS = {
    "param_get_byte": _Number("B", str), "param_get_short": _Number("h", str),
    "param_get_ushort": _Number("H", str), "param_get_int": _Number("i", str),
    "param_get_uint": _Number("I", str), "param_get_long": _Number("l", str),
    "param_get_ulong": _Number("L", str), "param_get_ullong": _Number("Q", str),
    "param_get_hexint": _Number("I", lambda value: f"0x{value:08x}"),
    "param_get_bool": _Number("?", _yes), "param_get_invbool": _Number("?", _no),
}  # fmt: skip


def module_parameters(survey: Survey, modules: Sequence[ModuleRow]) -> Iterator[ModuleParameter]:
    """The parameters of modules, by module."""
    kernel = survey.kernel
    step, places = kernel.sizeof(_KIND), []
    for one in modules:
        count = one.parameter_count or 0
        if count > _MOST:
            message = f"{one.name}: {count} parameters are impossible; not read"
            survey.miss([Notice(kind="node", message=message)])
        elif one.parameters:
            places += [(one.name or "", one.parameters + at * step) for at in range(count)]
    fields = Fields(kernel, _KIND, _FIELDS, _FIELDS)
    rows = survey.rows(fields, [place for _, place in places], "parameters")
    reader = _Reader(survey, rows)
    for (module, _), row in zip(places, rows, strict=True):
        yield reader.parameter(module, row)


class _Reader:
    """Values of variables, read according to the kernel's functions that print them."""

    def __init__(self, survey: Survey, rows: Sequence[Mapping[str, Any]]) -> None:
        self._survey, self._kernel = survey, survey.kernel
        self._getters = symbol_names(self._kernel, (row["getter"] for row in rows))
        self._names = texts(survey, (row["name"] for row in rows), "names of parameters")
        self._special = {
            "param_array_get": self._array,
            "param_get_string": self._string,
            "param_get_charp": self._pointer,
        }
        self._kernel.prefetch((row["argument"], 64) for row in rows if row["argument"])

    def parameter(self, module: str, row: Mapping[str, Any]) -> ModuleParameter:
        """A row."""
        getter, value, absent = self._getters[row["getter"]], None, None
        try:
            value = self._value(getter, row["argument"] or 0)
            absent = _UNKNOWN if value is None else None
        except FaultError as error:
            absent = _MISSING
            self._survey.miss([Notice(kind="hole", message=f"values of parameters: {error}")])
        name = self._names[row["name"]]
        return ModuleParameter(
            module_name=module,
            # names of built-in parameters begin with their module's name
            parameter=None if name is None else name.rpartition(".")[2],
            value=value,
            absent=absent,
            permissions=row["mode"],
            getter=getter,
            value_address=row["argument"] or None,
        )

    def _value(self, getter: str | None, place: int) -> str | None:
        """The value at an address, as ``getter`` prints it; None where that function isn't known here."""
        if not place or getter is None:
            return None
        if getter in self._special:
            return self._special[getter](place)
        number = _NUMBERS.get(getter)
        return None if number is None else self._number(number, place)

    def _string(self, place: int) -> str | None:
        found = self._members("struct kparam_string", place, {"text": ("string",), "size": ("maxlen",)})
        return self._text(found["text"], min(found["size"] or 0, _LONGEST))

    def _pointer(self, place: int) -> str | None:
        start = self._kernel.read_pointer(place)
        return self._text(start, _LONGEST) if start else "(null)"

    def _number(self, number: _Number, place: int) -> str:
        letter = number.code
        if letter in "lL":
            wide = self._kernel.pointer_size == 8
            letter = {"l": "q", "L": "Q"}[letter] if wide else {"l": "i", "L": "I"}[letter]
        (value,) = struct.unpack(
            self._kernel.order + letter, self._kernel.read(place, struct.calcsize(f"={letter}"))
        )
        return number.shown(value)

    def _text(self, place: int | None, most: int) -> str | None:
        if not place:
            return None
        return self._kernel.read_string(place, most).decode("utf-8", "backslashreplace")

    def _array(self, place: int) -> str | None:
        """Elements with commas between them; ``num`` says how many, where there is one."""
        row = self._members("struct kparam_array", place, _ARRAY)
        count = row["most"]
        if row["count"]:
            count = int.from_bytes(self._kernel.read(row["count"], 4), _order(self._kernel.order))
        getter = symbol_names(self._kernel, [row["getter"]])[row["getter"]]
        if getter is None or not 0 <= count <= _MOST or not 0 < row["size"] <= _MOST:
            return None
        values = [self._value(getter, row["place"] + at * row["size"]) for at in range(count)]
        return None if None in values else ",".join(value for value in values if value is not None)

    def _members(self, kind: str, place: int, names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        fields = Fields(self._kernel, kind, names, names)
        columns = fields.named(self._kernel.read_many(kind, [place], fields.paths).check())
        return {name: column[0] for name, column in columns.items()}


def _order(code: str) -> Any:
    return "little" if code == "<" else "big"
