"""PyKdump's API over a dump: reads that are at hand, types that are new, a naive walk over all sockets.

::

    scripts/benchmark pykdump_api .lab/dumps/6.1-elf-big [--crash BINARY] [--cold]

- 100,000 calls of ``readmem`` and of ``readPtr`` each (limit 0.5 s);
- a walk over the hash table of TCP, bucket by bucket and attribute by attribute, as scripts do it (limit 10 s
  for 39,500 sockets);
- a walk over the lists of each port's sockets by ``readSUListFromHead``, and attribute by attribute (the same
  limit);
- with ``--cold``, nothing kept of the kernel: a script that needs thirteen large types, against the start of
  crash itself (limit: 3 s more), and the same script again, with all that the first run kept (limit 0.5 s).

Limits are held to the seconds of the processor, crash's among them: on a busy machine they tell more.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import crashdrive
from benchmarks.given import dump_folder
from crashdrive.pykdump.imports import importable
from crashdrive.session.process import processor_seconds

CALLS = 100_000
LIMITS = {"readmem": 0.5, "readPtr": 0.5, "walk": 10.0, "list": 10.0, "types": 3.0, "again": 0.5}
TYPES = """
from pykdump.API import *
for name in ("task_struct", "sock", "tcp_sock", "net_device", "super_block", "inode", "dentry", "mm_struct",
             "page", "rq", "signal_struct", "file", "module"):
    print(name, SUInfo("struct " + name).PYT_size)
task = readSU("struct task_struct", sym2addr("init_task"))
print(task.comm, task.mm, task.signal.nr_threads)
"""


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """The processor's seconds, and the result; those by the clock are printed.

    The processor's are those of this process, of its children, and of processes that it has waited for.
    """
    start, before = time.perf_counter(), used()
    result = work()
    taken = used() - before
    print(f"  {time.perf_counter() - start:.3f} s by the clock")
    return taken, result


def used() -> float:
    """What this process, those below it that run, and those that it has waited for have taken."""
    own = os.getpid()
    total = sum(os.times()[:4])
    for pid in descendants(own):
        total += processor_seconds(pid) or 0.0
    return total


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process has started, and what these have."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                yield child
                yield from descendants(child)


def sockets(api: Any) -> Iterator[tuple[int, int, int, int]]:
    """State, ports and address of every socket in the table of established connections, one by one."""
    table = api.readSymbol("tcp_hashinfo")
    offset = api.member_offset("struct sock", "__sk_common.skc_nulls_node")
    for number in range(table.ehash_mask + 1):
        node = table.ehash[number].chain.first
        while not int(node) & 1:
            sock = api.readSU("struct sock", int(node) - offset)
            common = getattr(sock, "__sk_common")
            yield common.skc_state, common.skc_num, common.skc_dport, common.skc_daddr
            node = common.skc_nulls_node.next


def listed(api: Any) -> Iterator[tuple[int, int, int]]:
    """State, port and queued bytes of every socket that is bound, by the lists of the ports' owners."""
    # bhash2's buckets have the owners since 6.2 (936a192f9740)
    table = api.readSymbol("tcp_hashinfo")
    kind, buckets = "struct inet_bind_bucket", table.bhash
    if api.member_offset(kind, "owners") < 0:
        kind, buckets = "struct inet_bind2_bucket", table.bhash2
    for number in range(table.bhash_size):
        node = buckets[number].chain.first
        while node:
            port = api.container_of(node, kind, "node")
            owners = api.readSUListFromHead(
                api.Addr(port.owners), "skc_bind_node", "struct sock_common", maxel=1_000_000
            )
            for common in owners:
                sock = api.readSU("struct sock", int(common))
                yield common.skc_state, common.skc_num, sock.sk_wmem_queued
            node = node.next


def measure(dump: Path, binaries: list[str]) -> Iterator[tuple[str, float]]:
    """What is measured in one session: (name, seconds)."""
    with (
        crashdrive.open_dump(dump / "vmlinux", dump / "vmcore", crash=binaries) as crash,
        importable(crash),
    ):
        api = importlib.import_module("pykdump.API")

        place = api.sym2addr("init_task")
        yield "readmem", timed(lambda: [api.readmem(place + (i & 0xFFF), 8) for i in range(CALLS)])[0]
        yield "readPtr", timed(lambda: [api.readPtr(place + (i & 0xFF8)) for i in range(CALLS)])[0]
        seconds, found = timed(lambda: list(sockets(api)))
        print(f"{len(found)} sockets")
        yield "walk", seconds
        seconds, found = timed(lambda: list(listed(api)))
        print(f"{len(found)} sockets")
        yield "list", seconds


def cold(dump: Path, binaries: list[str]) -> Iterator[tuple[str, float]]:
    """How much longer than crash itself a script takes whose types nobody has asked for before; and again."""
    print("crash's own start")
    alone, _ = timed(partial(own_start, dump, binaries))
    with tempfile.TemporaryDirectory() as folder:
        print("first run")
        first, _ = timed(partial(run, dump, binaries, Path(folder)))
        print("second run")
        second, _ = timed(partial(run, dump, binaries, Path(folder)))
    print(f"crash alone {alone:.1f} s, the script {first:.1f} s, again {second:.2f} s")
    yield "types", first - alone
    yield "again", second


def own_start(dump: Path, binaries: list[str]) -> None:
    """Start crash on the dump, and end it."""
    command = [(binaries or ["crash"])[0], "-s", str(dump / "vmlinux"), str(dump / "vmcore")]
    subprocess.run(command, input=b"quit\n", check=True, stdout=subprocess.DEVNULL)


def run(dump: Path, binaries: list[str], folder: Path) -> None:
    """Run the script in a process of its own, which keeps what it keeps in a folder."""
    script = folder / "script.py"
    script.write_text(TYPES)
    words = [sys.executable, "-m", "crashdrive", "run", *(f"--crash={one}" for one in binaries)]
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder),
        "CRASHDRIVE_CACHE": str(folder / "cache"),
        "CRASHDRIVE_SESSION": "off",
    }
    command = [*words, str(dump / "vmlinux"), str(dump / "vmcore"), str(script)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """How many limits are passed over."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dump", type=Path)
    parser.add_argument("--crash", action="append", default=[])
    parser.add_argument("--cold", action="store_true")
    options = parser.parse_args()
    dump_folder(options.dump)
    slow = 0
    for name, seconds in (cold if options.cold else measure)(options.dump, options.crash):
        print(f"{name:8s} {seconds:7.3f} s (limit {LIMITS[name]} s)")
        slow += seconds > LIMITS[name]
    return slow


if __name__ == "__main__":
    sys.exit(main())
