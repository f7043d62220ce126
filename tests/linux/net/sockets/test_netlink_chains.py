"""Netlink sockets of made-up images: a resizable table, nested, damaged, with holes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crashdrive.linux.net.sockets import netlink
from tests.kernel.fake_memory import FakeSymbols
from tests.linux.net.sockets.socket_image import Image, wanted


def netlink_image(link: Callable[[int, int], int]) -> tuple[Image, list[int]]:
    """Two sockets in a table of two buckets, its first head locked; ``link``: what the last points to."""
    image = Image()
    memory, kernel = image.memory, image.kernel
    table, tables, start = memory.allocate(64), memory.allocate(8 * 32), memory.allocate(8)
    kernel.symbols = FakeSymbols({**image.symbols, "nl_table": start})  # type: ignore[assignment] # likewise
    memory.word(start, tables)
    memory.word(tables, table)
    image.put("struct bucket_table", table, size=2)
    sockets = [image.tcp(skc_family=16), image.tcp(skc_family=16)]
    node = kernel.offset("struct netlink_sock", "node")
    first, second = (one + node for one in sockets)
    memory.word(table + kernel.offset("struct bucket_table", "buckets"), first | 1, 0)
    memory.word(first, second)
    memory.word(second, link(first, second))
    return image, sockets


@pytest.mark.parametrize(
    ("link", "kinds"),
    [
        (lambda _first, _second: 0x11, []),
        (lambda first, _second: first, ["loop"]),
        (lambda _first, _second: 0, ["null"]),
    ],
)
def test_netlink_chains(link: Callable[[int, int], int], kinds: list[str]) -> None:
    image, sockets = netlink_image(link)
    survey = image.survey()
    batches = survey.attempt("netlink", lambda: netlink.find(survey, wanted("netlink", listening=True)))
    assert [address for batch in batches for address in batch.address] == sockets
    assert [notice.kind for notice in survey.notices] == kinds
    assert survey.complete == (not kinds)


def test_a_nested_netlink_table() -> None:
    """Two pages below a page: the top has 1 << nest entries, those below the buckets."""
    image, sockets = netlink_image(lambda _first, _second: 1)
    memory, kernel = image.memory, image.kernel
    table = kernel.read_pointer(kernel.read_pointer(kernel.symbols.address("nl_table")))
    buckets = table + kernel.offset("struct bucket_table", "buckets")
    head = kernel.read_pointer(buckets)
    image.put("struct bucket_table", table, nest=1, size=1024)
    top, below = memory.allocate(2 * 8), memory.allocate(4096)
    memory.word(buckets, top)
    memory.word(top, 0, below)
    memory.word(below + 511 * 8, head)
    survey = image.survey()
    batches = survey.attempt("netlink", lambda: netlink.find(survey, wanted("netlink", listening=True)))
    assert [address for batch in batches for address in batch.address] == sockets
    assert survey.complete


def test_a_nested_netlink_table_with_a_hole() -> None:
    image, _ = netlink_image(lambda _first, _second: 1)
    memory, kernel = image.memory, image.kernel
    table = kernel.read_pointer(kernel.read_pointer(kernel.symbols.address("nl_table")))
    image.put("struct bucket_table", table, nest=1, size=1024)
    memory.word(table + kernel.offset("struct bucket_table", "buckets"), 0xFFFF_8880_7777_0000)
    survey = image.survey()
    assert survey.attempt("netlink", lambda: netlink.find(survey, wanted("netlink", listening=True))) == []
    assert not survey.complete
