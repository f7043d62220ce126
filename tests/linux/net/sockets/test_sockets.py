"""netstat on made-up images: damaged chains, holes, sockets without a file, kernels without a family."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crashdrive.linux.net.sockets import netlink, packet, raw, tcp, udp, unix
from crashdrive.linux.net.sockets.detail import endpoint
from crashdrive.linux.net.sockets.rows import Batch, Wanted
from crashdrive.linux.net.survey import NetSurvey
from tests.linux.net.sockets.socket_image import Image, find, wanted


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
    assert "buckets are impossible" in survey.notices[0].message


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
