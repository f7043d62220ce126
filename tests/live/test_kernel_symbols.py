"""Symbols of real dumps, against drgn's and crash's own ``sym``."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crashdrive.cache.store import Store
from crashdrive.errors import UnknownSymbolError
from crashdrive.kernel.symbols.lookup import Symbols

if TYPE_CHECKING:
    from tests.live.conftest import Lab

pytestmark = pytest.mark.live

# crash takes these suffixes of compilers off, and leaves file names and such out
SUFFIXES = (".isra.", ".part.", ".cold", ".constprop.", ".c", ".S", ".o")


def test_five_thousand_names_have_the_addresses_of_drgn(lab: Lab, peer: Any) -> None:
    ours = Symbols(lab.session)
    theirs: dict[str, set[int]] = {}
    for symbol in peer.symbols():
        # what the linker script computes without a section stays where it is, but crash moves it all the same
        if not any(part in symbol.name for part in SUFFIXES) and symbol.address >= 1 << 63:
            theirs.setdefault(symbol.name, set()).add(symbol.address)
    chance = random.Random(5)  # noqa: S311 - a sample
    names = chance.sample(sorted(theirs), 5000)
    known = [name for name in names if ours.has(name)]
    assert len(known) > 4950
    wrong = [name for name in known if not theirs[name] <= set(ours.addresses(name))]
    assert [name for name in wrong if not name.startswith(("__init_scratch", "__bss_"))] == []
    assert ours.queries < 50  # the first ones singly, then the whole table


def test_the_way_back_is_that_of_crash(lab: Lab) -> None:
    ours = Symbols(lab.session)
    chance = random.Random(6)  # noqa: S311 - a sample
    names = [name for name in ours.names() if len(ours.symbols(name)) == 1]
    places = [ours.symbols(name)[0].address + chance.randrange(3) for name in chance.sample(names, 300)]
    places = [place for place in places if place >= 1 << 63]
    results = lab.session.run_many([f"sym {place:x}" for place in places])
    for place, result in zip(places, results, strict=True):
        found = ours.lookup(place)
        if found is None:
            assert result.failure is not None, hex(place)
            continue
        shown = result.check().text.split()
        name, _, offset = shown[2].partition("+")
        assert found.offset == int(offset or "0", 0)
        assert name in {symbol.name for symbol in ours.symbols(name)}
        assert found.symbol.address in ours.addresses(name)


def test_single_names_and_the_whole_table_agree(lab: Lab) -> None:
    single, whole = Symbols(lab.session), Symbols(lab.session)
    whole.lookup(0)
    for name in ("init_task", "schedule", "runqueues", "linux_banner", "tcp_hashinfo", "version_show"):
        assert single.addresses(name) == whole.addresses(name)
        assert len(single.addresses(name)) >= 1
    assert single.queries == 6
    assert whole.lookup(whole.address("schedule")) is not None
    assert whole.lookup(0) is whole.lookup(8) is whole.lookup(0xDEAD000000000100) is None


def test_modules_have_symbols_of_their_own(lab: Lab) -> None:
    ours = Symbols(lab.session)
    modules = {symbol.module for symbol in ours.symbols("__this_module")}
    if not modules:
        pytest.skip("no modules")
    assert None not in modules
    for symbol in ours.symbols("__this_module"):
        found = ours.lookup(symbol.address)
        assert found is not None
        assert found.module == symbol.module


def test_a_second_session_asks_nothing(lab: Lab, tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    first = Symbols(lab.session, store, "a dump")
    place = first.lookup(first.address("init_task") + 3)
    first.names()
    second = Symbols(lab.session, store, "a dump")
    assert second.lookup(first.address("init_task") + 3) == place
    assert second.names() == first.names()
    assert second.queries == 0


def test_names_that_are_none(lab: Lab, tmp_path: Path) -> None:
    ours = Symbols(lab.session)
    for name in ("no_such_symbol", f"x|touch {tmp_path}/mark", "", "a b", "init_task\nquit"):
        assert not ours.has(name)
        with pytest.raises(UnknownSymbolError):
            ours.address(name)
    assert not (tmp_path / "mark").exists()
    with pytest.raises(UnknownSymbolError, match="version_show"):
        ours.address("version_show")
