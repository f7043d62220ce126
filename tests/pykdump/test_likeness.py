"""PyKdump's programs as reports: what their options ask for, and sockets as they print them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from crashdrive.cli._front import _looked
from crashdrive.errors import EXIT_INCOMPLETE, EXIT_OK, UsageError
from crashdrive.linux.survey import Survey
from crashdrive.pykdump import asked
from crashdrive.pykdump.likeness import netfilter, routes, sockets, summary, tasks
from crashdrive.records import Notice, Report, Table
from crashdrive.reports import module_for
from crashdrive.session.health import HealthWarning

ANY = "0.0.0.0"  # noqa: S104 - an address that is shown


def socket(**values: Any) -> Any:
    known = {
        "proto": "tcp",
        "family": "inet",
        "state": "LISTEN",
        "local_address": ANY,
        "local_port": 22,
    }
    more = {"remote_address": ANY, "remote_port": 0, "address": 0xFF10, "recv_q": 0, "send_q": 0}
    return SimpleNamespace(**{**known, **more, "retransmits": 0, "timer_left": None, "inode": 7, **values})


def lines(rows: list[Any], verbosity: int = 0, **tables: list[Any]) -> list[str]:
    found = [Table(name="sockets", rows=cast("Any", rows))]
    found += [Table(name=name, rows=cast("Any", more)) for name, more in tables.items()]
    return list(sockets.lines(Report(report="netstat", tables=tuple(found)), verbosity))


def test_sockets_have_the_columns_of_xportshow() -> None:
    rows = [
        socket(),
        socket(proto="tcp6", local_address="::1", remote_address="::1", remote_port=44, state="ESTABLISHED"),
        socket(proto="udp", state="UNCONN", local_port=68),
        socket(proto="udp6", local_address="::", state="ESTABLISHED", remote_port=53),
        socket(proto="icmp", state="UNCONN", local_port=1),
        socket(proto="netlink"),
        socket(proto="unix", state="UNCONN", local_address="@abstract"),
    ]
    assert lines(rows) == [
        "tcp   0.0.0.0:22                 0.0.0.0:*                   LISTEN",
        "tcp6  ::1:22                     ::1:44                      ESTABLISHED",
        "udp   0.0.0.0:68                 0.0.0.0:*                  st=7",
        "udp6  :::22                      0.0.0.0:53                 ESTABLISHED",
        "raw   0.0.0.0:1                  0.0.0.0:*                  st=7",
        "unix   State          i_ino   Path",
        "-" * 34,
        "unix   CLOSE          7       @abstract",
    ]


def test_what_is_unread_is_no_zero_and_no_state() -> None:
    """A hole in the dump, as `?`: xportshow itself would have raised."""
    tcp = SimpleNamespace(
        address=0xFF10, receive_window=None, send_window=2, advertised_mss=3, receive_scale=4,
        send_scale=None, nodelay=None, cork=True, sack=None, timestamps=None, rto=None,
        last_received_ago=None, last_sent_ago=None, congestion_state=None,
    )  # fmt: skip
    said = lines([socket(state="ESTABLISHED", remote_address=None, remote_port=None)], 1, tcp=[tcp])
    assert said[2] == "tcp   0.0.0.0:22                 ?:?                         ESTABLISHED"
    assert "\tnonagle=? sack_ok=? tstamp_ok=?" in said
    udp = SimpleNamespace(address=0xFF10, pending_bytes=None, corked=None)
    assert "\tpending=?, corkflag=?, len=?" in lines([socket(proto="udp", state="UNCONN")], 1, udp=[udp])
    assert lines([socket(proto="udp", state=None, local_port=68)]) == [
        "udp   0.0.0.0:68                 0.0.0.0:*                  ?",
    ]


def test_listeners_have_their_queues() -> None:
    listener = SimpleNamespace(address=0xFF10, accept_queue=1, accept_limit=128, syn_queue=2, syn_young=1)
    entry = SimpleNamespace(listener_address=0xFF10, local="1.2.3.4:22", remote="5.6.7.8:9")
    assert lines([socket()], 2, listeners=[listener], accept_queues=[entry])[1:] == [
        "<struct tcp_sock 0xff10> \t\tTCP",
        "tcp   0.0.0.0:22                 0.0.0.0:*                   LISTEN",
        "\t family=PF_INET",
        "\t backlog=1(128)",
        "\t qlen=2 qlen_young=1",
        "    --- Accept Queue",
        "\tladdr=1.2.3.4:22                  raddr=5.6.7.8:9",
    ]


def test_connections_have_windows_buffers_and_ages() -> None:
    tcp = SimpleNamespace(
        address=0xFF10, receive_window=1, send_window=2, advertised_mss=3, receive_scale=4, send_scale=None,
        nodelay=True, cork=True, sack=True, timestamps=False, rto=0.2, last_received_ago=1.5,
        last_sent_ago=None, congestion_state="loss",
    )  # fmt: skip
    buffers = SimpleNamespace(address=0xFF10, rmem=5, wmem=6, rcvbuf=7, sndbuf=8)
    rows = [socket(state="ESTABLISHED", recv_q=9, send_q=10, retransmits=6)]
    assert lines(rows, 1, tcp=[tcp], buffers=[buffers])[3:] == [
        "\twindows: rcv=1, snd=2  advmss=3 rcv_ws=4 snd_ws=?",
        "\tnonagle=3 sack_ok=1 tstamp_ok=0",
        "\trmem_alloc=5, wmem_alloc=6",
        "\trx_queue=9, tx_queue=10",
        "\trcvbuf=7, sndbuf=8",
        "\trcv_tstamp=1.50 s, lsndtime=n/a ago,  RTO=200 ms",
        "    -- Retransmissions --",
        "       retransmits=6, ca_state=TCP_CA_Loss",
    ]


def names(found: list[asked.Asked]) -> list[str]:
    return [one.report for one in found]


def test_options_of_xportshow() -> None:
    assert names(asked.xportshow({})) == ["netstat"]
    only = asked.xportshow({"listening": True, "tcp": True, "tcpstate": "tcp_listen", "port": 22})[0].options
    assert (only["tcp"], only["udp"], only["all"], only["state"], only["port"]) == (
        True, False, False, ("LISTEN",), (22,),
    )  # fmt: skip
    assert asked.xportshow({"netns": "red"})[0].options["netns"] == "red"
    assert names(asked.xportshow({"route": True, "arp": True})) == ["routing", "neighbours"]
    assert asked.xportshow({"route": True})[0].options["classic"]
    assert asked.xportshow({"route": True, "verbose": 1})[0].options["all"]
    assert len(asked.xportshow({"everything": True})) > 8


def test_options_of_the_others() -> None:
    assert names(asked.crashinfo({})) == ["triage"]
    assert names(asked.crashinfo({"fast": True})) == ["sysinfo", "panic"]
    assert asked.crashinfo({"findstacks": "mutex_lock"})[0].options["function"] == "*mutex_lock*"
    assert names(asked.hanginfo({"syslogger": True})) == ["hang", "netstat"]
    assert asked.taskinfo({"taskfilter": "UN,RU"})[0].options["state"] == ("UN", "RU")
    assert names(asked.taskinfo({"hang": True})) == ["ps", "hang"]
    assert names(asked.xportshow({"decode": [("skb", 1), ("th", 2)], "devpack": True})) == [
        "devpack", "skb", "decode",
    ]  # fmt: skip
    assert names(asked.crashinfo({"pci": True, "radix_tree_element": (1, 2), "ls": "/"})) == [
        "pci", "tree", "ls",
    ]  # fmt: skip
    assert names(asked.taskinfo({"pidinfo": 1})) == ["ps", "stacks"]
    assert names(asked.nfsshow({"client": True})) == ["nfs"]


@pytest.mark.parametrize(
    ("program", "option"),
    [
        (asked.crashinfo, "ext3"),
        (asked.hanginfo, "saphana"),
    ],
)
def test_what_no_report_answers_is_refused_with_a_way(program: Any, option: str) -> None:
    with pytest.raises(UsageError, match=f"--{option}: .*--pykdump"):
        program({option: "x"})


EVERY = {
    asked.xportshow: ["all", "everything", "route", "rtcache", "interfaces", "skbuffhead", "arp",
                      "statistics", "summary", "softnet", "netfilter", "sysctl", "devpack"],
    asked.crashinfo: ["verbose", "sysctl", "blkreq", "filelock", "stacksummary", "findstacks", "workqueues",
                      "runq", "mutex", "umem", "pci"],
    asked.hanginfo: ["tree", "syslogger"],
    asked.taskinfo: ["summary", "hang", "pidinfo", "pstree", "memory", "ns"],
}  # fmt: skip


@pytest.mark.parametrize("program", EVERY)
def test_every_option_that_is_asked_for_is_one_of_the_report(program: Any) -> None:
    for option in EVERY[program]:
        value = "x" if option == "findstacks" else 1
        for one in program({option: value}):
            if one.looks is None:
                assert set(one.options) <= {known.name for known in module_for(one.report).OPTIONS}, one


def report(name: str, **tables: list[Any]) -> Report:
    found = tuple(Table(name=table, rows=cast("Any", rows)) for table, rows in tables.items())
    return Report(report=name, tables=found)


def test_what_is_unread_of_tasks_routes_and_sockets_is_no_zero() -> None:
    task = SimpleNamespace(
        pid=7, tgid=None, comm=None, cpu=None, state=None, state_seconds=None, running=False, uid=None
    )
    assert list(tasks.lines(report("ps", tasks=[task]), str))[3:] == [
        "      7              ?   ?              ?  ?               UID=?"
    ]
    neighbour = SimpleNamespace(
        family="inet", destination="10.0.0.1", mac=None, device=None, state="NONE", proxy=True
    )
    lines = list(routes.neighbours(report("neighbours", neighbours=[neighbour])))
    assert lines[3] == "10.0.0.1                                          ?       PROXY"
    state = SimpleNamespace(proto="tcp6", state=None, socket_count=3)
    totals = SimpleNamespace(nagle_disabled=0, udp=1, udp_connected=None)
    lines = list(summary.lines(report("netsummary", states=[state], totals=[totals])))
    assert "                  ?      3" in lines
    assert "  1 UDP sockets, ? in ESTABLISHED" in lines


def test_tasks_that_are_skipped_are_counted_and_none_is_shown_twice() -> None:
    rows = [
        SimpleNamespace(
            pid=pid, tgid=pid, comm="c", cpu=0, state="IN", state_seconds=9.0 - pid, running=False, uid=0
        )
        for pid in range(1, 8)
    ]
    said = list(tasks.lines(report("ps", tasks=rows), str, recent=True, most=3))
    assert said[0].endswith("recently first (4 tasks skipped) ===")
    assert [line.split()[0] for line in said[3:]] == ["7", "<snip>", "2", "1"]
    assert len(list(tasks.lines(report("ps", tasks=rows), str, most=7))) == 3 + 7


def test_a_task_without_a_pid_is_a_row_that_crash_is_not_asked_of() -> None:
    rows = [
        SimpleNamespace(
            pid=pid, tgid=None, comm="c", cpu=0, state="IN", state_seconds=None, running=False, uid=0
        )
        for pid in (7, None)
    ]
    asks: list[str] = []

    def ask(command: str) -> str:
        asks.append(command)
        return "a name with\x0can end of a page\n"

    said = list(tasks.lines(report("ps", tasks=rows), ask, recent=True, command="set"))
    assert asks == ["set 7"]
    assert [line.split()[0] for line in said if line.endswith("UID=0")] == ["?", "7"]
    assert "a name with\x0can end of a page" in said


@pytest.mark.parametrize(
    ("notice", "doubt", "status", "said"),
    [
        (False, False, EXIT_OK, ""),
        (True, False, EXIT_INCOMPLETE, "crashdrive: ls: incomplete: gone\n"),
        (False, True, EXIT_INCOMPLETE, "crashdrive: ls: incomplete: unsure\n"),
    ],
)
def test_what_no_report_has_is_as_incomplete_as_a_report(
    capsys: pytest.CaptureFixture[str], *, notice: bool, doubt: bool, status: int, said: str
) -> None:
    doubts = (HealthWarning(kind="k", message="unsure"),) if doubt else ()
    kernel = SimpleNamespace(symbol_doubts=doubts)
    crash: Any = SimpleNamespace(kernel=kernel, health=SimpleNamespace(of_memory=()))

    def looks(_: Any, survey: Survey) -> Iterator[str]:
        yield "a line\x1b"
        survey.miss([Notice(kind="hole", message="gone")] if notice else [], complete=not notice)

    assert _looked(crash, "ls", looks) == status
    assert capsys.readouterr() == ("a line\\x1b\n", said)


def test_hooks_of_netfilter_stand_below_their_family_and_hook() -> None:
    def hook(family: str, name: str, priority: int | None, function: str | None, device: str = "") -> Any:
        return SimpleNamespace(
            netns="init",
            family=family,
            hook=name,
            priority=priority,
            function=function,
            device=device or None,
        )

    found = [
        hook("ipv4", "prerouting", -400, "ipv4_conntrack_defrag"),
        hook("ipv4", "prerouting", -200, "ipv4_conntrack_in"),
        hook("ipv4", "input", None, None),
        hook("arp", "input", 0, "nft_do_chain_arp"),
        hook("netdev", "ingress", 0, "nft_do_chain_netdev", "lo"),
    ]
    report = Report(report="netfilter", tables=(Table(name="hooks", rows=cast("Any", found)),))
    assert list(netfilter.hooks(report)) == [
        "=====PROTO= PF_INET",
        "    NF_IP_PRE_ROUTING",
        "\tprio=-400,  hook=ipv4_conntrack_defrag",
        "\tprio=-200,  hook=ipv4_conntrack_in",
        "    NF_IP_LOCAL_IN",
        "\tprio=?,  hook=?",
        "=====PROTO= NFPROTO_ARP",
        "    NF_ARP_IN",
        "\tprio=0,  hook=nft_do_chain_arp",
        "=====PROTO= NFPROTO_NETDEV",
        "    NF_NETDEV_INGRESS  dev=lo",
        "\tprio=0,  hook=nft_do_chain_netdev",
    ]
