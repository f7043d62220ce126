"""Modules and their parameters, against the guest's /proc/modules from right before its panic."""

from __future__ import annotations

import pytest
from sessionkit import replayed, report_folders

from crashdrive.crash import Crash
from crashdrive.linux.modules.details import ModuleRow
from crashdrive.records import Report
from tests.reports.conftest import Guest

REPORT = "modules"


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT, parameters=True)


def as_proc(row: ModuleRow) -> str:
    """A row as /proc/modules has it."""
    users = "".join(f"{user}," for user in row.used_by) + ("[permanent]," if row.permanent else "")
    taint = f" ({row.taint})" if row.taint else ""
    return f"{row.name} {row.size} {row.references} {users or '-'} {row.state} 0x{row.base:016x}{taint}"


def test_modules(guest: Guest, reported: Report) -> None:
    said = (guest.folder / "truth/proc/modules").read_text().splitlines()
    assert [as_proc(row) for row in reported.table("modules").rows] == said
    assert len(said) > 160
    assert not reported.findings


def test_parameters(reported: Report) -> None:
    """Defaults of drivers, out of their sources; overlay and crashme have functions of their own for one."""
    rows = {(row.module_name, row.parameter): row for row in reported.table("parameters").rows}
    values = {place: row.value for place, row in rows.items()}
    assert values["bonding", "resend_igmp"] == "1"
    assert values["bonding", "mode"] == "(null)"
    # an array without a count has all of its elements
    assert values["bonding", "arp_ip_target"] == ",".join(["(null)"] * 16)
    assert values["nf_conntrack_ftp", "ports"] == "21"
    assert values["nf_conntrack_ftp", "loose"] == "N"
    assert values["virtio_net", "napi_weight"] == "64"
    assert values["virtio_net", "csum"] == "Y"
    unknown = {place for place, row in rows.items() if row.absent}
    assert unknown == {("overlay", "check_copy_up"), ("crashme", "how")}
    assert {rows[place].getter for place in unknown} == {"ovl_ccup_get", "crashme_get"}


def test_a_module_that_hides() -> None:
    (folder,) = (folder for folder in report_folders(REPORT) if folder.name.startswith("6.12-kdump-hidden"))
    with replayed(folder) as crash:
        report = crash.run_report(REPORT)
    (hidden,) = (row for row in report.table("modules").rows if not row.listed)
    assert (hidden.name, hidden.state, hidden.taint) == ("lab_hidden", "Live", "OE")
    assert [one.kind for one in report.findings] == ["hidden-module"]
