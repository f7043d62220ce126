"""Qdiscs, classes and filters of real dumps against what tc said in the guest, line by line and both ways.

Packets go on after tc was asked: counters may have grown, and what waits may have been sent. All that was
configured must be equal. Where tc says more than is read (what filters match, times from its own now) or less
(tc 6.1 on 6.12) is named below.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.guest_truth import Namespace, namespaces

# what timers may send from tc's asking to the panic
PACKETS, BYTES = 400, 200_000
# classes are asked for long before the panic
SLOWLY = 5
# fq's bands, which that tc doesn't know
UNTOLD = re.compile(r" bands 3 priomap( \d+){16} weights( \d+){3}(?= quantum)")
# qdiscs that send slowly, on purpose: what waits there changes while the guest dies
SLOW = {"tbf", "htb", "cake", "hfsc", "netem", "codel", "pfifo_fast", "sfq", "fq_codel"}


class Block(NamedTuple):
    """What tc says of one: its first line, and counters."""

    head: str
    sent: tuple[int, int] | None
    lost: tuple[int, int, int] | None
    waiting: tuple[str, int] | None
    rest: tuple[str, ...]


def blocks(lines: list[str], word: str) -> Iterator[Block]:
    """Of output that has a line with this word at the start of each."""
    starts = [i for i, line in enumerate(lines) if line.startswith(f"{word} ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        yield block([line.rstrip() for line in lines[start:end] if line.strip()])


def block(lines: list[str]) -> Block:
    text = "\n".join(lines[1:])
    sent = re.search(r"^ Sent (\d+) bytes (\d+) pkt", text, re.MULTILINE)
    lost = re.search(r"\(dropped (\d+), overlimits (\d+) requeues (\d+)\)", text)
    waiting = re.search(r"backlog (\S+) (\d+)p", text)
    # mqprio's goes over several lines
    more = [line.strip() for line in lines[1:] if re.match(r" +(queues|mode|shaper):", line)]
    rest = [line for line in lines[1:] if line.startswith("  ") and line.strip() not in more]
    return Block(
        re.sub(r" +", " ", " ".join([lines[0], *more])),
        (int(sent[1]), int(sent[2])) if sent else None,
        (int(lost[1]), int(lost[2]), int(lost[3])) if lost else None,
        (waiting[1], int(waiting[2])) if waiting else None,
        tuple(rest),
    )


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    return Crash(lab.session, keep=False).report("qdisc", all=True)


@pytest.fixture(scope="module")
def told(lab: Any) -> list[Namespace]:
    return namespaces(lab)


def texts(report: Report, table: str, label: str) -> list[str]:
    rows = report.table(table).rows
    return [UNTOLD.sub("", line) for row in rows if row.netns == label for line in row.lines]


def said(folder: Path, name: str) -> list[str]:
    path = folder / "cmd" / name
    return path.read_bytes().decode("utf-8", "backslashreplace").split("\n") if path.exists() else []


def compare(found: list[Block], theirs: list[Block]) -> None:
    assert Counter(one.head for one in found) == Counter(one.head for one in theirs)
    there = {one.head: one for one in theirs}
    for one in found:
        other = there[one.head]
        assert (one.sent is None, one.lost is None) == (other.sent is None, other.lost is None), one.head
        slow = one.head.split()[1] in SLOW
        if one.sent and other.sent:
            assert 0 <= one.sent[0] - other.sent[0] <= BYTES * (SLOWLY if slow else 1), one.head
            assert 0 <= one.sent[1] - other.sent[1] <= PACKETS * (SLOWLY if slow else 1), one.head
        if not slow:
            assert (one.lost, one.waiting) == (other.lost, other.waiting), one.head
        elif one.lost and other.lost:
            grown = [ours - said for ours, said in zip(one.lost, other.lost, strict=True)]
            assert all(0 <= more <= PACKETS * SLOWLY for more in grown), one.head


def without_mode(one: Block) -> Block:
    """6.1 doesn't tell mqprio's mode where it is the usual one."""
    return one._replace(head=one.head.replace(" mode:dcb shaper:dcb", ""))


def test_qdiscs(reported: Report, told: list[Namespace]) -> None:
    for truth in told:
        found = map(without_mode, blocks(texts(reported, "qdiscs", truth.label), "qdisc"))
        theirs = map(without_mode, blocks(said(truth.folder, "tc-qdisc"), "qdisc"))
        # tc has it in figures, which are hexadecimal ones
        compare(
            list(found), [one._replace(head=re.sub(r"default 1$", "default 0x1", one.head)) for one in theirs]
        )


def names(line: str) -> list[str]:
    return re.findall(r"[a-z_]+", line)


def test_what_each_kind_counts(reported: Report, told: list[Namespace]) -> None:
    """The names below the counters; the numbers where nothing is sent slowly."""
    for truth in told:
        theirs = {one.head: one for one in blocks(said(truth.folder, "tc-qdisc"), "qdisc")}
        for one in blocks(texts(reported, "qdiscs", truth.label), "qdisc"):
            kind, other = one.head.split()[1], theirs.get(one.head)
            if other is None or kind in {"fq", "pfifo_fast"}:
                continue  # in more words than that tc knows
            if kind in SLOW and other.waiting != ("0b", 0):
                assert [names(line)[0] for line in one.rest] == [names(line)[0] for line in other.rest]
            elif kind != "cake":
                assert one.rest == other.rest


def devices(truth: Namespace, prefix: str) -> list[str]:
    return sorted(path.name.removeprefix(prefix) for path in (truth.folder / "cmd").glob(f"{prefix}*"))


def test_classes(reported: Report, told: list[Namespace]) -> None:
    checked = 0
    for truth in told:
        for device in devices(truth, "tc-class-"):
            lines = texts(reported, "classes", truth.label)
            found = [one for one in blocks(lines, "class") if f" dev {device} " in one.head]
            theirs = [
                one._replace(head=re.sub(r"^(class \S+ \S+) ", rf"\1 dev {device} ", one.head))
                for one in blocks(said(truth.folder, f"tc-class-{device}"), "class")
            ]
            # flows come and go
            steady = [[one for one in some if not flow(one)] for some in (found, theirs)]
            compare(*steady)
            checked += len(theirs)
    assert checked


def flow(one: Block) -> bool:
    return one.head.split()[1] in {"cake", "fq_codel", "sfq"}


def test_classes_hold_what_their_qdisc_holds(reported: Report) -> None:
    """Flows of a qdisc have all of its packets."""
    for qdisc in reported.table("qdiscs").rows:
        if qdisc.kind in {"fq_codel", "sfq", "prio", "mq", "multiq"}:
            own = [
                one
                for one in reported.table("classes").rows
                if (one.netns, one.device) == (qdisc.netns, qdisc.device)
                and one.kind == qdisc.kind
                and one.handle.startswith(qdisc.handle)
            ]
            assert sum(one.qlen for one in own) == qdisc.qlen - qdisc.held, qdisc.lines
            assert qdisc.held or sum(one.backlog for one in own) == qdisc.backlog, qdisc.lines
        if qdisc.kind == "pfifo_fast":
            assert sum(qdisc.details.band_packets) == qdisc.qlen
            assert sum(qdisc.details.band_bytes) == qdisc.backlog


PLACES = {"filter": "", "ingress": "ingress ", "egress": "egress "}
# what is behind a filter's handle and its class; u32 says first in which bucket it is
MATCHES = re.compile(
    r" (order \d+ key ht .*?)?(?=\*?flowid \S+:)|( terminal flowid)? not_in_hw.*| order \d+ key .*"
)


def test_filters(reported: Report, told: list[Namespace]) -> None:
    for truth in told:
        ours = Counter(texts(reported, "filters", truth.label))
        theirs: Counter[str] = Counter()
        asked = {("block", "")}
        for asking, place in PLACES.items():
            for device in devices(truth, f"tc-{asking}-"):
                for line in said(truth.folder, f"tc-{asking}-{device}"):
                    if line.startswith("filter block"):
                        theirs[plain(line)] = 1
                    elif line.startswith("filter "):
                        theirs[plain(line.replace("filter ", f"filter dev {device} {place}", 1))] += 1
                asked.add((device, place.strip()))
        # tc filter show tells those of the root, and not those of its classes
        found = Counter(
            {line: count for line, count in ours.items() if at(line) in asked and not of_class(line)}
        )
        assert found == theirs


def plain(line: str) -> str:
    return MATCHES.sub(" ", line.rstrip()).replace("*flowid", "flowid").replace("  ", " ").rstrip()


def at(line: str) -> tuple[str, str]:
    words = line.split()
    if words[1] == "block":
        return words[1], ""
    return words[2], words[3] if words[3] in {"ingress", "egress"} else ""


def of_class(line: str) -> bool:
    return re.search(r" parent [0-9a-f]+:[0-9a-f]", line) is not None


def test_typed(reported: Report) -> None:
    """What the records have is what was set up in the guest."""
    rows = {(row.device, row.kind): row for row in reported.table("qdiscs").rows}
    classes = {(row.device, row.handle): row for row in reported.table("classes").rows}
    codel = rows["veth0", "fq_codel"].details
    assert (codel.limit, codel.flows, codel.target, codel.interval) == (1000, 1024, 0.004999, 0.099999)
    assert (codel.ecn, codel.memory_limit, codel.ce_threshold) == (True, 32 << 20, None)
    assert rows["br0", "tbf"].details.rate == 100_000_000 // 8
    assert rows["dummy0", "htb"].details.default == 0x20
    htb = classes["dummy0", "1:10"]
    assert (htb.leaf, htb.parent, htb.details.rate, htb.details.prio) == ("10:", "1:1", 1_250_000, 1)
    assert rows["bond0", "prio"].details.bands == 4
    assert rows["dummy0", "sfq"].details.perturb == 10
    assert rows["lo", "noqueue"].details is None
    assert not any(row.unread for row in rows.values())
    assert reported.complete


def test_options(lab: Any) -> None:
    crash = Crash(lab.session, keep=False)
    found = crash.report("qdisc", device="veth0")
    assert [row.handle for row in found.table("qdiscs").rows] == ["1:", "12:", "11:", "ffff:"]
    assert [table.name for table in found.tables] == ["qdiscs"]
    assert not crash.report("qdisc", device="lo", busy=True).table("qdiscs").rows
    assert [table.name for table in crash.report("qdisc", filters=True, device="lo").tables] == [
        "qdiscs",
        "filters",
    ]
