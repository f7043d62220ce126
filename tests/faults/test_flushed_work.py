"""Pools of workers on damaged pages: who waits for flushed work isn't said to wait for something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from faultkit.hunt import Hunt
from faultkit.subjects import of_case
from sessionkit import Case, replayed, report_folders

from crashdrive.kernel.pages import PAGE_SHIFT

FOLDERS = [
    one for one in report_folders("hang") if one.name.startswith(("6.12-kdump-flush", "6.12-kdump-stalledw"))
]
CASE = Case("hang", {"tasks": True})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_flushed_work_of_damaged_pools_is_marked(folder: Path) -> None:
    with replayed(folder) as crash:
        hunt, kernel = Hunt(crash, of_case(CASE)), crash.kernel
        pools = kernel.symbols.address("worker_pool_idr")
        head = kernel.read_pointer(pools + kernel.offset("struct idr", "idr_rt.xa_head"))
        pages = {head >> PAGE_SHIFT, *(pool >> PAGE_SHIFT for _, pool in kernel.walk_idr(pools))}
        places = [place for place in hunt.readable() if place.page in pages]
        outcomes = [hunt.outcome({one: bytes(len(hunt.data(one)))}, "zeros") for one in places]
    assert "marked" in {outcome for outcome, _ in outcomes}
    assert not [detail for outcome, detail in outcomes if outcome in {"silent", "unsupported"}]
