"""``net``: old and new headers, absent addresses, hostile names; recorded outputs counted in another way."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.net import Neighbour, NetDevice, TaskSockets, TaskSocketStructures
from tests.parsers.recorded import each, output, parsed
from tests.strategies import DEVICE_NAMES, IP_ADDRESSES, LONG_ADDRESSES

TASK = 'PID: 2517   TASK: c1598000  CPU: 1   COMMAND: "rlogin"\n'
TITLES = "FD   SOCKET     SOCK    FAMILY:TYPE         SOURCE-PORT     DESTINATION-PORT\n"
ARP = "NEIGHBOUR        IP ADDRESS      HW TYPE    HW ADDRESS         DEVICE  STATE\n"


def test_devices_of_a_2_2_kernel() -> None:
    text = " DEVICE   NAME   IP ADDRESS(ES)\nc1598000  lo     127.0.0.1\nc1598100  eth0   \n"
    assert [(d.name, d.addresses) for d in parse("net", text)] == [("lo", ("127.0.0.1",)), ("eth0", ())]


def test_all_addresses_since_8_0_3() -> None:
    text = "   NET_DEVICE     NAME       IP ADDRESS(ES)\nffff8a6cc1b78000  lo         127.0.0.1, ::1\n"
    assert parse("net", text).one().addresses == ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    "row",
    [
        "ffff8a6cc1b78000  lo  127.0.0.1,",
        "ffff8a6cc1b78000",
        "ffff8a6cc1b78000  a b  127.0.0.1",
        "lo  127.0.0.1",
    ],
)
def test_a_device_that_is_none(row: str) -> None:
    with pytest.raises(ParseError):
        parse("net", f"   NET_DEVICE     NAME       IP ADDRESS(ES)\n{row}\n")


def test_a_device_without_hardware_address_that_is_named_like_one() -> None:
    row = f"{0xFFFF888003A54000:<16x} {'10.0.0.1':<16}{'UNKNOWN':<10}  ab      NOARP\n"
    assert parse("net -a", ARP + row).one() == Neighbour(
        neighbour=0xFFFF888003A54000,
        address="10.0.0.1",
        hw_type="UNKNOWN",
        hw_address=None,
        device="ab",
        states=("NOARP",),
    )


def test_an_entry_without_state() -> None:
    row = f"{0xFFFF888003A54000:<16x} {'10.0.0.1':<16}{'ETHER':<10} 02:00:00:00:01:01  eth0    \n"
    entry = parse("net -a", ARP + row).one()
    assert (entry.hw_address, entry.device, entry.states) == ("02:00:00:00:01:01", "eth0", ())


def test_an_empty_cache_prints_nothing_and_says_so() -> None:
    answer = parse("net -a", "")
    assert (len(answer), [notice.kind for notice in answer.warnings]) == (0, ["empty"])


def test_sockets_of_every_kind() -> None:
    rows = (
        " 3  c57375dc  c1ff1850  INET:STREAM      10.1.8.20-1023      10.1.16.62-513\n"
        " 4  c57375dd  c1ff1851  INET6:DGRAM  0:0:0:0:0:0:0:1-53  0:0:0:0:0:0:0:0-0\n"
        " 5  c57375de  c1ff1852  UNIX:STREAM \n"
        " 6  c57375df  c1ff1853  NETLINK/ROUTE:RAW \n"
        "10  c57375e0  c1ff1854  44:3 \n"
        "11  c57375e1  c1ff1855  INET6:STREAM (cannot get IPv6 addresses)\n"
    )
    sockets = parse("net -s 2517", TASK + TITLES + rows).one().sockets
    assert [(s.family, s.type) for s in sockets] == [
        ("INET", "STREAM"),
        ("INET6", "DGRAM"),
        ("UNIX", "STREAM"),
        ("NETLINK/ROUTE", "RAW"),
        ("44", "3"),
        ("INET6", "STREAM"),
    ]
    assert (sockets[0].source_address, sockets[0].destination_port) == ("10.1.8.20", 513)
    assert (sockets[1].source_address, sockets[1].destination_address) == ("::1", "::")
    assert sockets[2].source_address is None


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("net", "   NET_DEVICE     NAME   IP ADDRESS(ES)\nffff8c3b10337000  lo     127.0.0.1, 127.0.0.999\n"),
        ("net", "   NET_DEVICE     NAME   IP ADDRESS(ES)\nffff8c3b10337000  lo     127.0.0.1.1\n"),
        (
            "net -a",
            f"{ARP}{0xFFFF888003A54000:<16x} {'10.0.0.256':<16}{'ETHER':<10} 02:00:00:00:01:01  eth0\n",
        ),
        (
            "net -s 2517",
            f"{TASK}{TITLES} 3  c57375dc  c1ff1850  INET:STREAM      10.1.8.320-1023      10.1.16.62-513\n",
        ),
        ("net -N 1", "1.2.3.400\n"),
    ],
)
def test_what_is_no_address_is_an_error(command: str, text: str) -> None:
    with pytest.raises(ParseError, match="expected a"):
        parse(command, text)


@pytest.mark.parametrize(("text", "complete"), [("No open sockets.\n", True), ("", False)])
def test_a_task_without_sockets_says_so_or_is_marked(text: str, complete: bool) -> None:  # noqa: FBT001 - a table's columns
    answer = parse("net -s 2517", TASK + text)
    assert (answer.one().sockets, answer.complete) == ((), complete)


def test_a_task_that_was_not_asked_for_is_refused() -> None:
    with pytest.raises(ParseError, match="wasn't asked for"):
        parse("net -s 1", TASK + "No open sockets.\n")


def test_structures_of_a_socket() -> None:
    text = (
        f"{TASK}FD   SOCKET     SOCK\n 3  c57375dc  c1ff1850\n\nstruct socket {{\n  state = SS_CONNECTED,\n"
        "  flags = 131072\n}\nstruct sock {\n  num = 1023\n}\n"
    )
    (socket,) = parse("net -S 2517", text).one().sockets
    assert [s.type for s in socket.structures] == ["struct socket", "struct sock"]
    assert socket.structures[1].value == {"num": 1023}


def test_a_socket_whose_structure_crash_cannot_show_is_marked() -> None:
    socket = "FD   SOCKET     SOCK\n 3  c57375dc  c1ff1850\n\nstruct socket {\n  flags = 1\n}\n"
    answer = parse("net -S 2517", f"{TASK}{socket}unable to display inet_sock structure\n")
    assert ([notice.kind for notice in answer.warnings], answer.complete) == (["error"], False)
    assert [len(one.structures) for one in answer.one().sockets] == [1]
    both = parse("net -S 2517", TASK + socket + socket.replace(" 3 ", " 4 ")).one()
    assert [one.fd for one in both.sockets] == [3, 4]
    with pytest.raises(ParseError, match="expected a row FD SOCKET SOCK"):
        parse("net -S 2517", TASK + socket.replace(" 3  c5", " 3  x5"))


@pytest.mark.parametrize("text", ["", "10.1.16\n", "10.1.16.62 x\n"])
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(ParseError):
        parse("net -N 1", text)


DEVICES = st.builds(
    NetDevice,
    net_device=LONG_ADDRESSES,
    name=DEVICE_NAMES,
    addresses=st.lists(IP_ADDRESSES, max_size=3).map(tuple),
)


@given(st.lists(DEVICES, max_size=5))
def test_printed_and_parsed_again_is_the_same(devices: list[NetDevice]) -> None:
    lines = [f"{d.net_device:x}  {d.name:<10} {', '.join(d.addresses)}\n" for d in devices]
    text = "   NET_DEVICE     NAME       IP ADDRESS(ES)\n" + "".join(lines)
    assert parse("net", text).records == tuple(devices)


@each("net", "net")
def test_each_line_is_a_device_and_each_address_an_address(case: Path) -> None:
    _, text = output(case)
    answer = parsed(case)
    assert len(answer) == len(text.splitlines()) - 1
    for device in answer:
        assert isinstance(device, NetDevice)
        assert [str(ipaddress.ip_address(address)) for address in device.addresses] == list(device.addresses)


@each("net", "net_-a")
def test_each_line_is_a_neighbour(case: Path) -> None:
    _, text = output(case)
    answer = parsed(case)
    assert len(answer) == len(text.splitlines()) - 1
    for entry, line in zip(answer, text.splitlines()[1:], strict=True):
        assert isinstance(entry, Neighbour)
        assert line.split()[-1].split("|") == list(entry.states)


@each("net", "net_-s_*pid")
def test_sockets_are_counted(case: Path) -> None:
    _, text = output(case)
    tasks = [task for task in parsed(case) if isinstance(task, TaskSockets)]
    assert sum(len(task.sockets) for task in tasks) == len(
        re.findall(r"^ *\d+ [0-9a-f]{16} ", text, re.MULTILINE)
    )
    assert len(tasks) == text.count("COMMAND: ")


@each("net", "net_-S_*")
def test_structures_name_the_sock_that_the_table_names(case: Path) -> None:
    for task in parsed(case):
        assert isinstance(task, TaskSocketStructures)
        for socket in task.sockets:
            sk = socket.structures[0].value["sk"]
            assert getattr(sk, "address", sk) == socket.sock
