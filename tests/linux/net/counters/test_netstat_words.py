"""Counters in netstat's words: what it shows always, what only where it counted, and its two headings."""

from __future__ import annotations

from crashdrive.linux.net.counters.netstat_words import netstat_lines
from crashdrive.linux.net.counters.snmp import Counter


def lines(*counters: tuple[str, str, int | None]) -> list[str]:
    return list(netstat_lines(Counter(netns="init", group=g, name=n, value=v) for g, n, v in counters))


def test_words() -> None:
    assert lines(
        ("Ip", "Forwarding", 2), ("Ip", "DefaultTTL", 64), ("Ip", "InReceives", 0), ("Ip", "InHdrErrors", 0),
        ("Ip", "FragOKs", 3), ("Tcp", "MaxConn", -1), ("Tcp", "InSegs", 7),
    ) == [
        "Ip:", "    Forwarding: 2", "    0 total packets received", "    3 outgoing packets fragmented ok",
        "Tcp:", "    7 segments received",
    ]  # fmt: skip


def test_headings_of_messages() -> None:
    """They come once for each direction, also where no message came; names that have no words go on below."""
    assert lines(
        ("Icmp", "InMsgs", 4), ("Icmp", "InEchos", 0), ("Icmp", "InRedirects", 4), ("Icmp", "OutMsgs", 1),
        ("Icmp", "OutEchos", 1), ("IcmpMsg", "InType5", 4), ("Udp", "InCsumErrors", 1),
    ) == [
        "Icmp:", "    4 ICMP messages received", "    ICMP input histogram:", "        redirects: 4",
        "    1 ICMP messages sent", "    ICMP output histogram:", "        echo requests: 1",
        "IcmpMsg:", "        InType5: 4",
        "Udp:", "    InCsumErrors: 1",
    ]  # fmt: skip


def test_order_and_names_of_ipv6() -> None:
    assert lines(("Udp6", "InCsumErrors", 2), ("Xfrm", "InError", 1), ("Ip6", "InOctets", 5)) == [
        "Ip6:", "    Ip6InOctets: 5", "Udp6:", "    Udp6InCsumErrors: 2",
    ]  # fmt: skip


def test_numbers_that_are_not_known() -> None:
    assert lines(("TcpExt", "ListenDrops", None), ("TcpExt", "Other", None)) == [
        "TcpExt:", "    ? SYNs to LISTEN sockets dropped", "    Other: ?",
    ]  # fmt: skip
