"""Bits, peers, caches and locks of NFS, in memory that never was."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.errors import UnknownSymbolError
from crashdrive.kernel.types.model import ArrayType
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.nfs import lockd, places
from crashdrive.linux.nfs.caches import CacheEntries, RpcCache, rpc_caches
from crashdrive.linux.nfs.exports import address_domains, user_groups
from crashdrive.linux.nfs.flags import BitNames, words
from crashdrive.linux.nfs.served import deferred_requests
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import (
    CHAR,
    HLIST_NODE,
    INT,
    LIST_HEAD,
    LONG,
    PAGE,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_hlist,
    link_list,
    pointer,
    record,
)

CACHE_HEAD = record(
    "cache_head", ("cache_list", HLIST_NODE), ("expiry_time", LONG), ("last_refresh", LONG), ("ref", UINT),
    ("flags", ULONG),
)  # fmt: skip
DETAIL = record(
    "cache_detail", ("hash_size", INT), ("hash_table", pointer("struct hlist_head")), ("name", pointer(CHAR)),
    ("others", LIST_HEAD), ("entries", INT), ("net", pointer(ULONG)),
)  # fmt: skip
NET = 0xFFFF_8880_00C0_FFEE


class Net(Survey):
    """A survey of one namespace."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel)
        self.labels: dict[int | None, str] = {NET: "init"}
        self.chosen = frozenset({NET})


def survey_of(memory: FakeMemory, types: dict[str, Any], symbols: dict[str, int] | None = None) -> Any:
    return Net(fake_kernel(memory, types, symbols))


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        # 6.1: numbers
        (
            (
                '"state=%s", __print_flags(REC->state, "|", { ((((1UL))) << ((1))), "CONNECTED" }, '
                '{ ((((1UL))) << ((4))), "BOUND" }), REC->x'
            ),
            0x12,
            "CONNECTED|BOUND",
        ),
        (
            (
                '"f=%s r=%s", __print_flags(REC->flags, "|", { 0x0001, "ASYNC" }, { 0x0800, "SENT" }), '
                '__print_flags(REC->runstate, "|", { (1UL << 0), "RUNNING" })'
            ),
            0x801,
            "ASYNC|SENT",
        ),
        # a bit without a name, a list without an end, a name that nobody knows
        ('__print_flags(REC->flags, "|", { (1UL << 10), "XPT_LISTENER"})', 0x6400, "LISTENER|0x6000"),
        ('__print_flags(REC->flags, "|", { (1UL << XPT_NONE), "NONE"}, { (1UL << 99), "FAR" }', 1, "0x1"),
        ("something else", 3, "0x3"),
    ],
)
def test_bits_have_the_names_of_the_kernel_s_own_trace_events(text: str, value: int, expected: str) -> None:
    memory = FakeMemory()
    place = memory.allocate(PAGE)
    memory.write(place, text.encode() + b"\0")
    survey = survey_of(memory, {}, {"print_fmt_event": place})
    assert BitNames(survey, ("other", "event")).words(value) == expected
    assert survey.complete
    memory.hole(place)
    assert BitNames(survey, ("event",)).words(value) == hex(value)
    assert not survey.complete


def test_bits_that_are_unknown_are_none() -> None:
    assert words(None, {1: "ONE"}) is None
    assert words(0, {1: "ONE"}) == ""
    assert BitNames(survey_of(FakeMemory(), {}), ("event",)).names == {}


def test_addresses_of_peers() -> None:
    memory = FakeMemory()
    four, six, other, cut = (memory.allocate(PAGE, PAGE) for _ in range(4))
    memory.write(four, bytes([2, 0, 8, 1, 127, 0, 0, 1]))
    memory.write(six, bytes([10, 0, 8, 1, 0, 0, 0, 0, *bytes(15), 1]))
    memory.write(other, bytes([1, 0]))
    survey = survey_of(memory, {})
    memory.hole(cut + PAGE)
    found = places.Endpoints(survey, [four, six, other])
    assert [one and one.text for one in map(found.__getitem__, (four, six, other))] == [
        "127.0.0.1:2049",
        "[::1]:2049",
        None,
    ]
    assert survey.complete
    memory.hole(cut)
    assert places.Endpoints(survey, [cut])[cut] is None
    assert not survey.complete


def test_a_module_whose_symbol_is_unknown_is_no_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    survey = survey_of(FakeMemory(), {})
    for names in ((), ("other",), ("nfsd",)):
        found = SimpleNamespace(problems=(), complete=True, read=lambda _, n=names: SimpleNamespace(n=n))
        monkeypatch.setattr(places, "for_each_module", lambda _, found=found: found)
        monkeypatch.setattr(survey, "gaps", lambda columns, _: {"name": columns.n})
        if "nfsd" in names:
            with pytest.raises(UnknownSymbolError, match="nfsd is loaded"):
                places.is_loaded(survey, "nfsd", "nfsd_net_id")
        else:
            assert not places.is_loaded(survey, "nfsd", "nfsd_net_id")


def cache(memory: FakeMemory, name: bytes, size: int, *heads: int) -> tuple[int, int]:
    """A cache, all of its entries in the first bucket; its detail, and its link on the list of caches."""
    detail, table, text = memory.allocate(128), memory.allocate(8 * size), memory.allocate(32)
    memory.write(text, name + b"\0")
    link_hlist(memory, table, heads)
    memory.int32(detail, size)
    memory.word(detail + 8, table, text)
    memory.int32(detail + 40, len(heads))
    memory.word(detail + 48, NET)
    return detail, detail + 24


def entry(memory: FakeMemory, flags: int, size: int = 256) -> int:
    place = memory.allocate(size, PAGE)
    memory.word(place + 16, 100, 50, 1, flags)
    return place


def test_caches_and_their_entries() -> None:
    memory = FakeMemory()
    types = {"struct cache_head": CACHE_HEAD, "struct cache_detail": DETAIL}
    first, second, third = (entry(memory, flags) for flags in (1, 3, 4))
    detail, link = cache(memory, b"nfsd.fh", 4, first, second, third)
    head = memory.allocate(16)
    link_list(memory, head, [link])
    survey = survey_of(memory, types, {"cache_list": head})
    (found,) = rpc_caches(survey)
    assert (found.address, found.cache_name, found.entries, found.netns) == (detail, "nfsd.fh", 3, "init")
    entries = CacheEntries(survey, [found]).named("nfsd.fh")
    assert [(one.valid, one.negative, one.pending) for one in entries] == [
        (True, False, False), (True, True, False), (False, False, True),
    ]  # fmt: skip
    assert CacheEntries(survey, [found]).named("nfsd.export") == []
    assert survey.complete
    # a table that can't be one, and an entry that the dump lacks
    memory.int32(detail, 3)
    assert CacheEntries(survey, rpc_caches(survey)).named("nfsd.fh") == []
    assert not survey.complete
    memory.int32(detail, 4)
    survey = survey_of(memory, types, {"cache_list": head})
    memory.hole(second)
    assert len(CacheEntries(survey, rpc_caches(survey)).named("nfsd.fh")) < 3
    assert not survey.complete


def test_whose_domain_an_address_is_and_groups_of_a_user() -> None:
    memory = FakeMemory()
    domain = record("auth_domain", ("name", pointer(CHAR)))
    unix = record("unix_domain", ("h", domain))
    peer = record(
        "ip_map", ("h", CACHE_HEAD), ("m_class", ArrayType(CHAR, 8)), ("m_addr", ArrayType(U8, 16)),
        ("m_client", pointer(unix)),
    )  # fmt: skip
    info = record("group_info", ("usage", INT), ("ngroups", INT), ("gid", ArrayType(UINT, 0)))
    user = record("unix_gid", ("h", CACHE_HEAD), ("uid", UINT), ("gi", pointer(info)))
    mine = {f"struct {one.name}": one for one in (domain, unix, peer, info, user, CACHE_HEAD, DETAIL)}
    place, client, name = entry(memory, 1), memory.allocate(8), memory.allocate(16)
    memory.write(name, b"lab\0")
    memory.word(client, name)
    memory.write(place + 48, b"nfsd\0\0\0\0" + bytes(10) + b"\xff\xff\x7f\0\0\1")
    memory.word(place + 72, client)
    detail, _ = cache(memory, b"auth.unix.ip", 4, place)
    survey = survey_of(memory, mine)
    table = memory.read(detail + 8, 8)
    known = RpcCache(
        address=detail, netns="init", cache_name="auth.unix.ip", entries=1, buckets=4,
        table_address=int.from_bytes(table, "little"),
    )  # fmt: skip
    (found,) = address_domains(survey, [known])
    assert (found.peer_class, found.remote, found.domain) == ("nfsd", "127.0.0.1", "lab")

    groups, member = memory.allocate(64), entry(memory, 1)
    memory.int32(groups + 4, 2)
    memory.int32(groups + 8, 0)
    memory.int32(groups + 12, 10)
    memory.int32(member + 48, 1000)
    memory.word(member + 56, groups)
    detail, _ = cache(memory, b"auth.unix.gid", 4, member)
    table = memory.read(detail + 8, 8)
    known = RpcCache(
        address=detail, netns="init", cache_name="auth.unix.gid", entries=1, buckets=4,
        table_address=int.from_bytes(table, "little"),
    )  # fmt: skip
    (row,) = user_groups(survey, [known])
    assert (row.uid, row.gids) == (1000, (0, 10))
    assert survey.complete
    memory.int32(groups + 4, -5)
    (row,) = user_groups(survey, [known])
    assert row.gids is None
    assert not survey.complete


def test_requests_that_wait_for_a_cache() -> None:
    memory = FakeMemory()
    request = record(
        "cache_deferred_req", ("hash", HLIST_NODE), ("item", pointer(CACHE_HEAD)), ("revisit", pointer(CHAR))
    )
    own = record("svc_deferred_req", ("prot", UINT), ("xprt", pointer(ULONG)), ("handle", request))
    types = {f"struct {one.name}": one for one in (request, own)}
    table, ours, other = memory.allocate(PAGE, PAGE), memory.allocate(64), memory.allocate(64)
    memory.word(ours + 8, 0xBEEF)
    memory.word(ours + 16 + 24, 0xF00)
    memory.word(other + 24, 0xF10)
    link_hlist(memory, table + 8, [ours + 16])
    link_hlist(memory, table + 80, [other])
    survey = survey_of(memory, types, {"cache_defer_hash": table, "svc_revisit": 0xF00, "else": 0xF10})
    found = {int(one.address): one for one in deferred_requests(survey)}
    assert (found[ours + 16].request_address, found[ours + 16].connection_address) == (ours, 0xBEEF)
    assert (found[other].request_address, found[other].revisit) == (None, "else")


QUEUE = record("wait_queue_head", ("lock", UINT), ("head", LIST_HEAD))
WAIT = record(
    "nlm_wait", ("b_list", LIST_HEAD), ("b_wait", QUEUE), ("b_host", pointer("struct nlm_host")),
    ("b_lock", pointer("struct file_lock")),
)  # fmt: skip


def waits(memory: FakeMemory, *lists: tuple[int, ...]) -> tuple[Any, list[list[tuple[int, Any]]]]:
    """What of each list is a wait for a lock at a server."""
    survey = survey_of(memory, {"struct nlm_wait": WAIT})
    heads = [memory.allocate(16) for _ in lists]
    for head, members in zip(heads, lists, strict=True):
        link_list(memory, head, members)
    return survey, [lockd._waits(survey, head, members) for head, members in zip(heads, lists, strict=True)]


def test_a_server_s_list_of_the_same_name_has_no_waits() -> None:
    memory = FakeMemory()
    wait, block = memory.allocate(128), memory.allocate(128)
    link_list(memory, wait + 24, [])
    memory.word(wait + 40, 0x1000, 0x2000)
    # struct nlm_block: behind b_list come b_flist and pointers
    link_list(memory, block + 16, [memory.allocate(16)])
    memory.word(block + 32, wait, block)
    survey, (ours, theirs) = waits(memory, (wait,), (block,))
    assert [address for address, _ in ours] == [wait]
    assert theirs == []
    assert survey.complete


def test_a_wait_that_is_damaged_is_told() -> None:
    memory = FakeMemory()
    sound, broken = memory.allocate(128), memory.allocate(128)
    link_list(memory, sound + 24, [])
    memory.word(broken + 24, sound, sound)
    survey, (ours,) = waits(memory, (sound, broken))
    assert [address for address, _ in ours] == [sound]
    assert not survey.complete


def test_a_wait_whose_page_is_missing_is_told() -> None:
    memory = FakeMemory()
    pages = memory.allocate(2 * PAGE, PAGE)
    cut = pages + PAGE - 16
    survey, (ours,) = waits(memory, (cut,))
    assert ours == []
    memory.hole(pages + PAGE)
    survey, (ours,) = waits(memory, (cut,))
    assert ours == []
    assert not survey.complete
