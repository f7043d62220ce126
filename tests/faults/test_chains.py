"""A pointer of a hash chain that leads to another socket: no socket comes twice, or from elsewhere, unmarked.

Sockets of all protocols and namespaces lie on chains of hash tables and on lists. A damaged pointer can lead
to a node of another chain, of another table or of another namespace, and that one looks like a true node.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from faultkit import SEED
from faultkit.hunt import Hunt
from faultkit.memory import Place
from faultkit.subjects import of_case
from sessionkit import SESSION, Case, folders

from crashdrive.crash import Crash, open_dump
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT

# pointers of each protocol, and how each of them is damaged
POINTERS, BITS, NODES = 2, 2, 2
WORD = struct.Struct("<Q")


class Pointer(NamedTuple):
    """A word that leads to the node of a socket; ``first`` of a chain: it isn't in a socket."""

    place: Place
    at: int
    node: int
    proto: str


class Chains(NamedTuple):
    """The sockets of a recorded dump: the hunt over them, their nodes by protocol, pointers to them."""

    hunt: Hunt
    nodes: dict[str, list[int]]
    pointers: dict[str, list[Pointer]]


@pytest.fixture(scope="module", params=folders(), ids=lambda folder: folder.name)
def chains(request: pytest.FixtureRequest) -> Iterator[Chains]:
    with open_dump(None, None, replay=request.param / SESSION) as crash:
        hunt = Hunt(crash, of_case(Case("netstat", {"all": True})))
        nodes = sorted_nodes(crash)
        proto_of = {node: proto for proto, several in nodes.items() for node in several}
        pointers: dict[str, list[Pointer]] = {}
        for place in hunt.readable():
            for at, (word,) in enumerate(WORD.iter_unpack(hunt.data(place))):
                if proto := proto_of.get(word):
                    pointers.setdefault(proto, []).append(Pointer(place, 8 * at, word, proto))
        yield Chains(
            hunt,
            nodes,
            {proto: [p for p in found if not is_back(p, proto_of)] for proto, found in pointers.items()},
        )


def sorted_nodes(crash: Crash) -> dict[str, list[int]]:
    """The node by which each socket hangs in its table, by protocol."""
    shift = crash.kernel.offset("struct sock_common", "skc_node")
    assert crash.kernel.offset("struct sock_common", "skc_nulls_node") == shift
    found: dict[str, list[int]] = {}
    for row in crash.run_report("netstat", all=True).table("sockets").rows:
        found.setdefault(row.proto, []).append(row.address + shift)
    return found


def is_back(pointer: Pointer, proto_of: dict[int, str]) -> bool:
    """Whether it is a node's second word, which points to the node before it."""
    return (pointer.place.page << PAGE_SHIFT) + pointer.at - 8 in proto_of


def damaged(chains: Chains, pointer: Pointer, word: int) -> tuple[str, str]:
    data = chains.hunt.data(pointer.place)
    assert len(data) == PAGE
    changed = data[: pointer.at] + WORD.pack(word) + data[pointer.at + 8 :]
    return chains.hunt.outcome({pointer.place: changed}, "pointer")


@pytest.fixture
def dice() -> random.Random:
    return random.Random(SEED)  # noqa: S311 - repeatable, no secret


def some(chains: Chains, dice: random.Random) -> Iterator[Pointer]:
    for found in chains.pointers.values():
        yield from dice.sample(found, min(POINTERS, len(found)))


def test_a_pointer_to_a_socket_of_another_chain_table_or_namespace(
    chains: Chains, dice: random.Random
) -> None:
    every = [node for several in chains.nodes.values() for node in several]
    for pointer in some(chains, dice):
        alike = [node for node in chains.nodes[pointer.proto] if node != pointer.node]
        for node in [*dice.sample(every, NODES), *dice.sample(alike, min(NODES, len(alike)))]:
            outcome, detail = damaged(chains, pointer, node)
            assert outcome in {"marked", "error", "same"}, (pointer, hex(node), outcome, detail, SEED)


def test_a_bit_of_a_pointer(chains: Chains, dice: random.Random) -> None:
    for pointer in some(chains, dice):
        for bit in dice.sample(range(64), BITS):
            outcome, detail = damaged(chains, pointer, pointer.node ^ 1 << bit)
            assert outcome in {"marked", "error", "same"}, (pointer, bit, outcome, detail, SEED)


def test_there_are_chains_of_all_protocols(chains: Chains) -> None:
    assert {"tcp", "tcp6", "udp", "udp6", "raw", "unix", "packet"} <= chains.pointers.keys()
