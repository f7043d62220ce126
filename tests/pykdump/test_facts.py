"""Answers about symbols to scripts, which ask for many that a kernel hasn't got."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from crashdrive.errors import UnknownSymbolError
from crashdrive.pykdump.facts import Facts


class Symbols:
    """One symbol, and a name of two; each error is counted, as it looks through all names."""

    def __init__(self) -> None:
        self.errors = 0

    def has(self, name: str) -> bool:
        return name in {"there", "twice"}

    def address(self, name: str) -> int:
        if name == "there":
            return 0x1000
        self.errors += 1
        raise UnknownSymbolError(name)

    def symbols(self, name: str) -> list[Any]:
        at = {"there": [0x1000], "twice": [0x3000, 0x2000]}.get(name, [])
        return [SimpleNamespace(address=one, module=None) for one in at]


def test_a_symbol_that_is_not_there_is_no_error() -> None:
    symbols = Symbols()
    kernel: Any = SimpleNamespace(symbols=symbols)
    facts = Facts(kernel)
    assert (facts.address("there"), facts.address("twice")) == (0x1000, 0x2000)
    assert symbols.errors == 1
    assert facts.address("missing") == 0
    assert symbols.errors == 1
