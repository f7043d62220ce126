"""Keys against /proc/keys, audit against its own answer, security modules against securityfs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.errors import FaultError
from crashdrive.records import Report
from tests.reports.conftest import Guest
from tests.reports.guest_truth import settings

REPORT = "keys"
HOUR = 3600.0


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT)


def said(guest: Guest) -> dict[str, list[str]]:
    """The lines of /proc/keys: ``serial flags usage timeout perm uid gid type description``."""
    lines = (guest.folder / "truth/proc/keys").read_text().splitlines()
    return {words[0]: words for words in (line.split(None, 8) for line in lines)}


def test_keys(guest: Guest, reported: Report) -> None:
    told = said(guest)
    rows = {row.key_serial: row for row in reported.table("keys").rows}
    # a user sees those alone that he may view
    assert told.keys() <= rows.keys()
    assert len(told) > 14
    for serial, (_, flags, usage, _, permissions, uid, gid, kind, description) in told.items():
        row = rows[serial]
        assert row.key_permissions == permissions
        assert row.uid == int(uid)
        assert row.gid == (None if gid == "65534" else int(gid))
        assert row.key_type[:9] == kind
        assert description.startswith(row.key_description)
        assert ("instantiated" in row.key_state) is ("I" in flags)
        assert ("revoked" in row.key_state) is ("R" in flags)
        # reading took one of some
        assert abs(row.usage_count - int(usage)) <= 1


def test_what_is_told_behind_the_description(guest: Guest, reported: Report) -> None:
    """Of a keyring how many keys it has, of a user's key its bytes."""
    told = said(guest)
    for row in reported.table("keys").rows:
        if row.key_serial in told and row.key_type in {"keyring", "user", "logon"}:
            count = told[row.key_serial][-1].rpartition(": ")[2]
            own = row.keyring_members if row.key_type == "keyring" else row.payload_bytes
            assert own == (0 if count == "empty" else int(count))


def test_states_and_times(guest: Guest, reported: Report) -> None:
    rows = {row.key_description: row for row in reported.table("keys").rows}
    read = json.loads((guest.folder / "truth/index.json").read_text())["proc/keys"]
    assert HOUR < rows["lab_timed"].expires_left < 2 * HOUR
    assert read["before"] > 0
    assert rows["lab_user"].expires_left is None
    assert rows["lab_revoked"].key_state == "instantiated, revoked"
    assert rows["lab_revoked"].expires_left is None
    assert rows["lab_ring"].keyring_members == 4


def test_without_a_clock_the_keys_are_there(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_survey: Any) -> Any:
        raise FaultError("0x1000: excluded", 0x1000, 8, "excluded")

    monkeypatch.setattr("crashdrive.linux.security.keys.clock", missing)
    report = Crash(guest.session, keep=False).run_report(REPORT)
    assert not report.complete
    assert [notice.message for notice in report.warnings] == ["the clock: 0x1000: excluded"]
    rows = report.table("keys").rows
    assert len(rows) >= len(said(guest))
    assert {row.expires_left for row in rows} == {None}


def test_users(guest: Guest, reported: Report) -> None:
    lines = (guest.folder / "truth/proc/key-users").read_text().splitlines()
    rows = {row.uid: row for row in reported.table("users").rows}
    for line in lines:
        uid, counts, charged, used = (word.strip(":") for word in line.split() if "/" in word or ":" in word)
        row = rows[int(uid)]
        assert f"{row.key_count}/{row.instantiated_keys}" == counts
        assert f"{row.charged_keys}/{row.keys_max}" == charged
        assert f"{row.charged_bytes}/{row.key_bytes_max}" == used
    assert len(lines) == len(rows) == 1


def test_audit(guest: Guest, reported: Report) -> None:
    (row,) = reported.table("audit").rows
    lines = (line.split() for line in (guest.folder / "truth/cmd/audit").read_text().splitlines())
    told: dict[str, Any] = {name: int(value) for name, value in lines}
    assert (row.audit_enabled, row.on_failure) == ("on", "printk")
    assert (told["enabled"], told["failure"]) == (1, 1)
    assert (row.rate_limit, row.backlog_limit) == (told["rate_limit"], told["backlog_limit"])
    assert row.lost_messages == told["lost"]
    assert row.auditd_pid is None
    assert told["pid"] == 0
    # without a daemon messages are held for one to come
    assert row.held > 0


def test_security_modules(guest: Guest, reported: Report) -> None:
    folder = guest.folder / "truth/sys/kernel/security"
    rows = {row.security_module: row.security_mode for row in reported.table("security_modules").rows}
    assert ",".join(rows) == (folder / "lsm").read_text()
    level = (folder / "lockdown").read_text()
    assert rows["lockdown"] == level[level.index("[") + 1 : level.index("]")]
    assert rows["yama"] == f"ptrace_scope {settings(guest)['kernel.yama.ptrace_scope']}"
    assert rows["capability"] is None


def test_nothing_is_wrong_where_nothing_is(reported: Report) -> None:
    assert reported.complete
    assert not reported.findings
