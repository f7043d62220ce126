"""A made-up kernel with a TCP table of a few buckets, for tests of sockets."""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.kernel.types.model import ArrayType, IntType, StructType, Type
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.sockets import tcp
from crashdrive.linux.net.sockets.rows import Socket, Wanted, socket_rows
from crashdrive.linux.net.survey import NetSurvey
from tests.kernel.fake_memory import (
    HLIST_HEAD,
    HLIST_NODE,
    INT,
    U8,
    UINT,
    ULONG,
    FakeMemory,
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
