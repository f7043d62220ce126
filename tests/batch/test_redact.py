"""What leaves: nothing of people and machines is in any file of the redacted copy."""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.batch.ledger import Ledger, open_folder
from crashdrive.batch.redact import Redactor, key_of
from crashdrive.batch.regroup import regroup
from crashdrive.batch.run import keep
from crashdrive.batch.share import write_redacted
from tests.batch.fakes import found, result, verdict

HOST, DOMAIN = "db7-frankfurt", "corp.example"
V4, V6, MAC = "10.20.30.40", "2001:db8:77::a1", "52:54:00:ab:cd:ef"
HOME = "/home/jane.doe/secret-project"
LINE, ARGUMENTS, ENVIRONMENT = (
    "root=UUID=77aa token=hunter2",
    "mysqld --password=swordfish",
    "AWS_KEY=AKIA777",
)
ORIGINALS = (
    HOST, DOMAIN, V4, V6, MAC, "jane", "secret-project", "hunter2", "77aa", "swordfish", "AKIA777",
    "192.168.7.9", "bugs.corp", "team storage",
)  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A dump that tells all of it in every place that there is."""
    one = Ledger(open_folder(tmp_path / "out"))
    dump = found(
        1,
        path=f"/var/crash/{HOST}/{V4}-2026/vmcore.{HOST}",
        also=(f"{HOME}/vmcore",),
        host=f"{HOST}.{DOMAIN}",
    )
    log = [
        {"text": f"Command line: {LINE}"}, {"text": f"eth0: {MAC} {V4}/24 up, gateway {V6}."},
        {"text": f"nfs: server {HOST} not responding; {HOST}.{DOMAIN} too; {HOME}/x: 192.168.7.9:/srv"},
    ]  # fmt: skip
    system = {
        "nodename": HOST,
        "domainname": DOMAIN,
        "command_line": LINE,
        "date": "2026-11-01T00:00:00+00:00",
    }
    tasks = [{"comm": "mysqld", "arguments": ARGUMENTS, "environment": [ENVIRONMENT], "path": f"{HOME}/bin"}]
    reports = {
        "dmesg": {"complete": True, "tables": {"log": log}, "warnings": [{"message": f"of {HOST}"}]},
        "netstat": {"complete": True, "tables": {"sockets": [{"local_address": V4, "remote_address": V6}]}},
        "tasks": {"complete": True, "tables": {"tasks": tasks}},
    }
    finding = {
        "severity": "warning",
        "kind": "k",
        "message": f"{V4} lost",
        "evidence": [f"{HOST} {ARGUMENTS}"],
    }
    row = verdict("f", comm="mysqld", title=f"BUG on {HOST}")
    more = {
        "identity": {"vmcore": dump.path, "vmlinux": f"{HOME}/vmlinux"},
        "failures": {"x": f"no {HOME}/y"},
    }
    script = {"script": "r.py", "status": 0, "stdout": f"{HOST} {V6}\n", "stderr": ARGUMENTS, "report": None}
    keep(
        one,
        dump,
        result(dump, row, system=system, reports=reports, findings=[finding], script=script, **more),
    )
    failed = found(2, path=f"{HOME}/vmcore2", host=HOST, trouble=f"{HOME}/vmcore2: empty")
    keep(one, failed, result(failed, status="failed", reason=f"{HOME}/vmcore2: empty", kind="no-dump"))
    regroup(one)
    with one.transaction() as database:
        database.execute("UPDATE groups SET link = 'https://bugs.corp/1', owner = 'team storage'")
    yield one
    one.close()


def test_no_file_has_an_original(ledger: Ledger) -> None:
    place = write_redacted(ledger)
    files = [path for path in place.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".sqlite", ".jsonl", ".html", ".z"}
    for path in files:
        data = path.read_bytes()
        if path.suffix == ".z":
            data = zlib.decompress(data)
        for original in ORIGINALS:
            assert original.encode() not in data, f"{original} in {path.name}"
            assert original not in path.name
    assert (ledger.folder / ".redaction-key").stat().st_mode & 0o77 == 0


def test_what_is_no_secret_stays(ledger: Ledger) -> None:
    place = write_redacted(ledger)
    with sqlite3.connect(place / "triage.sqlite") as database:
        dumps = dict(database.execute("SELECT dump, function FROM dumps").fetchall())
        assert (
            database.execute("SELECT comm, title FROM dumps WHERE function = 'f'").fetchone()[0] == "mysqld"
        )
        hosts = database.execute("SELECT DISTINCT host FROM dumps").fetchall()
        groups = database.execute("SELECT count, link FROM groups").fetchall()
    database.close()
    assert "f" in dumps.values()
    assert groups == [(1, None)]
    assert all(re.fullmatch(r"host-[0-9a-f]{10}", host) for (host,) in hosts)


def test_words_are_stable_and_the_copy_grows(ledger: Ledger, tmp_path: Path) -> None:
    place = write_redacted(ledger)
    before = (place / "triage.jsonl").read_text()
    marks = {path: path.stat().st_mtime_ns for path in (place / "results").iterdir()}
    more = found(3, host=HOST)
    keep(ledger, more, result(more, verdict("g")))
    regroup(ledger)
    write_redacted(ledger)
    after = (place / "triage.jsonl").read_text()
    assert set(before.splitlines()) <= set(after.splitlines())
    assert all(path.stat().st_mtime_ns == mark for path, mark in marks.items())
    assert key_of(ledger.folder) == key_of(ledger.folder)
    other = Redactor(key_of(open_folder(tmp_path / "other")))
    assert other.word("host", HOST) != Redactor(key_of(ledger.folder)).word("host", HOST)


@pytest.mark.parametrize(
    "text",
    [
        "RIP: 0010:nfs_put+0x12/0x40 [nfs]", "127.0.0.1:80 -> [::1]:22", "::", "pci 0000:00:1f.2",
        "00:00:00:00:00:00", "6.1.0-50-cloud-amd64", "[    3.000012] x", "core::panic", "12:34:56",
        "ffff888003a54000: ff ff 00", "255.255.255.255", "a::b::c",
    ],
)  # fmt: skip
def test_what_only_looks_like_an_address_stays(text: str) -> None:
    assert Redactor(b"k").text(text) == text


@given(
    st.ip_addresses(),
    st.sampled_from(("{}", "from {}, to", "[{}]:80", "({})", "{}/24", "{}:", "{}.", "x:{}", "to_{}_x")),
)
def test_addresses_go(address: object, form: str) -> None:
    import ipaddress

    assert isinstance(address, (ipaddress.IPv4Address, ipaddress.IPv6Address))
    text = Redactor(b"k").text(form.format(address))
    kept = address.is_loopback or address.is_unspecified or str(address) == "255.255.255.255"
    if not kept and not (form == "to_{}_x" and address.version == 6):
        assert str(address) not in text
