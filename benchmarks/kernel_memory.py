"""What memory, types and symbols of a dump cost, on each crash that is there.

Usage: scripts/benchmark kernel_memory [--repeat N] [--dump NAME] [--crash VERSION]

Each line is the best and the median of N runs, each on an empty cache, in one session. The peer reads the
same ranges of the same dump in the same run. What crash alone costs is written beside ours: the same commands
without our bookkeeping.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.given import dump_folder, fail
from crashdrive.cache.store import Store
from crashdrive.kernel.memory.bulk import Memory
from crashdrive.kernel.symbols.lookup import Symbols
from crashdrive.kernel.types.layouts import Layouts
from crashdrive.session import Session

LAB = Path(__file__).resolve().parents[1] / ".lab"
TARGETS = {"8.0.2": "6.1-elf-sysrq", "8.0.6": "6.12-elf-sysrq", "9.0.2": "6.12-elf-sysrq"}
TYPES = [
    "task_struct",
    "sock",
    "net_device",
    "super_block",
    "inode",
    "dentry",
    "file",
    "page",
    "mm_struct",
    "vm_area_struct",
    "files_struct",
    "fs_struct",
    "nsproxy",
    "net",
    "signal_struct",
    "sighand_struct",
    "cred",
    "pid",
    "upid",
    "pid_namespace",
    "tcp_sock",
    "udp_sock",
    "inet_sock",
    "unix_sock",
    "socket",
    "sk_buff",
    "proto",
    "inet_hashinfo",
    "inet_ehash_bucket",
    "list_head",
    "hlist_head",
    "hlist_node",
    "rb_root",
    "rb_node",
    "xarray",
    "xa_node",
    "radix_tree_root",
    "maple_tree",
    "maple_node",
    "mount",
    "vfsmount",
    "module",
    "kmem_cache",
    "slab",
    "rq",
    "cfs_rq",
    "task_group",
    "cgroup",
    "bio",
    "request",
    "request_queue",
    "gendisk",
    "block_device",
]


class Report:
    """Prints one line per measurement."""

    def __init__(self, repeat: int) -> None:
        self.repeat = repeat

    def __call__(self, name: str, work: Callable[[], object], *, once: bool = False) -> float:
        times = []
        for _ in range(1 if once else self.repeat):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        print(f"  {name:58} {min(times):8.4f} s  median {statistics.median(times):8.4f} s", flush=True)
        return min(times)


def scattered(base: int, count: int, size: int) -> list[tuple[int, int]]:
    """Ranges in as many different pages all over memory."""
    pages = random.Random(1).sample(range(4096, 4096 + 100_000), count)  # noqa: S311 - a sample
    return [(base + page * 4096 + 512, size) for page in pages]


def read_all(session: Session, ranges: list[tuple[int, int]]) -> None:
    Memory(session).gather(ranges)


def read_each(read: Callable[[int, int], bytes], ranges: list[tuple[int, int]]) -> None:
    for address, size in ranges:
        read(address, size)


def bare_reads(session: Session, ranges: list[tuple[int, int]]) -> None:
    """The same bytes with nothing checked: the least that this way can cost."""
    received = bytearray()
    commands = [f"rd -r {session.fifo} {address:x} {size}" for address, size in ranges]
    session.stream(commands, received.extend)
    if len(received) != sum(size for _, size in ranges):
        raise SystemExit("the dump has holes: take one without")


def memory(report: Report, session: Session, base: int, peer: Callable[[int, int], bytes] | None) -> None:
    wanted = scattered(base, 20_000, 512)
    slabs = [(base + (16 << 20) + index * 0x18000, 0x8000) for index in range(2820)]
    whole = [(base + (16 << 20), 64 << 20)]
    for name, ranges in (
        ("20,000 scattered reads of 512 bytes", wanted),
        ("2,820 slabs of 32 kB", slabs),
        ("64 MB in one piece", whole),
    ):
        report(name, partial(read_all, session, ranges))
        report(f"{name}: commands alone", partial(bare_reads, session, ranges))
        if peer is not None:
            report(f"{name}: drgn", partial(read_each, peer, ranges))
    warm = Memory(session)
    warm.prefetch(wanted[:10_000])
    report(
        "10,000 reads of what is at hand, one by one", lambda: [warm.read(*each) for each in wanted[:10_000]]
    )
    report("one cold read", lambda: Memory(session).read(*wanted[0]))


def types(report: Report, session: Session) -> None:
    names = [f"struct {name}" for name in TYPES]
    with tempfile.TemporaryDirectory(prefix="crashdrive-bench-") as folder:
        store = Store(folder)
        cold = Layouts(session, store, "bench")
        report(f"{len(names)} types, cold", lambda: cold.prefetch(names), once=True)
        print(f"    {cold.queries} queries, {store.size()} bytes kept")

        def kept() -> None:
            again = Layouts(session, Store(folder), "bench")
            again.prefetch(names)
            if again.queries:
                raise SystemExit("a kept type was asked for")

        report(f"{len(names)} types, kept", kept)
        offset = cold.offset
        report(
            "10,000 times offset('struct sock', '__sk_common.skc_state')",
            lambda: [offset("struct sock", "__sk_common.skc_state") for _ in range(10_000)],
        )


def symbols(report: Report, session: Session) -> None:
    with tempfile.TemporaryDirectory(prefix="crashdrive-bench-") as folder:
        store = Store(folder)
        report("one symbol", lambda: Symbols(session).address("init_task"))
        first = Symbols(session, store, "bench")
        report("all symbols, cold", lambda: first.lookup(0), once=True)
        report("all symbols, kept", lambda: Symbols(session, Store(folder), "bench").lookup(0))
        places = [first.address("schedule") + i for i in range(10_000)]
        report("10,000 addresses to symbols", lambda: [first.lookup(place) for place in places])


def peer_of(vmlinux: Path, vmcore: Path) -> Callable[[int, int], bytes] | None:
    try:
        import drgn  # noqa: PLC0415 - the peer need not be there
    except ImportError:
        return None
    program = drgn.Program()
    program.set_core_dump(vmcore)
    program.load_debug_info([vmlinux])
    read: Callable[[int, int], bytes] = program.read
    return read


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--dump")
    parser.add_argument("--crash", action="append")
    options = parser.parse_args()
    if options.dump:
        dump_folder(LAB / "dumps" / options.dump)
    report = Report(options.repeat)
    measured = False
    for version, name in TARGETS.items():
        folder, crash = LAB / "dumps" / (options.dump or name), LAB / "crash" / version / "crash"
        if (options.crash and version not in options.crash) or not crash.exists() or not folder.exists():
            continue
        measured = True
        print(f"crash {version}, {folder.name} (load {os.getloadavg()[0]:.1f})")
        vmlinux, vmcore = folder / "vmlinux", folder / "vmcore"
        with Session.open(vmlinux, vmcore, crash=[str(crash)]) as session:
            said = session.run("p/x page_offset_base").check().text
            base = int(said.split("= ")[1], 16)
            memory(report, session, base, peer_of(vmlinux, vmcore))
            types(report, session)
            symbols(report, session)
    if not measured:
        fail("no dump with its crash in the laboratory: scripts/lab makes them")


if __name__ == "__main__":
    main()
