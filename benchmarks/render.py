"""What it costs to write 40,000 rows of 15 fields in every format; the limit is 0.3 s.

Side by side in one run with the same rows as bare JSON by msgspec, and with rich's table for a tenth of the
rows. Run it as ``scripts/benchmark render [ROUNDS]``.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable

import msgspec
from rich.console import Console
from rich.table import Table as RichTable

from crashdrive.records import Address, Record, Report, Table
from crashdrive.render import FORMATS, Output, render

ROWS = 40_000
LIMIT = 0.3


class Row(Record, frozen=True):
    """A row such as netstat has."""

    proto: str
    family: str
    netns: int
    local_address: str
    local_port: int
    remote_address: str
    remote_port: int
    state: str
    recv_q: int
    send_q: int
    inode: int | None
    uid: int
    pid: int | None
    program: str | None
    address: Address


def rows() -> list[Row]:
    """Sockets as a busy server has them."""
    return [
        Row(
            proto="tcp",
            family="inet",
            netns=4026531840,
            local_address=f"10.0.{i >> 8 & 255}.{i & 255}",
            local_port=i & 65535,
            remote_address=f"192.168.{i % 7}.{i % 250}",
            remote_port=443,
            state="ESTABLISHED" if i % 3 else "TIME_WAIT",
            recv_q=i % 7,
            send_q=0,
            inode=i + 10_000 if i % 3 else None,
            uid=0,
            pid=i % 1000 if i % 3 else None,
            program="nginx" if i % 3 else None,
            address=0xFFFF888000000000 + i * 2304,
        )
        for i in range(ROWS)
    ]


def best(work: Callable[[Output], None], rounds: int, width: int | None = None) -> float:
    """The fastest of some rounds, in seconds."""
    times = []
    for _ in range(rounds):
        output = Output(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), width=width)
        started = time.perf_counter()
        work(output)
        output.stream.flush()
        times.append(time.perf_counter() - started)
    return min(times)


def with_rich(found: list[Row]) -> Callable[[Output], None]:
    """The same by rich's own table."""

    def work(output: Output) -> None:
        grid = RichTable(*Row.__struct_fields__)
        for row in found:
            grid.add_row(*(str(value) for value in msgspec.structs.astuple(row)))
        Console(file=output.stream, width=250).print(grid)

    return work


def main() -> int:
    """Print the times; 1 where one is above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rounds", type=int, nargs="?", default=5)
    rounds = parser.parse_args().rounds
    found = rows()
    report = Report(report="netstat", tables=(Table(name="sockets", rows=found),))
    bare = best(lambda output: output.raw(msgspec.json.encode(found)), rounds)
    print(f"{'bare msgspec JSON':28} {bare:.3f} s")
    late = False
    for name, form, width in [
        *((form, form, None) for form in FORMATS),
        ("table on 80 columns", "table", 80),
    ]:
        seconds = best(lambda output, form=form: render(report, form, output), rounds, width)  # type: ignore[misc]  # a lambda's default has no annotation
        late = late or seconds > LIMIT
        print(f"{name:28} {seconds:.3f} s  limit {LIMIT} s: {'ok' if seconds <= LIMIT else 'ABOVE'}")
    print(f"{'rich, a tenth of the rows':28} {best(with_rich(found[: ROWS // 10]), 1):.3f} s")
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
