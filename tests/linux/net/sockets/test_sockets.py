"""netstat on made-up images: damaged chains, holes, sockets without a file, kernels without a family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from crashdrive.kernel.types.model import ArrayType, IntType, StructType, Type
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.sockets import netlink, packet, raw, tcp, udp, unix
from crashdrive.linux.net.sockets.detail import endpoint
from crashdrive.linux.net.sockets.rows import Batch, Socket, Wanted, socket_rows
from crashdrive.linux.net.survey import NetSurvey
from tests.kernel.fake_memory import (
    HLIST_HEAD,
    HLIST_NODE,
    INT,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    FakeSymbols,
    fake_kernel,
    link_hlist,
    pointer,
    record,
)

U16 = IntType("unsigned short", 2, signed=False)
COUNTER = record("atomic", ("counter", INT))
REFCOUNT = record("refcount_struct", ("refs", COUNTER))
IN6 = record("in6_addr", ("bytes", ArrayType(U8, 16)))
TIMER = record("timer_list", ("entry", HLIST_NODE), ("expires", ULONG))
NODES = record(None, ("skc_node", HLIST_NODE), ("skc_nulls_node", HLIST_NODE), kind="union")


def sock_common(*, six: bool = True) -> StructType:
    addresses = (("skc_v6_daddr", IN6), ("skc_v6_rcv_saddr", IN6)) if six else ()
    return record(
        "sock_common",
        ("skc_daddr", UINT),
        ("skc_rcv_saddr", UINT),
        ("skc_dport", U16),
        ("skc_num", U16),
        ("skc_family", U16),
        ("skc_state", U8),
        ("skc_bound_dev_if", INT),
        ("skc_net", record(None, ("net", pointer("struct net")))),
        *addresses,
        ("skc_listener", pointer("struct sock")),
        (None, NODES),
        ("skc_refcnt", REFCOUNT),
    )


def kinds(*, six: bool = True) -> dict[str, Type]:
    common = sock_common(six=six)
    sock = record(
        "sock",
        ("__sk_common", common),
        ("sk_socket", pointer("struct socket")),
        ("sk_uid", record(None, ("val", UINT))),
        ("sk_type", U16),
        ("sk_protocol", U16),
        ("sk_backlog", record(None, ("rmem_alloc", COUNTER))),
        ("sk_wmem_alloc", REFCOUNT),
        ("sk_drops", COUNTER),
        ("sk_ack_backlog", UINT),
        ("sk_max_ack_backlog", UINT),
    )
    icsk = record(
        "inet_connection_sock",
        ("icsk_inet", record("inet_sock", ("sk", sock))),
        ("icsk_timeout", ULONG),
        ("icsk_keepalive_timer", TIMER),
        ("icsk_pending", U8),
        ("icsk_retransmits", U8),
        ("icsk_probes_out", U8),
    )
    numbers = [(name, UINT) for name in ("write_seq", "snd_una", "rcv_nxt", "copied_seq")]
    found = [
        common,
        sock,
        record("tcp_sock", ("inet_conn", icsk), *numbers),
        record("inet_timewait_sock", ("__tw_common", common), ("tw_substate", U8), ("tw_timer", TIMER)),
        record("request_sock", ("__req_common", common), ("num_timeout", U8), ("rsk_timer", TIMER)),
        record("inet_ehash_bucket", ("chain", HLIST_HEAD)),
        record("inet_listen_hashbucket", ("lock", UINT), ("nulls_head", HLIST_HEAD)),
        record(
            "inet_hashinfo",
            ("ehash", pointer("struct inet_ehash_bucket")),
            ("ehash_mask", UINT),
            ("lhash2_mask", UINT),
            ("lhash2", pointer("struct inet_listen_hashbucket")),
        ),
        record("net", ("list", HLIST_NODE)),
        record("netlink_sock", ("sk", sock), ("portid", UINT), ("node", record(None, ("next", ULONG)))),
        record("rhash_head", ("next", pointer("struct rhash_head"))),
        record("rhash_lock_head", ("unused", UINT)),
        record("netlink_table", ("hash", record("rhashtable", ("tbl", pointer("struct bucket_table"))))),
        record(
            "bucket_table",
            ("size", UINT),
            ("nest", UINT),
            ("future_tbl", pointer("struct bucket_table")),
            ("buckets", ArrayType(pointer("struct rhash_lock_head"), None)),
        ),
    ]
    socket = record("socket", ("file", pointer("struct file")))
    inode = record("inode", ("i_uid", record(None, ("val", UINT))), ("i_ino", ULONG))
    found += [socket, record("socket_alloc", ("socket", socket), ("vfs_inode", inode))]
    return {f"struct {one.name}": one for one in found}


LOCALHOST = int.from_bytes(bytes([127, 0, 0, 1]), "little")
SK = tcp.SOCK
BUCKETS = 8


class Image:
    """A kernel with one namespace and a TCP table of a few buckets."""

    def __init__(self, *, six: bool = True, without: Sequence[str] = ()) -> None:
        self.memory = FakeMemory()
        self.net = self.memory.allocate(64)
        self.info, self.table = self.memory.allocate(64), self.memory.allocate(8 * BUCKETS)
        self.jiffies = self.memory.allocate(8)
        types = {name: kind for name, kind in kinds(six=six).items() if name not in without}
        self.symbols = {"tcp_hashinfo": self.info, "init_net": self.net, "jiffies_64": self.jiffies}
        self.kernel: Kernel = fake_kernel(self.memory, types, self.symbols)
        self.memory.word(self.jiffies, 10_000)
        self.put("struct inet_hashinfo", self.info, ehash=self.table, ehash_mask=BUCKETS - 1)
        for bucket in range(BUCKETS):
            self.chain(bucket, [])

    def put(self, kind: str, address: int, **values: int | bytes) -> None:
        """Members by path, dots as double underscores where they aren't the kernel's own."""
        for path, value in values.items():
            self.set(kind, address, path, value)

    def set(self, kind: str, address: int, path: str, value: int | bytes) -> None:
        place = self.kernel.place(kind, path)
        size = self.kernel.sizeof(place.type)
        raw = value if isinstance(value, bytes) else value.to_bytes(size, "little")
        self.memory.write(address + place.offset, raw)

    def common(self, address: int, **values: int | bytes) -> None:
        """Members of a socket's beginning."""
        known: dict[str, int | bytes] = {
            "skc_family": 2, "skc_state": 1, "skc_num": 80, "skc_dport": 0x3930, "skc_rcv_saddr": LOCALHOST,
            "skc_daddr": LOCALHOST, "skc_net.net": self.net,
        }  # fmt: skip
        for name, value in (known | values).items():
            self.set("struct sock_common", address, name, value)

    def tcp(self, **values: int | bytes) -> int:
        """A TCP socket that is in no chain yet."""
        address = self.memory.allocate(512)
        self.common(address, **values)
        return address

    def chain(self, bucket: int, sockets: Sequence[int], end: int | None = None) -> None:
        """Sockets into a bucket; the last one points to ``end``, the bucket's own mark where None."""
        node = self.kernel.offset("struct sock_common", "skc_nulls_node")
        mark = 2 * bucket + 1 if end is None else end
        link_hlist(self.memory, self.table + 8 * bucket, [one + node for one in sockets], mark)

    def survey(self) -> NetSurvey:
        one = NetNamespace(address=self.net, inum=7, name=None, pid=1, initial=True)
        return NetSurvey(self.kernel, Namespaces(nets=(one,)), Namespaces(nets=(one,)))


def wanted(*protos: str, listening: bool = False) -> Wanted:
    return Wanted(frozenset(protos), listening=listening, connected=not listening)


def find(image: Image, *protos: str) -> tuple[list[Socket], NetSurvey]:
    """Rows of the established table, and what was missing."""
    survey = image.survey()
    batches = survey.attempt("TCP sockets", lambda: tcp.find(survey, wanted(*(protos or ("tcp", "tcp6")))))
    return socket_rows(survey, batches, processes=False), survey


def test_three_structures_by_their_state() -> None:
    image = Image()
    full = image.tcp()
    image.set("struct tcp_sock", full, "write_seq", 5)
    image.set("struct tcp_sock", full, "snd_una", 0xFFFFFFFE)
    waiting, asking = (
        image.tcp(skc_state=6, skc_num=81),
        image.tcp(skc_state=12, skc_num=82, skc_listener=full),
    )
    image.put("struct inet_timewait_sock", waiting, tw_substate=5)
    image.set("struct inet_timewait_sock", waiting, "tw_timer.expires", 10_500)
    image.put("struct request_sock", asking, num_timeout=3)
    image.set("struct request_sock", asking, "rsk_timer.expires", 9_750)
    image.set("struct sock", full, "sk_uid.val", 1000)
    image.chain(3, [full, waiting, asking])
    rows, survey = find(image)
    assert survey.complete
    assert not survey.notices
    states = {
        row.local_port: (row.state, row.timer, row.timer_left, row.retransmits, row.uid) for row in rows
    }
    assert states == {
        80: ("ESTABLISHED", None, None, 0, 1000),
        81: ("FIN_WAIT2", "timewait", 2.0, 0, None),
        82: ("SYN_RECV", "on", -1.0, 3, 1000),
    }
    (row,) = (row for row in rows if row.local_port == 80)
    assert (row.send_q, row.recv_q, row.inode, row.remote_port, row.netns) == (7, 0, 0, 0x3039, "init")
    assert (row.local_address, row.remote_address) == ("127.0.0.1", "127.0.0.1")


def test_inode_of_a_socket_with_a_file() -> None:
    image = Image()
    socket, full = image.memory.allocate(64), image.tcp()
    image.set("struct socket_alloc", socket, "vfs_inode.i_ino", 4711)
    image.set("struct sock", full, "sk_socket", socket)
    image.chain(0, [full])
    assert [row.inode for row in find(image)[0]] == [4711]


def test_ipv6() -> None:
    image = Image()
    loopback = bytes(15) + b"\1"
    image.chain(1, [image.tcp(skc_family=10, skc_v6_rcv_saddr=loopback, skc_v6_daddr=loopback)])
    (row,) = find(image)[0]
    assert (row.proto, row.family, row.local_address, row.remote_address) == ("tcp6", "inet6", "::1", "::1")
    assert not find(image, "tcp")[0]


def test_a_kernel_without_ipv6() -> None:
    image = Image(six=False)
    image.chain(1, [image.tcp()])
    rows, survey = find(image)
    assert [row.local_address for row in rows] == ["127.0.0.1"]
    assert survey.complete


def test_an_unknown_family_is_a_number() -> None:
    image = Image()
    image.chain(1, [image.tcp(skc_family=43)])
    (row,) = find(image)[0]
    assert (row.family, row.local_address, row.local_port) == ("43", None, 80)


def test_a_namespace_on_no_list_is_shown_by_its_address() -> None:
    image = Image()
    image.chain(1, [image.tcp(**{"skc_net.net": 0xFFFF888000001000})])
    assert [row.netns for row in find(image)[0]] == ["ffff888000001000"]


def loop(image: Image, first: int, second: int) -> None:
    node = image.kernel.offset("struct sock_common", "skc_nulls_node")
    image.chain(2, [first, second], end=first + node)


def poison(image: Image, first: int, second: int) -> None:
    image.chain(2, [first, second], end=0xDEAD000000000122)


def foreign_end(image: Image, first: int, second: int) -> None:
    image.chain(2, [first, second], end=2 * 5 + 1)


def zero(image: Image, first: int, second: int) -> None:
    image.chain(2, [first, second], end=0)


@pytest.mark.parametrize(
    ("damage", "kind"), [(loop, "loop"), (poison, "poison"), (foreign_end, "end"), (zero, "null")]
)
def test_damaged_chains_keep_what_is_sure(damage: Callable[..., None], kind: str) -> None:
    image = Image()
    first, second, other = (image.tcp(skc_num=port) for port in (1, 2, 3))
    image.chain(4, [other])
    damage(image, first, second)
    rows, survey = find(image)
    assert sorted(row.local_port or 0 for row in rows) == [1, 2, 3]
    assert not survey.complete
    assert [notice.kind for notice in survey.notices] == [kind]


def test_a_hole_in_a_chain() -> None:
    image = Image()
    first = image.tcp(skc_num=1)
    gone = image.memory.allocate(4096, 4096)
    image.common(gone)
    image.chain(2, [first, gone])
    image.memory.hole(gone)
    rows, survey = find(image)
    assert [row.local_port for row in rows] == [1]
    assert not survey.complete
    assert "hole" in {notice.kind for notice in survey.notices}


def test_small_structures_may_end_before_a_hole() -> None:
    """A TIME_WAIT socket at the end of its page: what a full socket would have behind that isn't missing."""
    image = Image()
    size = image.kernel.sizeof("struct inet_timewait_sock")
    assert size < image.kernel.sizeof("struct tcp_sock")
    page = image.memory.allocate(4096, 4096)
    waiting = page + 4096 - size
    image.common(waiting, skc_state=6)
    image.put("struct inet_timewait_sock", waiting, tw_substate=6)
    image.chain(2, [waiting])
    image.memory.hole(page + 4096)
    rows, survey = find(image)
    assert [row.state for row in rows] == ["TIME_WAIT"]
    assert survey.complete, survey.notices


@pytest.mark.parametrize("mask", [0xFFFFFFFF, 0x1234, 0x7FFFFFFF])
def test_a_mask_that_cannot_be(mask: int) -> None:
    image = Image()
    image.put("struct inet_hashinfo", image.info, ehash_mask=mask)
    rows, survey = find(image)
    assert not rows
    assert not survey.complete
    assert "buckets can't be" in survey.notices[0].message


def test_what_this_kernel_keeps_elsewhere() -> None:
    image = Image(without=["struct inet_ehash_bucket"])
    rows, survey = find(image)
    assert not rows
    assert not survey.complete
    assert [notice.kind for notice in survey.notices] == ["elsewhere"]
    assert "this kernel keeps TCP sockets elsewhere; not read" in survey.notices[0].message


@pytest.mark.parametrize(
    ("finder", "proto"),
    [
        (udp.find_lite, "udplite"),
        (raw.find, "raw6"),
        (raw.find_ping, "icmp"),
        (unix.find, "unix"),
        (packet.find, "packet"),
    ],
)
def test_kernels_built_without_a_family(
    finder: Callable[[NetSurvey, Wanted], Iterator[Batch]], proto: str
) -> None:
    survey = Image().survey()
    asked = Wanted(frozenset({proto}), listening=True, connected=True)
    assert survey.attempt(proto, lambda: finder(survey, asked)) == []
    assert survey.complete
    assert [notice.kind for notice in survey.notices] == ["absent"]


@pytest.mark.parametrize(
    ("finder", "proto"), [(udp.find, "udp"), (raw.find, "raw"), (netlink.find, "netlink")]
)
def test_families_that_every_kernel_has(
    finder: Callable[[NetSurvey, Wanted], Iterator[Batch]], proto: str
) -> None:
    survey = Image(without=["struct netlink_sock"]).survey()
    asked = Wanted(frozenset({proto}), listening=True, connected=True)
    assert survey.attempt(proto, lambda: finder(survey, asked)) == []
    assert not survey.complete


def test_listening_sockets_of_tables_with_a_common_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace's own table is for connections: listening sockets are in the common one, and told once."""
    image = Image()
    memory, kernel = image.memory, image.kernel
    listener = image.tcp(skc_state=10)
    bucket = memory.allocate(kernel.sizeof("struct inet_listen_hashbucket"))
    node = listener + kernel.offset("struct sock_common", "skc_nulls_node")
    memory.word(bucket + kernel.offset("struct inet_listen_hashbucket", "nulls_head"), node)
    memory.word(node, 2 * tcp._LISTENING_NULLS_BASE + 1)
    image.put("struct inet_hashinfo", image.info, lhash2=bucket)
    other = memory.allocate(64)
    memory.write(other, memory.read(image.info, 64))
    monkeypatch.setattr(tcp, "hashinfos", lambda _survey: [image.info, other])
    survey = image.survey()
    batches = list(tcp.find(survey, wanted("tcp", listening=True)))
    assert [address for batch in batches for address in batch.address] == [listener]


# netlink: a resizable table


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


# names and options


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/run/a b\0", "/run/a b"),
        (b"/not/terminated", "/not/terminated"),
        (b"\0abstract", "@abstract"),
        (b"\0inner\0zero", "@inner@zero"),
        (b"\0\xff\x1b[31m", "@\\xff\x1b[31m"),
        (b"", ""),
    ],
)
def test_names_of_unix_sockets(path: bytes, name: str) -> None:
    assert unix.name_text(path) == name


def test_endpoints() -> None:
    assert endpoint("::1", 80) == "[::1]:80"
    assert endpoint("127.0.0.1", 80) == "127.0.0.1:80"
    assert endpoint("/run/x", None) == "/run/x"
    assert endpoint(None, 1) is None


def test_columns_of_sockets_have_one_length() -> None:
    """A column that is too short would take sockets with it, without a word."""
    columns: dict[str, Any] = {
        "address": [1, 2],
        "proto": ["tcp"] * 2,
        "family": ["inet"] * 2,
        "state": [None] * 2,
        "net": [None] * 2,
    }
    batch = Batch(**columns, local_port=[80, 81])
    assert batch.keep([True, False]).columns["local_port"] == [80]
    with pytest.raises(ValueError, match=r"differ in length: address 2, .* local_port 1"):
        Batch(**columns, local_port=[80])
    with pytest.raises(ValueError, match="state 0"):
        Batch(**columns | {"state": []})
    with pytest.raises(ValueError, match="socket 1"):
        Batch(**columns, socket=[1])


def test_columns_that_no_row_has() -> None:
    columns: dict[str, Any] = {name: [] for name in ("address", "proto", "family", "state", "net")}
    for name in ("colour", "pid", "inode"):
        with pytest.raises(TypeError, match=f"no column {name}"):
            Batch(**columns, **{name: []})
