"""Interfaces of real dumps against what ip, tc and /proc/net/dev said in the guest, both ways.

Counters go on counting after they were read: they may have grown, by what a guest that rests sends in that
time. Lifetimes have run on. Everything else must be equal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report

FOR_EVER = 0xFFFF_FFFF
AFTERWARDS = 2
# packets and bytes that timers may send from a file's reading to the panic; a slow guest's in so many seconds
PACKETS, BYTES, SECONDS = 60, 20_000, 5.0
# kinds that here drop what they are given
DROPPING = {"ifb", "macsec", "team"}


class Truth(NamedTuple):
    """A namespace's label and files; ``before``: the uptime at which each was read."""

    label: str
    folder: Path
    before: dict[str, float]
    panic: float
    recorded: bool

    def json(self, name: str) -> Any:
        return json.loads((self.folder / f"cmd/{name}").read_text())

    def age(self, name: str) -> float:
        return self.panic - self.before[name] + AFTERWARDS

    def most(self, name: str, number: int) -> float:
        """How many of something there may be since."""
        return number if self.recorded else number * max(1.0, self.age(name) / SECONDS)


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("interfaces", all=True)


@pytest.fixture(scope="module")
def told(lab: Any, reported: Report) -> list[Truth]:
    about = json.loads((lab.folder / "dump.json").read_text())
    root = lab.folder / "truth"
    index = json.loads((root / "index.json").read_text())
    named = sorted(path.name for path in (root / "netns").iterdir())
    initial = reported.table("interfaces").rows[0].netns
    folders = [(initial, root, ""), *((n, root / "netns" / n, f"netns/{n}/") for n in named)]
    return [
        Truth(
            label,
            folder,
            {
                name.removeprefix(prefix): entry["before"]
                for name, entry in index.items()
                if name.startswith((f"{prefix}cmd/", f"{prefix}proc/net"))
            },
            about["panic_uptime"],
            lab.recording is not None,
        )
        for label, folder, prefix in folders
    ]


def rows(report: Report, truth: Truth, table: str = "interfaces") -> list[Any]:
    return [row for row in report.table(table).rows if row.netns == truth.label]


def test_links(reported: Report, told: list[Truth]) -> None:
    for truth in told:
        found = {row.name: row for row in rows(reported, truth)}
        said = {link["ifname"]: link for link in truth.json("ip-link-json")}
        assert list(found) == list(said)
        if any("allmulti" in link for link in said.values()):  # the kernel tells it since 6.0
            assert {name: row.allmulti for name, row in found.items()} == {
                name: link["allmulti"] for name, link in said.items()
            }
        assert {name: link_of(row) for name, row in found.items()} == {
            name: said_of(link) for name, link in said.items()
        }


def link_of(row: Any) -> dict[str, Any]:
    return {
        "index": row.index, "flags": list(row.flags), "mtu": row.mtu, "qdisc": row.qdisc,
        "operstate": row.operstate, "length": row.tx_queue_length, "type": row.type, "mac": row.mac,
        "master": row.master, "kind": row.kind, "alias": row.alias, "group": row.group,
        "names": list(row.alternative_names), "tx": row.tx_queues, "rx": row.rx_queues,
        "promiscuity": row.promiscuity, "carrier": row.carrier_changes,
        "broadcast": row.broadcast, "link": row.link if row.link_netns is None else None,
        "apart": row.link_netns is not None,
    }  # fmt: skip


def said_of(link: dict[str, Any]) -> dict[str, Any]:
    group = link["group"]
    return {
        "index": link["ifindex"], "flags": link["flags"], "mtu": link["mtu"], "qdisc": link["qdisc"],
        "operstate": link["operstate"], "length": link.get("txqlen", 0), "type": link["link_type"],
        "mac": link.get("address"), "master": link.get("master"),
        "kind": link.get("linkinfo", {}).get("info_kind"), "alias": link.get("ifalias"),
        "group": 0 if group == "default" else int(group), "names": link.get("altnames", []),
        "tx": link["num_tx_queues"], "rx": link["num_rx_queues"], "promiscuity": link["promiscuity"],
        "carrier": link["stats64"]["tx"]["carrier_changes"],
        "broadcast": link.get("broadcast"), "link": link.get("link"), "apart": "link_netnsid" in link,
    }  # fmt: skip


def test_peers(reported: Report, told: list[Truth]) -> None:
    """Ends of veth pairs name each other, as ip does by index and namespace."""
    initial = told[0].label
    found = {(row.netns, row.name): row for row in reported.table("interfaces").rows}
    for end, peer in (((initial, "veth0"), ("red", "eth0")), ((initial, "port0"), ("blue", "eth0"))):
        assert (found[end].link_netns, found[end].link) == peer
        assert (found[peer].link_netns, found[peer].link) == end
    assert found[initial, "bond0"].lower == ("slave1", "slave2")
    moved = found["blue-green.1", "mac0"]
    assert (moved.link_netns, moved.link) == (initial, "dummy0")


def test_addresses(reported: Report, told: list[Truth]) -> None:
    for truth in told:
        found = {row.name: row.addresses for row in rows(reported, truth)}
        for link in truth.json("ip-addr-json"):
            said = link["addr_info"]
            assert [address_of(one) for one in found[link["ifname"]]] == [said_address(one) for one in said]
            for one, words in zip(found[link["ifname"]], said, strict=True):
                lifetime(one.valid_seconds, words["valid_life_time"], truth.age("cmd/ip-addr-json"))
                lifetime(one.preferred_seconds, words["preferred_life_time"], truth.age("cmd/ip-addr-json"))


# ip says dynamic where permanent is not set
FLAGS = ("secondary", "temporary", "deprecated", "tentative", "mngtmpaddr", "noprefixroute", "nodad")


def address_of(one: Any) -> tuple[Any, ...]:
    dynamic = set() if "permanent" in one.flags else {"dynamic"}
    flags = {flag for flag in one.flags if flag in FLAGS} | dynamic
    return (
        one.family, one.address, one.prefix_length, one.peer, one.broadcast, one.scope, one.label, flags,
    )  # fmt: skip


def said_address(said: dict[str, Any]) -> tuple[Any, ...]:
    return (
        said["family"], said["local"], said["prefixlen"], said.get("address"), said.get("broadcast"),
        said["scope"], said.get("label"), {flag for flag in (*FLAGS, "dynamic") if said.get(flag)},
    )  # fmt: skip


def lifetime(seconds: float | None, said: int, age: float) -> None:
    assert (seconds is None) == (said == FOR_EVER)
    if seconds is not None:
        assert said - age - 1 <= seconds <= said + 1


def test_proc_net_dev(reported: Report, told: list[Truth]) -> None:
    """Counters are /proc's, or have grown since."""
    names = (
        "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "rx_fifo_errors", "rx_frame_errors",
        "rx_compressed", "multicast", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped", "tx_fifo_errors",
        "collisions", "tx_carrier_errors", "tx_compressed",
    )  # fmt: skip
    # /proc adds these to those
    added = {"rx_dropped": ("rx_missed_errors",)}
    for truth in told:
        found = {row.name: row.statistics for row in rows(reported, truth)}
        lines = (truth.folder / "proc/net/dev").read_text().split("\n")[2:-1]
        said = {name.strip(): values.split() for name, values in (line.rsplit(":", 1) for line in lines)}
        assert said.keys() == found.keys()
        kinds = {link["ifname"]: row_kind(link) for link in truth.json("ip-link-json")}
        for device, values in said.items():
            for name, value in zip(names, map(int, values), strict=True):
                ours = [getattr(found[device], n) for n in (name, *added.get(name, ()))]
                most_now = truth.most("proc/net/dev", growth(name, kinds[device]))
                assert 0 <= sum(ours) - value <= most_now, (truth.label, device, name)


def test_all_counters(reported: Report, told: list[Truth]) -> None:
    """Each counter of ``ip -s -s link``, of drivers that keep their own, too."""
    for truth in told:
        found = {row.name: row.statistics for row in rows(reported, truth)}
        for link in truth.json("ip-link-json"):
            if row_kind(link) == "nlmon":  # it counts what those say who record it
                continue
            for way, counters in link["stats64"].items():
                for name, value in counters.items():
                    field = name if name in {"multicast", "collisions"} else f"{way}_{name}"
                    field = {"rx_otherhost": "rx_otherhost_dropped"}.get(field, field)
                    if field != "tx_carrier_changes":
                        ours = getattr(found[link["ifname"]], field)
                        most_now = truth.most("cmd/ip-link-json", growth(field, row_kind(link)))
                        assert 0 <= ours - value <= most_now, (truth.label, link["ifname"], field)


def growth(counter: str, kind: str | None) -> int:
    """How much a counter of a device of this kind may grow: reports and solicitations of IPv6 go on."""
    grows = "packets" in counter or counter == "multicast" or kind in DROPPING
    return BYTES if "bytes" in counter else PACKETS if grows else 0


def row_kind(link: dict[str, Any]) -> str | None:
    kind: str | None = link.get("linkinfo", {}).get("info_kind")
    return kind


def test_nothing_is_missing(reported: Report) -> None:
    assert all(row.statistics is not None for row in reported.table("interfaces").rows)
    assert [notice for notice in reported.warnings if "statistics" in notice.message] == []
    assert reported.complete


def ethtool(truth: Truth, option: str) -> dict[str, list[str]]:
    """The lines of ``ethtool`` with an option, by device."""
    start = f"ethtool-{option}-"
    paths = (truth.folder / "cmd").glob(f"{start}*")
    return {path.name.removeprefix(start): path.read_text().splitlines() for path in paths}


def words(lines: list[str]) -> dict[str, str]:
    """The last value of each name."""
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_features(reported: Report, told: list[Truth]) -> None:
    said = ethtool(told[0], "k")
    assert len(said) > 4
    for device, lines in said.items():
        found = {
            row.feature: state_of(row) for row in rows(reported, told[0], "features") if row.device == device
        }
        names = words(lines[1:])
        # headings of several
        groups = ("tx-checksumming", "scatter-gather", "tcp-segmentation-offload")
        assert found == {name: state for name, state in names.items() if name not in groups}


def state_of(row: Any) -> str:
    """As ethtool has it."""
    asked = "" if row.requested is None else f" [requested {'on' if row.requested else 'off'}]"
    return f"{'on' if row.on else 'off'}{' [fixed]' if row.fixed else asked}"


def test_drivers(reported: Report, told: list[Truth]) -> None:
    found = {row.name: row for row in rows(reported, told[0])}
    for device, lines in ethtool(told[0], "i").items():
        said = words(lines)
        assert found[device].driver == said.get("driver"), device
        if found[device].bus_info is not None:  # tun and bridges say something that isn't one
            assert found[device].bus_info == said["bus-info"]
    links = told[0].json("ip-link-json")
    tells = any("parentbus" in link for link in links)  # the kernel does since 5.14
    for link in links:
        row = found[link["ifname"]]
        if tells or row.parent_bus is None:
            assert (row.parent_bus, row.parent_device) == (link.get("parentbus"), link.get("parentdev"))
    assert found["eth0"].driver == "virtio_net"
    assert found["eth0"].bus_info is not None


def test_rings(reported: Report, told: list[Truth]) -> None:
    found = {row.name: row.rings for row in rows(reported, told[0])}
    for device, lines in ethtool(told[0], "g").items():
        if not lines or not lines[0].startswith("Ring parameters"):
            assert found[device] is None
            continue
        half = lines.index("Current hardware settings:")
        most, now = words(lines[:half]), words(lines[half:])
        ours = found[device]
        assert [ours.rx, ours.rx_max, ours.tx, ours.tx_max] == [
            int(half[way]) for way in ("RX", "TX") for half in (now, most)
        ]
    assert found["eth0"] is not None


def test_qdiscs(reported: Report, told: list[Truth]) -> None:
    truth = told[0]
    said = {(q["dev"], q["handle"], q["kind"], q.get("parent")): q for q in truth.json("tc-qdisc-json")}
    found = {(q.device, q.handle, q.kind, q.parent): q for q in rows(reported, truth, "qdiscs")}
    assert found.keys() == said.keys()
    for key, row in found.items():
        for name in ("qlen", "backlog", "drops", "requeues", "overlimits"):
            assert getattr(row, name) == said[key][name]
        assert 0 <= row.packets - said[key]["packets"] <= truth.most("cmd/tc-qdisc-json", PACKETS)
        assert 0 <= row.bytes - said[key]["bytes"] <= truth.most("cmd/tc-qdisc-json", BYTES)


def test_queues(reported: Report, told: list[Truth]) -> None:
    for truth in told:
        for row in rows(reported, truth):
            queues = [q for q in rows(reported, truth, "queues") if q.device == row.name]
            assert [q.queue for q in queues] == list(range(row.tx_queues))
            assert not any(q.stopped for q in queues if "LOWER_UP" in row.flags)


def test_options(lab: Any) -> None:
    found = Crash(lab.session, keep=False).report("interfaces", netns="red", device="far")
    assert [row.name for row in found.table("interfaces").rows] == ["far"]
    assert [table.name for table in found.tables] == ["interfaces", "addresses"]
    assert {line.address for line in found.table("addresses").rows} >= {"10.50.0.1/24", "2001:db8:50::1/64"}
