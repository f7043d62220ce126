"""Netfilter's hooks against the rule sets of the guest: each chain and table with a hook is there."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import Namespace, namespaces

FAMILIES = {"inet": ("ipv4", "ipv6"), "ip": ("ipv4",), "ip6": ("ipv6",), "arp": ("arp",),
            "netdev": ("netdev",)}  # fmt: skip
HOOKED = re.compile(r'\s+type (\w+) hook (\w+)(?: device "\w+")? priority ([-\w]+)(?: ([-+] \d+))?;')
PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
LEGACY = {"PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output",
          "POSTROUTING": "postrouting"}  # fmt: skip


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("netfilter", rules=True)


def rows_of(reported: Report, truth: Namespace) -> list[Any]:
    return [row for row in reported.table("hooks").rows if row.netns == truth.label]


def told_chains(truth: Namespace) -> list[tuple[str, str, str, int]]:
    """(family, hook, type, priority) of every chain with a hook, by what nft list ruleset printed.

    Those of tables that sleep aren't hooked.
    """
    found = []
    text = (truth.folder / "cmd/nft-ruleset").read_text()
    family, awake = "", True
    for line in text.splitlines():
        if table := re.match(r"table (\w+) ", line):
            family, awake = table[1], True
        elif line.strip() == "flags dormant":
            awake = False
        elif awake and (chain := HOOKED.match(line)):
            number = int(chain[3]) if re.fullmatch(r"-?\d+", chain[3]) else PRIORITIES[chain[3]]
            number += int((chain[4] or "0").replace(" ", ""))
            found += [(each, chain[2], chain[1], number) for each in FAMILIES[family]]
    return found


def test_chains_of_nf_tables(lab: Any, reported: Report) -> None:
    compared = 0
    for truth in namespaces(lab):
        rows = rows_of(reported, truth)
        told = told_chains(truth)
        ours = [(row.family, row.hook, row.priority) for row in rows if row.kind == "nf_tables"]
        assert sorted(ours) == sorted((f, h, p) for f, h, kind, p in told if kind != "nat")
        # those for NAT are called by nf_nat's function
        nat = {(row.family, row.hook, row.priority) for row in rows if row.module == "nf_nat"}
        assert {(f, h, p) for f, h, kind, p in told if kind == "nat"} <= nat
        compared += len(told)
    assert compared >= 10


@pytest.mark.parametrize(
    ("file", "family"), [("iptables-legacy-save", "ipv4"), ("ip6tables-legacy-save", "ipv6")]
)
def test_tables_of_iptables(lab: Any, reported: Report, file: str, family: str) -> None:
    initial = namespaces(lab)[0]
    text = (initial.folder / "cmd" / file).read_text()
    told = set()
    for table, body in re.findall(r"^\*(\w+)\n(.*?)^COMMIT", text, re.DOTALL | re.MULTILINE):
        if table != "nat":
            hooks = [LEGACY[name] for name in re.findall(r"^:(\w+) [A-Z]", body, re.MULTILINE)]
            told |= {(family, hook, PRIORITIES[table]) for hook in hooks}
    rows = [row for row in rows_of(reported, initial) if row.family == family]
    ours = [row for row in rows if re.match(r"ip6?t_do_table|ip6?table_\w+_hook", row.function)]
    assert told
    assert {(row.family, row.hook, row.priority) for row in ours} == told
    assert len(ours) == len(told)


def test_in_the_order_of_calls(lab: Any, reported: Report) -> None:
    for truth in namespaces(lab):
        places: dict[tuple[str, str], list[int]] = {}
        for row in rows_of(reported, truth):
            places.setdefault((row.family, row.hook), []).append(row.priority)
        assert places
        assert all(order == sorted(order) for order in places.values())


def test_functions_are_symbols(reported: Report) -> None:
    rows = reported.table("hooks").rows
    assert all(re.fullmatch(r"[a-z]\w+", row.function) for row in rows)
    names = {(row.function, row.module, row.priority_name) for row in rows}
    assert ("ipv4_conntrack_in", "nf_conntrack", "conntrack") in names
    assert ("ipv4_conntrack_defrag", "nf_defrag_ipv4", "conntrack_defrag") in names


def test_chains_as_nft_lists_them(lab: Any, reported: Report) -> None:
    chains = reported.table("chains").rows
    objects = json.loads((lab.folder / "truth/cmd/nft-ruleset-json").read_text())["nftables"]
    initial = namespaces(lab)[0].label
    ours = [row for row in chains if row.netns == initial]
    rules = [one["rule"] for one in objects if "rule" in one]
    told = []
    for chain in (one["chain"] for one in objects if "chain" in one):
        place = (chain["family"], chain["table"], chain["name"])
        count = sum((rule["family"], rule["table"], rule["chain"]) == place for rule in rules)
        facts = tuple(chain.get(name) for name in ("type", "hook", "prio", "policy"))
        told.append((*place, chain["handle"], *facts, count))
    assert len(told) >= 4
    assert sorted(told) == sorted(
        (r.family, r.table, r.chain, r.handle, r.type, r.hook, r.priority, r.policy, r.rules) for r in ours
    )
    for truth in namespaces(lab):
        text = (truth.folder / "cmd/nft-ruleset").read_text()
        names = re.findall(r"^\s+chain (\S+) \{", text, re.MULTILINE)
        assert sorted(names) == sorted(row.chain for row in chains if row.netns == truth.label)


SAVED = (("iptables-legacy-save", "ipv4"), ("ip6tables-legacy-save", "ipv6"))
# matches without words of ours; the rules show them marked, with their arguments in hexadecimal
WORDLESS = re.compile(r"-m (hashlimit|rt|frag) .*?(?= -[mj] |$)")


def saved(truth: Namespace) -> Iterator[tuple[str, str, str]]:
    """(family, table, line) of all that iptables-save -c printed."""
    for file, family in SAVED:
        path = truth.folder / "cmd" / file
        for table, body in re.findall(
            r"^\*(\w+)\n(.*?)^COMMIT", path.read_text() if path.exists() else "", re.DOTALL | re.MULTILINE
        ):
            yield from ((family, table, line) for line in body.splitlines())


def counted(text: str) -> tuple[int, int]:
    """Packets and bytes out of ``[7:777]``."""
    packets, size = text.strip("[]").split(":")
    return int(packets), int(size)


def test_rules_of_iptables(lab: Any, reported: Report) -> None:
    """Each rule in its place and word by word; what counters had counted, and not less later on."""
    compared = 0
    for truth in namespaces(lab):
        told = [(*place, *line.split(" ", 1)) for *place, line in saved(truth) if line.startswith("[")]
        ours = [row for row in reported.table("iptables_rules").rows if row.netns == truth.label]
        shown = [
            (r.family, r.table, re.sub(r" \[revision \d, arguments not decoded\]", "", r.rule)) for r in ours
        ]
        assert shown == [(f, t, WORDLESS.sub(r"-m \1", rule)) for f, t, _, rule in told]
        for row, (*_, counters, rule) in zip(ours, told, strict=True):
            assert row.packets >= counted(counters)[0], rule
            assert row.bytes >= counted(counters)[1], rule
            assert bool(row.undecoded) == bool(WORDLESS.search(rule)), rule
        compared += len(told)
    assert compared >= 6


def test_chains_of_iptables(lab: Any, reported: Report) -> None:
    for truth in namespaces(lab):
        told = [(*place, line[1:].split()) for *place, line in saved(truth) if line.startswith(":")]
        ours = [row for row in reported.table("iptables_chains").rows if row.netns == truth.label]
        places = [(row.family, row.table, row.chain, row.policy or "-") for row in ours]
        assert sorted(places) == sorted((f, t, words[0], words[1]) for f, t, words in told)
        counters = {(f, t, words[0]): counted(words[2]) for f, t, words in told}
        for row in ours:
            packets, size = counters[row.family, row.table, row.chain]
            assert (row.packets or 0, row.bytes or 0) >= (packets, size)


COUNTED = re.compile(r"counter pkts (\d+) bytes (\d+)|quota bytes \d+ consumed (\d+)")


def netlink_rules(truth: Namespace) -> dict[tuple[str, str, str, int], str]:
    """(family, table, chain, handle) -> what nft --debug=netlink printed of the rule."""
    path = truth.folder / "cmd/nft-ruleset-netlink"
    found: dict[tuple[str, str, str, int], str] = {}
    key: tuple[str, str, str, int] | None = None
    for line in path.read_bytes().decode("utf-8", "backslashreplace").splitlines() if path.exists() else ():
        if rule := re.match(r"(\w+) (\S+) ([^@\s]\S*) (\d+)(?: \d+)* *$", line):
            key = (rule[1], rule[2], rule[3], int(rule[4]))
            found[key] = ""
        elif line.startswith("  [ ") and key:
            found[key] = f"{found[key]} {line.strip()}".lstrip()
        elif not line.startswith("  "):
            key = None
    return found


# nft tells no arguments of iptables' matches and targets
EXTENSION = re.compile(r"\[ (match|target) name (\w+) rev (\d+) (.*?) \](?= \[|$)")


def test_rules_of_nf_tables(lab: Any, reported: Report) -> None:
    """Each rule, step by step; what counters had counted, and not less later on."""
    for truth in namespaces(lab):
        told = netlink_rules(truth)
        if not told and not (truth.folder / "cmd/nft-ruleset-netlink").exists():
            pytest.skip("this dump's guest didn't record nft --debug=netlink")
        rows = [row for row in reported.table("rules").rows if row.netns == truth.label]
        ours = {(row.family, row.table, row.chain, row.handle): row.rule for row in rows}
        shown = {key: EXTENSION.sub(r"[ \1 name \2 rev \3 ]", rule) for key, rule in ours.items()}
        assert {key: COUNTED.sub("counted", rule) for key, rule in shown.items()} == {
            key: COUNTED.sub("counted", rule) for key, rule in told.items()
        }
        for key, rule in told.items():
            for then, now in zip(COUNTED.findall(rule), COUNTED.findall(ours[key]), strict=True):
                assert all(int(a or 0) <= int(b or 0) for a, b in zip(then, now, strict=True)), key


def test_extensions_of_iptables_in_rules_of_nf_tables(lab: Any, reported: Report) -> None:
    """Their arguments, as iptables-nft-save printed them of the same rule."""
    for truth in namespaces(lab):
        saved_rules = re.findall(r"-A \w+ .*", (truth.folder / "cmd/iptables-nft-save").read_text())
        for row in reported.table("rules").rows:
            found = EXTENSION.findall(row.rule)
            if (
                row.netns == truth.label
                and found
                and not any("arguments not decoded" in one[3] for one in found)
            ):
                words = [
                    f"{'-m' if kind == 'match' else '-j'} {name} {more}" for kind, name, _, more in found
                ]
                assert any(all(one in rule for one in words) for rule in saved_rules), words


def test_comments_and_order_of_rules(lab: Any, reported: Report) -> None:
    compared = 0
    for truth in namespaces(lab):
        path = truth.folder / "cmd/nft-ruleset-json"
        if not path.exists():
            continue
        told = [one["rule"] for one in json.loads(path.read_text())["nftables"] if "rule" in one]
        rows = [row for row in reported.table("rules").rows if row.netns == truth.label]
        for row in rows:
            row_rules = [
                r for r in told if (r["family"], r["table"], r["chain"]) == (row.family, row.table, row.chain)
            ]
            same = [r for r in rows if (r.family, r.table, r.chain) == (row.family, row.table, row.chain)]
            assert [(r["handle"], r.get("comment")) for r in row_rules] == [
                (r.handle, r.comment) for r in same
            ]
        compared += len(rows)
    assert compared


def told(truth: Namespace, *kinds: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(kind, object) of what nft -j list ruleset printed."""
    path = truth.folder / "cmd/nft-ruleset-json"
    objects = json.loads(path.read_text())["nftables"] if path.exists() else []
    yield from ((kind, one) for each in objects for kind, one in each.items() if kind in kinds)


def plain(value: Any, kind: str) -> str:
    """A value of nft's JSON as reports show it."""
    if kind == "mark":
        return hex(value)
    return {6: "tcp", 17: "udp", 132: "sctp"}[value] if kind == "inet_proto" else str(value)


def ends(value: Any, kinds: list[str]) -> tuple[str, str]:
    """First and last key of an interval of nft's JSON."""
    match value:
        case {"concat": parts}:
            pairs = [ends(part, [kind]) for part, kind in zip(parts, kinds, strict=True)]
            return " . ".join(low for low, _ in pairs), " . ".join(high for _, high in pairs)
        case {"prefix": {"addr": address, "len": length}}:
            network = ipaddress.ip_network(f"{address}/{length}")
            return str(network[0]), str(network[-1])
        case {"range": [low, high]}:
            return plain(low, kinds[0]), plain(high, kinds[0])
    return plain(value, kinds[0]), plain(value, kinds[0])


def value_of(value: Any, kind: str) -> str | None:
    """What a map has for a key."""
    if value is None:
        return None
    if kind != "verdict":
        return ends(value, kind.split(" . "))[0]
    ((verdict, more),) = value.items()
    return f"{verdict} -> {more['target']}" if more else verdict


def told_element(one: Any, kinds: list[str], data: str | None) -> tuple[Any, ...]:
    """(key, its end, value, comment, counters, seconds left) of an element of nft's JSON."""
    key, value = one if isinstance(one, list) else (one, None)
    more = key["elem"] if isinstance(key, dict) and "elem" in key else {"val": key}
    low, high = ends(more["val"], kinds)
    counter = more.get("counter")
    shown = f"[ counter pkts {counter['packets']} bytes {counter['bytes']} ]" if counter else None
    return (
        low, None if high == low else high, value_of(value, data or ""), more.get("comment"), shown,
        more.get("timeout"), more.get("expires"),
    )  # fmt: skip


def test_sets_and_their_elements(lab: Any, reported: Report) -> None:
    """Both ways; an element's time runs on between the listing and the panic."""
    backends = set()
    for truth in namespaces(lab):
        sets = {
            (r.family, r.table, r.name): r
            for r in reported.table("sets").rows
            if r.netns == truth.label and "anonymous" not in r.flags
        }
        facts = {(one["family"], one["table"], one["name"]): one for _, one in told(truth, "set", "map")}
        assert set(sets) == set(facts)
        for key, one in facts.items():
            row = sets[key]
            kinds = one["type"] if isinstance(one["type"], list) else [one["type"]]
            data = one.get("map")
            assert (row.type, row.data_type, row.handle) == (" . ".join(kinds), data, one["handle"])
            assert (row.size, row.timeout) == (one.get("size"), one.get("timeout"))
            assert one.get("gc-interval") in (None, row.gc_interval)
            assert set(one.get("flags", ())) <= set(row.flags)
            ours = [
                (r.key, r.key_end, r.data, r.comment, r.expressions, r.timeout, r.expires)
                for r in reported.table("elements").rows
                if (r.netns, r.family, r.table, r.set) == (truth.label, *key)
            ]
            theirs = [told_element(element, kinds, data) for element in one.get("elem", ())]
            assert sorted(r[:5] for r in ours) == sorted(r[:5] for r in theirs)
            assert row.element_count == len(theirs)
            left = {r[:2]: r[5:] for r in ours}
            for element in theirs:
                timeout, expires = left[element[:2]]
                assert element[5] in (None, timeout)
                assert (element[6] is None) == (expires is None)
                assert element[6] is None or 0 <= element[6] + 1 - expires < 60
            backends.add(row.backend)
    assert {"rhash", "rbtree"} <= backends


def test_objects_and_flowtables(lab: Any, reported: Report) -> None:
    kinds = ("counter", "quota", "limit", "synproxy", "ct expectation", "ct timeout", "ct helper")
    compared = 0
    for truth in namespaces(lab):
        ours = {
            (r.type, r.family, r.table, r.name): r
            for r in reported.table("objects").rows
            if r.netns == truth.label
        }
        facts = {(kind, o["family"], o["table"], o["name"]): o for kind, o in told(truth, *kinds)}
        if (truth.folder / "cmd/nft-ruleset-json").exists():
            assert set(ours) == set(facts)
        for key, one in facts.items():
            row = ours[key]
            assert (row.handle, row.comment) == (one["handle"], one.get("comment"))
            match key[0]:
                case "counter":
                    packets, size = map(int, re.findall(r"\d+", row.content))
                    assert packets >= one["packets"]
                    assert size >= one["bytes"]
                case "quota":
                    said = f"quota bytes {one['bytes']} consumed {one['used']} flags {int(one['inv'])}"
                    assert row.content == said
                case "synproxy":
                    options = " ".join(one["flags"])
                    assert row.content == f"synproxy mss {one['mss']} wscale {one['wscale']} {options}"
                case "limit":
                    sizes = {"bytes": 1, "kbytes": 1 << 10, "mbytes": 1 << 20}
                    number = one["rate"] * sizes.get(one.get("rate_unit", ""), 1)
                    assert row.content.startswith(f"limit rate {number}/{one['per']} burst ")
            compared += 1
        flows = {
            (r.family, r.table, r.name, r.handle, r.hook, r.priority, tuple(sorted(r.devices)))
            for r in (reported.table("flowtables").rows if truth.label == "walls" else ())
        }
        assert flows == {
            (o["family"], o["table"], o["name"], o["handle"], o["hook"], o["prio"], tuple(sorted(o["dev"])))
            for _, o in told(truth, "flowtable")
        }
    assert compared


def test_complete(reported: Report) -> None:
    assert reported.complete, reported.warnings
