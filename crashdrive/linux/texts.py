"""Texts behind pointers and names of functions, many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.errors import FaultError
from crashdrive.records import Notice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

LONGEST = 256


def texts(
    survey: Survey, pointers: Iterable[int | None], what: str, longest: int = LONGEST
) -> dict[int | None, str | None]:
    r"""The text behind each ``char *``; None behind NULL, and where it isn't in the dump, which is noted.

    A text is cut after ``longest`` bytes; bytes that are no UTF-8 become ``\xNN``.
    """
    wanted = list(dict.fromkeys(pointer for pointer in pointers if pointer))
    survey.kernel.prefetch((pointer, longest) for pointer in wanted)
    found: dict[int | None, str | None] = {None: None, 0: None}
    for pointer in wanted:
        try:
            raw = survey.kernel.read_string(pointer, longest)
        except FaultError as error:
            survey.miss([Notice(kind="hole", message=f"{what}: {error}")])
            found[pointer] = None
        else:
            found[pointer] = raw.decode("utf-8", "backslashreplace")
    return found


def symbol_names(kernel: Machine, addresses: Iterable[int | None]) -> dict[int | None, str | None]:
    """The symbol that begins at each address; None where none does."""
    found: dict[int | None, str | None] = {None: None, 0: None}
    for address in addresses:
        if address not in found:
            place = kernel.symbols.lookup(address or 0)
            found[address] = place.symbol.name if place is not None and not place.offset else None
    return found


def functions(kernel: Machine, addresses: Iterable[int | None]) -> dict[int | None, str | None]:
    """The function at each address: ``name``, ``name+0x10`` within it, ``name [module]`` of a module.

    The address itself where no symbol is known; None for NULL and for None.
    """
    found: dict[int | None, str | None] = {None: None, 0: None}
    for address in addresses:
        if address not in found:
            found[address] = _function(kernel, address or 0)
    return found


def _function(kernel: Machine, address: int) -> str:
    place = kernel.symbols.lookup(address)
    if place is None:
        return f"{address:#x}"
    offset = f"+{place.offset:#x}" if place.offset else ""
    module = f" [{place.symbol.module}]" if place.symbol.module else ""
    return f"{place.symbol.name}{offset}{module}"
