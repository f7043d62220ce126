"""Interrupts as the report has them, against the guest's /proc from right before its panic."""

from __future__ import annotations

from pathlib import Path

import pytest
from sessionkit import replayed, report_folders

from crashdrive.crash import Crash
from crashdrive.records import Report
from tests.reports.conftest import Guest

REPORT = "irq"
# what the guest took from then to its end
MOMENT = 200
STRAY = [folder for folder in report_folders(REPORT) if "-strayirq" in folder.name]


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT)


def lines(guest: Guest) -> dict[str, list[str]]:
    """The words of each line behind its name."""
    text = (guest.folder / "truth/proc/interrupts").read_text()
    return {line.split()[0].rstrip(":"): line.split()[1:] for line in text.splitlines()[1:]}


def test_interrupts(guest: Guest, reported: Report) -> None:
    said = {name: words for name, words in lines(guest).items() if name.isdecimal()}
    rows = reported.table("interrupts").rows
    assert [str(row.irq) for row in rows] == list(said)
    for row in rows:
        first, second, chip, place, *names = said[str(row.irq)]
        assert [*names] == [", ".join(row.irq_names)]
        for cpu, then in enumerate((int(first), int(second))):
            assert then <= row.irq_counts[cpu] <= then + MOMENT
        assert row.chip == chip
        # 16 bits of PCI's numbers are the device's
        assert place == f"{row.hwirq}-{row.flow}"
        assert set(row.effective_cpus) <= set(row.affinity_cpus) <= {0, 1}
        assert (row.irq_state, row.disable_depth) == ("", 0)
        assert len(row.handlers) == len(row.irq_names)


def test_interrupts_of_cpus(guest: Guest, reported: Report) -> None:
    said = {name: words for name, words in lines(guest).items() if not name.isdecimal()}
    rows = {row.interrupt_line: row for row in reported.table("cpu_interrupts").rows}
    # Hyper-V's and platform's are shown where they count alone
    assert said.keys() <= rows.keys()
    assert not sum(rows[name].total or 0 for name in rows.keys() - said.keys())
    for name, words in said.items():
        row = rows[name]
        if not row.cpu_counts:
            assert row.total == int(words[0])
            continue
        # the panic stops the other CPU by an interrupt, or an NMI
        for cpu, then in enumerate(words[:2]):
            assert int(then) <= row.cpu_counts[cpu] <= int(then) + MOMENT, name


def test_nothing_is_wrong_where_nothing_is(reported: Report) -> None:
    assert reported.complete
    assert not reported.findings
    for row in reported.table("vectors").rows:
        assert row.vectors_online
        assert row.free_vectors > 100


@pytest.mark.parametrize("folder", STRAY, ids=lambda folder: folder.name)
def test_interrupts_that_no_handler_takes(folder: Path) -> None:
    """The guest's devices: the kernel shut the line of one; 20,000 of the other one's weren't taken."""
    with replayed(folder) as crash:
        report = crash.run_report(REPORT)
    assert report.complete
    rows = {name: row for row in report.table("interrupts").rows for name in row.irq_names}
    shut, stray = rows["lab_shut"], rows["lab_stray"]
    assert (sum(shut.irq_counts.values()), sum(stray.irq_counts.values())) == (100_000, 20_001)
    assert (shut.irq_state, stray.irq_state) == ("disabled, masked, nobody cared", "")
    assert stray.unhandled == 20_000
    found = {finding.kind: finding.evidence for finding in report.findings}
    assert found == {
        "irq-nobody-cared": (f"irq {shut.irq}: lab_shut",),
        "irq-unhandled": (f"irq {stray.irq}: 20000 unhandled, lab_stray",),
    }


def test_there_is_a_guest_with_stray_interrupts() -> None:
    assert STRAY
