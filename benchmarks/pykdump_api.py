"""PyKdump's API over a dump: reads that are at hand, types that are new, a naive walk over all sockets.

::

    scripts/benchmark pykdump_api .lab/dumps/6.1-elf-big [--crash BINARY] [--cold]

- 100,000 calls of ``readmem`` and of ``readPtr`` each (limit 0.5 s);
- a walk over the hash table of TCP, bucket by bucket and attribute by attribute, as scripts do it (limit 10 s
  for 39,500 sockets);
- with ``--cold``, nothing kept of the kernel: a script that needs thirteen large types, against a script that
  needs none (limit: 3 s more).
"""

from __future__ import annotations

import argparse
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
from crashdrive.pykdump.imports import importable

CALLS = 100_000
LIMITS = {"readmem": 0.5, "readPtr": 0.5, "walk": 10.0, "types": 3.0}
NONE = "from pykdump.API import *\nprint(sys_info.CPUS)\n"
TYPES = """
from pykdump.API import *
for name in ("task_struct", "sock", "tcp_sock", "net_device", "super_block", "inode", "dentry", "mm_struct",
             "page", "rq", "signal_struct", "file", "module"):
    print(name, SUInfo("struct " + name).PYT_size)
task = readSU("struct task_struct", sym2addr("init_task"))
print(task.comm, task.mm, task.signal.nr_threads)
"""


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result; the processor's seconds are printed, for machines that do other things, too."""
    start, processor = time.perf_counter(), time.process_time()
    result = work()
    print(f"  {time.process_time() - processor:.3f} s of processor")
    return time.perf_counter() - start, result


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


def cold(dump: Path, binaries: list[str]) -> Iterator[tuple[str, float]]:
    """How much longer a script takes whose types nobody has asked for before."""
    without, needed = (timed(partial(run, text, dump, binaries))[0] for text in (NONE, TYPES))
    print(f"without types {without:.1f} s, with types {needed:.1f} s")
    yield "types", needed - without


def run(text: str, dump: Path, binaries: list[str]) -> None:
    """Run a script in a process of its own that has nothing kept."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.py"
        script.write_text(text)
        words = [sys.executable, "-m", "crashdrive", "run", *(f"--crash={one}" for one in binaries)]
        environment = {**os.environ, "XDG_CACHE_HOME": folder, "CRASHDRIVE_CACHE": f"{folder}/cache"}
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
    slow = 0
    for name, seconds in (cold if options.cold else measure)(options.dump, options.crash):
        print(f"{name:8s} {seconds:7.3f} s (limit {LIMITS[name]} s)")
        slow += seconds > LIMITS[name]
    return slow


if __name__ == "__main__":
    sys.exit(main())
