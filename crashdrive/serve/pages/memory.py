"""What memory is used for, zones with their watermarks, the kernel's part of the address space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.errors import CommandFailedError, CrashdriveError, ParseError
from crashdrive.linux.mm.meminfo import ACCOUNTED
from crashdrive.records import Address, Answer, Record, Table
from crashdrive.serve import exchange
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, NoSuchPageError, Reply
from crashdrive.serve.grid import grid_of
from crashdrive.serve.reports import report_at, shown_report
from crashdrive.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crashdrive.crash import Crash

_WIDTH = 1000
_LEAST = 0.002  # smaller parts of memory are one part together
_REST, _FREE = "other", "MemFree"
_SYMBOLS = (
    "_text", "_stext", "_etext", "_sdata", "_edata", "__bss_start", "_end", "init_task", "mem_map",
)  # fmt: skip


class Part(NamedTuple):
    """A part of a bar: where it begins and how wide it is, of 1,000."""

    name: str
    size: int
    x: float
    width: float
    percent: float


class ZoneBar(NamedTuple):
    """A zone: its first page frame, its used part, and its watermarks on the same scale, of 1,000."""

    name: str
    first_page: int
    spanned: int
    managed: int
    free: int
    state: str
    used_width: float
    marks: list[tuple[str, float]]


class Region(Record, frozen=True):
    """Where a part of the kernel's address space begins."""

    address: Address
    name: str


def page(asked: Asked, desk: Desk) -> Reply:
    """``memory``: the page; ``memory/space``: the address space, which crash is asked for."""
    if asked.path[1:] == ("space",):
        return _space(asked, desk)
    if asked.path[1:]:
        raise NoSuchPageError(f"there is no page {'/'.join(asked.path)!a}")
    report = report_at(desk, "memory")
    return exchange.page(
        "serve_memory.html",
        asked,
        title="Memory",
        amounts=parts_of(report.table("amounts").rows),
        zones=zones_of(report.table("zones").rows),
        **shown_report(asked, report, {}),
    )


def parts_of(rows: Sequence[Any]) -> list[Part]:
    """Parts that add up to all memory; none where they don't, as an amount is missing."""
    amounts = {row.item: row.amount_bytes for row in rows}
    total, rest = amounts.get("MemTotal"), amounts.get("Unaccounted")
    held = {name: amounts.get(name, 0) for name in ACCOUNTED}
    if not total or rest is None or rest < 0 or None in held.values():
        return []
    # with VMAP_STACK the stacks of tasks are among vmalloc's
    if sum(held.values()) + rest != total:
        del held["KernelStack"]
    if sum(held.values()) + rest != total:
        return []
    sizes = sorted({**held, "Unaccounted": rest}.items(), key=lambda item: -item[1])
    large = [(name, size) for name, size in sizes if size >= _LEAST * total and name != _FREE]
    small = total - (held.get(_FREE) or 0) - sum(size for _, size in large)
    ends = [(name, size) for name, size in ((_REST, small), (_FREE, held.get(_FREE) or 0)) if size]
    return list(_laid([*large, *ends], total))


def _laid(sizes: Iterable[tuple[str, int]], total: int) -> Iterable[Part]:
    x = 0.0
    for name, size in sizes:
        width = size / total * _WIDTH
        yield Part(name, size, round(x, 2), round(width, 2), round(100 * size / total, 1))
        x += width


def zones_of(rows: Sequence[Any]) -> list[ZoneBar]:
    """The zones whose amounts are known, in order of their addresses."""
    bars = []
    for row in sorted(rows, key=lambda one: one.first_page or 0):
        known = (row.managed_bytes, row.free_bytes, row.spanned_bytes, row.first_page)
        if None in known or not row.managed_bytes:
            continue
        scale = _WIDTH / row.managed_bytes
        marks = [
            (name, round(_WIDTH - min(value * scale, _WIDTH), 2))
            for name, value in (("min", row.min_bytes), ("low", row.low_bytes), ("high", row.high_bytes))
            if value is not None
        ]
        used = max(row.managed_bytes - row.free_bytes, 0)
        name = f"node {row.node} {row.zone_name or '?'}"
        bars.append(
            ZoneBar(
                name, row.first_page, row.spanned_bytes, row.managed_bytes, row.free_bytes,
                row.watermark or "", round(min(used * scale, _WIDTH), 2), marks,
            )
        )  # fmt: skip
    return bars


def _space(asked: Asked, desk: Desk) -> Reply:
    regions, firmware, told, complete = desk.ask("address space", "the address space", _asked_of_crash)
    tables = [
        Table(name="regions", rows=regions, columns=("address", "name"), title="The kernel's address space"),
        Table(name="firmware", rows=firmware, title="Physical memory, as the firmware told it"),
    ]
    return exchange.page(
        "serve_space.html",
        asked,
        title="Address space",
        complete=complete,
        warnings=told,
        grids=[grid_of(table, asked.root) for table in tables if table.rows],
    )


def _asked_of_crash(crash: Crash) -> tuple[list[Region], list[Any], list[str], bool]:
    """The kernel's regions, the firmware's, what is wrong with them, and whether they are all there."""
    machine = crash.mach()
    answers: list[Answer[Any]] = [machine]
    failed: list[str] = []
    regions = [
        Region(address=address, name=name.replace("_", " "))
        for record in machine.records
        for name, address in (record.bases or {}).items()
    ]
    for name in _SYMBOLS:
        try:
            if crash.kernel.symbols.has(name):
                regions.append(Region(address=crash.kernel.symbols.address(name), name=f"symbol {name}"))
        except CrashdriveError as error:
            failed.append(str(error))
    regions.sort(key=lambda one: one.address)
    firmware: list[Any] = []
    try:
        answers.append(crash.mach(show="memory"))
        firmware.extend(answers[-1].records)
    except CommandFailedError:  # x86 alone has one
        pass
    except ParseError as error:
        failed.append(str(error))
    told = dict.fromkeys([*(notice.message for one in answers for notice in one.warnings), *failed])
    return regions, firmware, list(map(printable, told)), not failed and all(one.complete for one in answers)
