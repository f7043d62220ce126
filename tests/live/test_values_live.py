"""Types, values and memory out of real crashes: what one command says is held against another."""

from __future__ import annotations

import re

import pytest

from crashdrive.commands import command_function
from crashdrive.parsers.grammar.definitions import Definition, Member
from crashdrive.parsers.grammar.values import Pointer, as_int
from tests.live.conftest import Lab

pytestmark = pytest.mark.live
TYPES = ("task_struct", "sk_buff", "page")


def named(members: tuple[Member, ...], start: int = 0) -> dict[str, int]:
    """Offsets by name, members of anonymous structures among them; in a union all start where it does."""
    found: dict[str, int] = {}
    for member in members:
        place = start if member.offset is None else member.offset
        found |= {member.name: place} if member.name else named(member.members, place)
    return found


@pytest.mark.parametrize("name", TYPES)
def test_offsets_agree(lab: Lab, name: str) -> None:
    layout = command_function("gdb")(lab.session, name).one()
    definition = command_function("struct")(lab.session, name).one()
    assert isinstance(layout, Definition)
    assert isinstance(definition, Definition)
    assert layout.size == definition.size
    by_gdb, by_crash = named(layout.members), named(definition.members)
    common = by_gdb.keys() & by_crash.keys()
    assert len(common) > 10
    assert {one: by_gdb[one] for one in common} == {one: by_crash[one] for one in common}


def test_symbols_agree(lab: Lab) -> None:
    text = lab.session.run("sym -l").text
    symbols = command_function("sym")(lab.session, everything=True)
    assert len(symbols) == sum(1 for line in text.split("\n") if re.match(r"[0-9a-f]+ [(M\S]", line))
    table = {symbol.name: symbol.address for symbol in symbols if hasattr(symbol, "type")}
    for name in ("init_task", "jiffies", "panic", "schedule", "tcp_prot"):
        assert command_function("sym")(lab.session, name).one().address == table[name]
        assert as_int(command_function("p")(lab.session, f"&{name}").one().value) == table[name]


def test_memory_agrees(lab: Lab) -> None:
    rd = command_function("rd")
    wide = rd(lab.session, "init_task", 64)
    raw = b"".join(word.to_bytes(8, "little") for row in wide for word in row.words)
    for bits in (8, 16, 32, 64):
        rows = rd(lab.session, "init_task", 512 * 8 // bits, bits=bits)
        assert b"".join(word.to_bytes(bits // 8, "little") for row in rows for word in row.words) == raw
    pairs = rd(lab.session, "init_task", 64, symbols=True)
    plain = [word.value for row in pairs for word in row.words if word.symbol is None]
    assert set(plain) <= {word for row in wide for word in row.words}


def test_values_and_memory_agree(lab: Lab) -> None:
    task = command_function("struct")(lab.session, "task_struct", "init_task").one().value
    offsets = named(command_function("struct")(lab.session, "task_struct").one().members)
    start = command_function("sym")(lab.session, "init_task").one().address
    for member in ("stack", "mm", "active_mm", "files", "parent"):
        word = command_function("rd")(lab.session, start + offsets[member]).one().words[0]
        assert as_int(task[member]) == word
    assert task["comm"] == "swapper/0"
    assert isinstance(task["parent"], Pointer)
    assert task["parent"].symbol == "init_task"


def test_lists_and_values_agree(lab: Lab) -> None:
    elements = command_function("list")(
        lab.session, "init_task", "task_struct.tasks", whole=True, show="task_struct.pid,comm"
    )
    offset = named(command_function("struct")(lab.session, "task_struct").one().members)["tasks"]
    first, second = elements[0], elements[1]
    head = command_function("struct")(lab.session, "list_head", first.address + offset).one().value
    assert as_int(head["next"]) == second.address + offset
    assert first.members == {"pid": 0, "comm": "swapper/0"}
    assert all(element.members and element.members["pid"] >= 0 for element in elements)


def test_what_is_searched_for_is_found(lab: Lab) -> None:
    start = command_function("sym")(lab.session, "init_task").one().address
    for match in command_function("search")(lab.session, start, start=start, length=4096):
        assert command_function("rd")(lab.session, match.address).one().words == (start,)
