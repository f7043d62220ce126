"""Sockets of the TCP established table: crashdrive's bulk walk, drgn, and text, side by side in one run.

::

    scripts/benchmark kernel_walk .lab/dumps/6.1-elf-big [--crash BINARY] [--naive 20] [--rounds 5]

Each contender runs in a process of its own, so that its memory can be told; both read state, addresses and
ports of every socket. Opening the dump, starting crash and loading debug data are shown, not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.given import apart, dump_folder, fail, failures
from crashdrive.cache.store import Store
from crashdrive.linux.opening import open_kernel
from crashdrive.session import Session

FIELDS = [
    "__sk_common.skc_state", "__sk_common.skc_family",
    "__sk_common.skc_rcv_saddr", "__sk_common.skc_num",
    "__sk_common.skc_daddr", "__sk_common.skc_dport",
]  # fmt: skip
COUNTS = (100, 1_000, 10_000, 1 << 62)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def peak_mb() -> float:
    """The most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(dump: Path, options: argparse.Namespace) -> dict[str, Any]:
    """crashdrive: through crash's terminal, layouts from a store that is empty at first."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as kept:
        found["open"], session = timed(
            lambda: Session.open(
                str(dump / "vmlinux"),
                str(dump / "vmcore"),
                crash=[options.crash] if options.crash else [],
                side_channel=not options.no_side_channel,
            )
        )
        with session:
            kernel = open_kernel(session, Store(kept))
            found["crash"] = session.version
            found["cold"], rows = timed(lambda: walk(kernel))
            found["queries_cold"] = kernel.layouts.queries
            found["walk"] = [timed(lambda: walk(kernel, fresh=True))[0] for _ in range(options.rounds)]
            found["peak"] = peak_mb()
            again = open_kernel(session, Store(kept))
            found["stored"], _ = timed(lambda: walk(again))
            found["queries_stored"] = again.layouts.queries
            found["rows"] = sorted(map(list, rows))
            found["growth"] = growth(kernel, [row[0] for row in rows], options.naive)
    return found


def walk(kernel: Any, *, fresh: bool = False) -> list[tuple[Any, ...]]:
    """(address, state, ...) of every socket in the established table."""
    if fresh:
        kernel.memory.drop()
    info = kernel.symbol("tcp_hashinfo")
    table = kernel.walk_table(
        info.ehash,
        int(info.ehash_mask) + 1,
        "struct sock",
        "__sk_common.skc_nulls_node",
        step=kernel.sizeof("struct inet_ehash_bucket"),
        nulls=True,
        nulls_base=0,
        fields=FIELDS,
    ).check()
    return list(zip(table.addresses, *table.columns.check().columns, strict=True))


def growth(kernel: Any, addresses: list[int], naive: int) -> list[dict[str, Any]]:
    """Seconds for so many sockets whose addresses are known: in bulk, and as text."""
    table = []
    each = None
    if naive:
        texts = addresses[:naive]
        seconds, _ = timed(lambda: [kernel.session.run(f"struct tcp_sock {a:x}").check() for a in texts])
        each = seconds / len(texts)
    for count in COUNTS:
        part = addresses[:count]
        kernel.memory.drop()
        seconds, _ = timed(partial(bulk, kernel, part))
        table.append({"count": len(part), "bulk": seconds, "naive": each and each * len(part)})
    return table


def bulk(kernel: Any, addresses: list[int]) -> None:
    """The same members of sockets whose addresses are known."""
    kernel.read_many("struct sock", addresses, FIELDS).check()


def drgns(dump: Path, options: argparse.Namespace) -> dict[str, Any]:
    """drgn: the same members of the same sockets."""
    # not at the top: the other contender's memory is measured too
    import drgn  # noqa: PLC0415
    from drgn.helpers.linux.list_nulls import hlist_nulls_for_each_entry  # noqa: PLC0415

    found: dict[str, Any] = {}
    prog = drgn.Program()

    def load() -> None:
        prog.set_core_dump(str(dump / "vmcore"))
        prog.load_debug_info([str(dump / "vmlinux")])

    def members(sock: Any) -> tuple[Any, ...]:
        common = sock.member_("__sk_common")
        return (
            common.skc_state.value_(), common.skc_family.value_(), common.skc_rcv_saddr.value_(),
            common.skc_num.value_(), common.skc_daddr.value_(), common.skc_dport.value_(),
        )  # fmt: skip

    def all_of_them() -> list[tuple[Any, ...]]:
        info = prog["tcp_hashinfo"]
        return [
            (sock.value_(), *members(sock))
            for i in range(info.ehash_mask.value_() + 1)
            for sock in hlist_nulls_for_each_entry(
                "struct sock", info.ehash[i].chain.address_of_(), "__sk_common.skc_nulls_node"
            )
        ]

    found["open"], _ = timed(load)
    found["cold"], rows = timed(all_of_them)
    found["walk"] = [timed(all_of_them)[0] for _ in range(options.rounds)]
    found["peak"] = peak_mb()
    found["rows"] = sorted(map(list, rows))
    parts = [[row[0] for row in rows[:count]] for count in COUNTS]
    sockets = [[drgn.Object(prog, "struct sock *", address) for address in part] for part in parts]
    found["growth"] = [
        {"count": len(part), "drgn": timed(lambda: [members(sock) for sock in part])[0]}  # noqa: B023 - run at once
        for part in sockets
    ]
    return found


def contender(name: str, arguments: list[str]) -> dict[str, Any]:
    """One contender in a process of its own."""
    command, environment = apart("kernel_walk", [*arguments, "--only", name])
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, env=environment)
    if done.returncode:
        fail(
            f"the process that measures {name} ended: exit status {done.returncode}", max(done.returncode, 1)
        )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def report(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Both, side by side."""
    print(f"sockets: {len(mine['rows'])}, the same in both: {mine['rows'] == theirs['rows']}")
    print(f"{'':28} {'crashdrive':>12} {'drgn':>12}")
    for name in ("open", "cold", "walk", "peak"):
        values = [statistics.median(x[name]) if name == "walk" else x[name] for x in (mine, theirs)]
        unit = "MB" if name == "peak" else "s"
        print(f"{LABELS[name]:28} {values[0]:>10.3f} {unit:2}{values[1]:>10.3f} {unit}")
    middle = statistics.median(mine["walk"]) / statistics.median(theirs["walk"])
    best = min(mine["walk"]) / min(theirs["walk"])
    print(f"ratio of the walks: {middle:.2f} of the medians, {best:.2f} of the best (target 0.3)")
    print(f"layouts from the store: {mine['stored']:.3f} s")
    cold, stored = mine["queries_cold"], mine["queries_stored"]
    print(f"queries for layouts: {cold} cold, {stored} from the store; crash {mine['crash']}")
    print(f"\n{'sockets':>8} {'text (extrapolated)':>20} {'bulk':>10} {'drgn':>10}")
    for a, b in zip(mine["growth"], theirs["growth"], strict=True):
        naive = f"{a['naive']:.1f} s" if a["naive"] is not None else "-"
        print(f"{a['count']:>8} {naive:>20} {a['bulk']:>8.3f} s {b['drgn']:>8.3f} s")


LABELS = {
    "open": "open (not counted)",
    "cold": "first walk, nothing kept",
    "walk": "walk, median",
    "peak": "memory of the client, peak",
}


def main() -> None:
    """Run both, or one of them where --only says so."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dump", type=Path, help="a directory with vmcore and vmlinux")
    parser.add_argument("--crash", help="the crash binary")
    parser.add_argument("--naive", type=int, default=20, help="how many sockets to read as text")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-side-channel", action="store_true")
    parser.add_argument("--only", choices=["ours", "drgn"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        with failures():
            json.dump({"ours": ours, "drgn": drgns}[options.only](options.dump, options), sys.stdout)
        return
    dump_folder(options.dump)
    report(contender("ours", sys.argv[1:]), contender("drgn", sys.argv[1:]))


if __name__ == "__main__":
    main()
