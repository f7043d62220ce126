"""What crash's tables say of a dump, against what the guest's own /proc said right before it died."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from crashdrive.commands.files import files
from crashdrive.commands.ipcs import ipcs
from crashdrive.commands.kmem import kmem
from crashdrive.commands.mod import mod
from crashdrive.commands.mount import mount
from crashdrive.commands.net import net
from crashdrive.commands.swap import swap
from crashdrive.commands.vm import vm
from crashdrive.parsers.ipcs import MessageQueue, SharedMemory
from crashdrive.parsers.vm import TaskMemory
from crashdrive.session import Session

pytestmark = pytest.mark.live

LAB = Path(__file__).resolve().parents[2] / ".lab"
# (dump, crash): each kernel with a crash that knows it in full.
PLACES = [("6.12-elf-sysrq", "9.0.2"), ("6.1-elf-sysrq", "8.0.6")]


class Place(NamedTuple):
    session: Session
    truth: Path


@pytest.fixture(scope="module", params=PLACES, ids="-".join)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    dump, version = request.param
    folder = LAB / "dumps" / dump
    crash = LAB / "crash" / version / "crash"
    if not (folder / "truth").exists() or not crash.exists():
        pytest.skip(f"no {dump} or no crash {version}; scripts/lab makes both")
    with Session.open(folder / "vmlinux", folder / "vmcore", crash=[str(crash)]) as session:
        yield Place(session, folder / "truth")


def lines(place: Place, name: str) -> list[list[str]]:
    return [line.split() for line in (place.truth / name).read_text().splitlines()]


def test_modules(place: Place) -> None:
    told = {(words[0], int(words[1]), int(words[5], 16)) for words in lines(place, "proc/modules")}
    assert {(m.name, m.size, m.base) for m in mod(place.session)} == told


def test_tainting_modules(place: Place) -> None:
    told = {words[0]: words[6].strip("()") for words in lines(place, "proc/modules") if len(words) > 6}
    assert {t.name: t.taints for t in mod(place.session, taints=True)} == told


def test_total_memory(place: Place) -> None:
    told = {words[0]: int(words[1]) for words in lines(place, "proc/meminfo")}
    uses = {use.name: use for use in kmem(place.session)}
    assert uses["TOTAL MEM"].pages * 4 == told["MemTotal:"]
    assert uses["TOTAL SWAP"].pages * 4 == told["SwapTotal:"]
    assert abs(uses["FREE"].pages * 4 - told["MemFree:"]) < 0.1 * told["MemTotal:"]


def test_slab_caches(place: Place) -> None:
    told = {(words[0], int(words[3])) for words in lines(place, "proc/slabinfo")[2:]}
    answer = kmem(place.session, "caches")
    # /proc shows an object's size with its padding, crash the object's own.
    assert {name for name, _ in told} == {cache.name for cache in answer}
    sizes = dict(told)
    assert all(cache.objsize is not None and cache.objsize <= sizes[cache.name] for cache in answer)


def unescaped(name: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), name)


def test_mounts(place: Place) -> None:
    told = {(w[2], unescaped(w[0]), unescaped(w[1])) for w in lines(place, "proc/mounts")}
    said = {(m.type, m.device, m.mount_point) for m in mount(place.session)}
    # of what `ip netns` mounted crash names a folder twice: /run/netns/netns/red
    told = {(kind, device, path.replace("/run/netns/", "/run/netns/netns/")) for kind, device, path in told}
    assert told == said


def test_device_names_and_addresses(place: Place) -> None:
    told = json.loads((place.truth / "cmd/ip-addr-json").read_text())
    v4 = {d["ifname"]: {a["local"] for a in d["addr_info"] if a["family"] == "inet"} for d in told}
    v6 = {d["ifname"]: {a["local"] for a in d["addr_info"] if a["family"] == "inet6"} for d in told}
    said = {d.name: set(d.addresses) for d in net(place.session)}
    assert said.keys() == v4.keys()
    for name, addresses in said.items():
        assert {a for a in addresses if ":" not in a} >= v4[name] - _peers(told, name)
        assert {a for a in addresses if ":" in a} == v6[name]


def _peers(told: list[dict[str, object]], name: str) -> set[str]:
    """Local addresses of point-to-point links, of which crash shows the peer's."""
    infos = [d["addr_info"] for d in told if d["ifname"] == name]
    return {a["local"] for info in infos for a in info if "address" in a}  # type: ignore[attr-defined]  # JSON


def test_neighbours(place: Place) -> None:
    # /proc lists what the host answers for others, too (flag 8); that is another table.
    told = {(w[0], w[3], w[5]) for w in lines(place, "proc/net/arp")[1:] if not int(w[2], 16) & 8}
    assert told <= {(n.address, n.hw_address, n.device) for n in net(place.session, arp=True)}


def test_swap(place: Place) -> None:
    told = {(words[0], int(words[2]), int(words[4])) for words in lines(place, "proc/swaps")[1:]}
    assert {(d.filename, d.size // 1024, d.priority) for d in swap(place.session)} == told


def test_ipcs(place: Place) -> None:
    shm = {(int(w[0]), int(w[1]), int(w[3])) for w in lines(place, "proc/sysvipc/shm")[1:]}
    queues = {(int(w[0]), int(w[1]), int(w[4])) for w in lines(place, "proc/sysvipc/msg")[1:]}
    records = ipcs(place.session).records
    assert {(r.key, r.shmid, r.bytes) for r in records if isinstance(r, SharedMemory)} == shm
    assert {(r.key, r.msqid, r.messages) for r in records if isinstance(r, MessageQueue)} == queues


def processes(place: Place) -> list[int]:
    """Processes with a memory map, from the truth."""
    found = sorted((place.truth / "proc").glob("[0-9]*/maps"), key=lambda p: int(p.parent.name))
    return [int(path.parent.name) for path in found if path.read_text().strip()]


def test_files_of_processes(place: Place) -> None:
    checked = 0
    for pid in processes(place)[:12]:
        path = place.truth / f"proc/{pid}/fd"
        told = {int(line.split(" ", 1)[0]) for line in path.read_text().splitlines() if line[:1].isdigit()}
        result = place.session.run(f"files {pid}")
        if result.ok and told:
            (task,) = files(place.session, pid).records
            assert {file.fd for file in task.files} == told
            checked += 1
    assert checked >= 3


def test_areas_of_processes(place: Place) -> None:
    checked = 0
    for pid in processes(place)[:12]:
        told = lines(place, f"proc/{pid}/maps")
        ranges = {w[0] for w in told if w[-1] != "[vsyscall]"}
        if place.session.run(f"vm {pid}").ok:
            task = vm(place.session, pid).one()
            assert isinstance(task, TaskMemory)
            assert {f"{a.start:08x}-{a.end:08x}" for a in task.areas} == ranges
            checked += 1
    assert checked >= 3
