"""Routes, rules and next hops of real dumps, line by line against what ip said in the guest.

``ip -d`` says everything, so its text is compared whole, in its order; only the seconds until a route expires
go on running, and ip puts two blanks before an encapsulation.
``ip -j`` is compared field by field, /proc/net/route and ipv6_route with ``--classic``.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import recorded

# a machine that panicked counts on for a moment, until its memory is written
AFTERWARDS = 2
# ip -j puts what these hold among the route's own fields, under names that those have already
HIDING = {"ip", "ip6", "mpls"}


class Truth(NamedTuple):
    """A namespace's label and files; ``seconds`` from a file's reading to the panic."""

    label: str
    folder: Path
    files: dict[str, Any]
    prefix: str
    panic: float

    def text(self, name: str) -> str:
        return (self.folder / name).read_bytes().decode("utf-8", "backslashreplace")

    def lines(self, name: str) -> list[str]:
        return [line.rstrip().expandtabs() for line in self.text(name).split("\n") if line.strip()]

    def seconds(self, name: str) -> float:
        return float(self.panic - self.files[self.prefix + name]["before"])


def truths(lab: Any, report: Report) -> list[Truth]:
    about = json.loads((lab.folder / "dump.json").read_text())
    root = lab.folder / "truth"
    index = json.loads((root / "index.json").read_text())
    named = sorted(path.name for path in (root / "netns").iterdir())
    (initial,) = {row.netns for row in report.table("routes").rows} - set(named)
    panic = about["panic_uptime"]
    return [
        Truth(initial, root, index, "", panic),
        *(Truth(n, root / "netns" / n, index, f"netns/{n}/", panic) for n in named),
    ]


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("routing", details=True, all=True)


def rows(report: Report, table: str, truth: Truth, family: str | None = None) -> list[Any]:
    found = [row for row in report.table(table).rows if row.netns == truth.label]
    return [row for row in found if family is None or row.family == family]


# the text of ip -d


def plain(lines: list[str]) -> list[str]:
    return [re.sub(r"(?<=\S)  +", " ", re.sub(r"expires -?\d+sec", "expires", line)) for line in lines]


@pytest.mark.parametrize(("name", "family"), [("cmd/ip-route-all", None), ("cmd/ip-6-route-all", "inet6")])
def test_routes_as_ip_prints_them(lab: Any, reported: Report, name: str, family: str | None) -> None:
    for truth in truths(lab, reported):
        found = [line for row in rows(reported, "routes", truth, family) for line in row.lines]
        assert plain(found) == plain(truth.lines(name))


def test_expiry(lab: Any, reported: Report) -> None:
    for truth in truths(lab, reported):
        told = json.loads(truth.text("cmd/ip-6-route-all-json"))
        age = truth.seconds("cmd/ip-6-route-all-json")
        for said, row in zip(told, rows(reported, "routes", truth, "inet6"), strict=True):
            assert (row.expires_seconds is None) == ("expires" not in said)
            if row.expires_seconds is not None:
                assert -age - AFTERWARDS <= row.expires_seconds - said["expires"] <= 1


@pytest.mark.parametrize(("name", "family"), [("cmd/ip-rule", "inet"), ("cmd/ip-6-rule", "inet6")])
def test_rules_as_ip_prints_them(lab: Any, reported: Report, name: str, family: str) -> None:
    for truth in truths(lab, reported):
        # the guest has no /etc/protocols
        told = [line.replace("ipproto ipproto-6", "ipproto tcp") for line in truth.lines(name)]
        assert [row.text for row in rows(reported, "rules", truth, family)] == told


def test_nexthops_as_ip_prints_them(lab: Any, reported: Report) -> None:
    for truth in truths(lab, reported):
        found = [line for row in rows(reported, "nexthops", truth) for line in row.lines]
        assert found == plain(truth.lines("cmd/ip-nexthop"))


def test_exceptions_as_ip_prints_them(lab: Any, reported: Report) -> None:
    """Those that a route was made of, and each once: ip says it again for every route to the next hop."""
    for truth in truths(lab, reported):
        recorded(truth.folder, "cmd/ip-route-cached")
        told = plain(truth.lines("cmd/ip-route-cached"))
        shown = [row for row in rows(reported, "exceptions", truth) if row.was_used and not row.stale]
        found = plain([line for row in shown for line in row.lines])
        assert set(found) == set(told)
        six = plain(truth.lines("cmd/ip-6-route-cached"))
        assert sorted(line for line in found if " pref " in line) == sorted(six)


def test_exceptions_by_field(lab: Any, reported: Report) -> None:
    seen = set()
    for truth in truths(lab, reported):
        found = {
            (row.destination, table): row
            for row in rows(reported, "exceptions", truth)
            for table in row.route_tables
        }
        for name in ("cmd/ip-route-cached-json", "cmd/ip-6-route-cached-json"):
            recorded(truth.folder, name)
            age = truth.seconds(name)
            for said in json.loads(truth.text(name)):
                row = found[said["dst"], said["table"]]
                assert (row.gateway, row.device) == (said["gateway"], said["dev"])
                assert row.metrics == metrics(said)
                assert row.mtu == row.metrics.get("mtu")
                assert row.source_prefix == said.get("from")
                assert row.preference == said.get("pref")
                assert (row.expires_seconds is None) == ("expires" not in said)
                if row.expires_seconds is not None:
                    assert -age - AFTERWARDS <= row.expires_seconds - said["expires"] <= 1
                seen.add((row.family, row.redirected, row.mtu_locked, row.nexthop_id is not None))
    assert seen >= {
        ("inet", False, False, False), ("inet", True, False, False), ("inet", False, True, False),
        ("inet", False, False, True), ("inet6", False, False, False), ("inet6", True, False, False),
        ("inet6", False, False, True),
    }  # fmt: skip


# the fields, by ip -j


def destination(text: str, family: str) -> tuple[str, int]:
    if text == "default":
        return ("0.0.0.0", 0) if family == "inet" else ("::", 0)  # noqa: S104 # an address to compare
    network = ipaddress.ip_network(text)
    return str(network.network_address), network.prefixlen


def said_way(said: dict[str, Any]) -> dict[str, Any]:
    gateway = said.get("gateway") or said.get("via", {}).get("host")
    return {"gateway": gateway, "device": said.get("dev"), "flags": said["flags"]}


def said_fields(said: dict[str, Any], family: str) -> dict[str, Any]:
    where, length = destination(said["dst"], family)
    return {
        "type": said["type"], "destination": where, "prefix_length": length, "table": said["table"],
        "protocol": said["protocol"], "scope": said["scope"], "metric": said.get("metric", 0),
        "source": said.get("prefsrc"), "source_prefix": said.get("from"), "nexthop_id": said.get("nhid"),
        "preference": said.get("pref"), "tos": int(said.get("tos", "0"), 16),
        "metrics": metrics(said), **said_way(said),
        "nexthops": [said_way(hop) | {"weight": hop["weight"]} for hop in said.get("nexthops", ())],
    }  # fmt: skip


def metrics(said: dict[str, Any]) -> dict[str, Any]:
    """ip's words and units (milliseconds) as the kernel's: times in parts of them."""
    told = dict((said.get("metrics") or [{}])[0])
    names = {"congestion": "congctl", "ecn": "features"}
    parts = {"rtt": 8, "rttvar": 4}
    values = {name: value * parts[name] if name in parts else value for name, value in told.items()}
    return {names.get(name, name): 1 if name == "ecn" else value for name, value in values.items()}


def way(row: Any) -> dict[str, Any]:
    return {"gateway": row.gateway, "device": row.device, "flags": list(row.flags)}


def test_fields(lab: Any, reported: Report) -> None:
    for truth in truths(lab, reported):
        for name, family in (("cmd/ip-route-all-json", None), ("cmd/ip-6-route-all-json", "inet6")):
            found = rows(reported, "routes", truth, family)
            for said, row in zip(json.loads(truth.text(name)), found, strict=True):
                if said.get("encap") in HIDING:
                    continue
                told = said_fields(said, row.family)
                expected = {key: getattr(row, key) for key in told} | way(row)
                expected["nexthops"] = [way(hop) | {"weight": hop.weight} for hop in row.nexthops]
                assert expected == told


def test_rule_fields(lab: Any, reported: Report) -> None:
    for truth in truths(lab, reported):
        for name, family in (("cmd/ip-rule-json", "inet"), ("cmd/ip-6-rule-json", "inet6")):
            found = rows(reported, "rules", truth, family)
            for said, row in zip(json.loads(truth.text(name)), found, strict=True):
                prefix = f"{said['src']}/{said['srclen']}" if "srclen" in said else None
                ports = (said["dport_start"], said["dport_end"]) if "dport_start" in said else None
                users = (said["uid_start"], said["uid_end"]) if "uid_start" in said else None
                told = (said["priority"], prefix, said.get("table"), ports, users, said.get("goto"))
                assert told == (
                    row.priority, row.source, row.table, row.destination_ports, row.uid_range, row.goto,
                )  # fmt: skip
                assert ("not" in said) == ("not" in row.flags)
                assert said.get("iif") == row.input_device
                assert said.get("action", row.action) == row.action


# /proc/net/route and ipv6_route


@pytest.fixture(scope="module")
def classic(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("routing", classic=True)


def test_proc_route(lab: Any, reported: Report, classic: Report) -> None:
    for truth in truths(lab, reported):
        told = [proc_route(line.split()) for line in truth.lines("proc/net/route")[1:]]
        found = [
            (row.device or "*", row.destination, row.gateway, row.flag_bits, row.metric, row.genmask,
             row.mss, row.window, row.irtt_msec)
            for row in rows(classic, "routes", truth, "inet")
        ]  # fmt: skip
        assert found == told


def proc_route(words: list[str]) -> tuple[Any, ...]:
    addresses = [socket.inet_ntoa(bytes.fromhex(words[i])[::-1]) for i in (1, 2, 7)]
    numbers = tuple(int(words[i]) for i in (8, 9, 10))
    return (words[0], addresses[0], addresses[1], int(words[3], 16), int(words[6]), addresses[2], *numbers)


def test_proc_ipv6_route(lab: Any, reported: Report, classic: Report) -> None:
    for truth in truths(lab, reported):
        told = [proc_ipv6_route(line.split()) for line in truth.lines("proc/net/ipv6_route")]
        found = [
            (row.destination, row.gateway, row.flag_bits, row.metric, row.device)
            for row in rows(classic, "routes", truth, "inet6")
        ]
        assert sorted(found, key=str) == sorted([line for line in told if line is not None], key=str)


def proc_ipv6_route(words: list[str]) -> tuple[Any, ...] | None:
    """None for the entry that stands in an empty tree, which ip doesn't show either."""
    host, _, gateway = (socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[i])) for i in (0, 2, 4))
    flags, metric = int(words[8], 16), int(words[5], 16)
    if flags & 0x200 and metric == 0xFFFF_FFFF:
        return None
    return (f"{host}/{int(words[1], 16)}", gateway, flags, metric, words[9])


# the options, and what makes it hard


def test_options(lab: Any, reported: Report) -> None:
    crash = Crash(lab.session, keep=False)
    found = crash.report("routing", six=True, table="main", netns="red").table("routes")
    assert found.columns == ("lines",)
    assert "2001:db8:10::/64 dev eth0 proto kernel metric 256 pref medium" in {r.lines[0] for r in found.rows}
    everything = [r for r in reported.table("routes").rows if r.netns == "red" and r.family == "inet6"]
    assert [r.address for r in found.rows] == [r.address for r in everything if r.table == "main"]


def test_the_guest_has_what_makes_it_hard(reported: Report) -> None:
    found = reported.table("routes").rows
    assert len({row.table for row in found}) > 5
    assert {row.type for row in found} >= {"blackhole", "unreachable", "prohibit", "throw", "multicast"}
    assert {row.family for row in found if row.nexthop_id} == {row.family for row in found if row.nexthops}
    assert any(row.locked for row in found)
    assert any(row.tos for row in found)


def test_complete(reported: Report) -> None:
    assert reported.complete, reported.warnings
