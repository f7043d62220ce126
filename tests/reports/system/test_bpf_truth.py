"""eBPF against fdinfo of the process that holds it, and against crash's own bpf."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.crash import Crash, open_dump
from crashdrive.records import Report
from tests.live.conftest import LAB, crash_binary
from tests.reports.conftest import Guest

REPORT = "bpf"
# enum bpf_prog_type and bpf_map_type (include/uapi/linux/bpf.h)
PROGRAM_TYPES = {"1": "socket_filter", "6": "xdp"}
MAP_TYPES = {"1": "hash", "2": "array"}


@pytest.fixture(scope="module")
def reported(guest: Guest) -> Report:
    return Crash(guest.session, keep=False).run_report(REPORT)


def said(guest: Guest, number: str) -> dict[int, dict[str, str]]:
    """What fdinfo says of programs (``prog_id``) or maps (``map_id``), by number."""
    found: dict[int, dict[str, str]] = {}
    for path in (guest.folder / "truth/proc").glob("*/fdinfo/*"):
        lines = (line.split(":\t", 1) for line in path.read_text().splitlines())
        facts = dict(lines) | {"pid": path.parts[-3]}
        if number in facts:
            found[int(facts[number])] = facts
    return found


def test_programs(guest: Guest, reported: Report) -> None:
    told = said(guest, "prog_id")
    rows = {row.program_id: row for row in reported.table("programs").rows}
    assert rows.keys() == told.keys()
    assert [row.program_name for row in rows.values()] == ["lab_filter", "lab_xdp"]
    tells = any("recursion_misses" in facts for facts in told.values())  # the kernel does since 5.12
    for number, facts in told.items():
        row = rows[number]
        assert row.program_type == PROGRAM_TYPES[facts["prog_type"]]
        assert row.program_tag == facts["prog_tag"]
        assert (row.jited_bytes > 0) is (facts["prog_jited"] == "1")
        assert row.program_bytes == int(facts["memlock"])
        assert row.run_count == int(facts["run_cnt"])
        if tells:
            assert row.missed_runs == int(facts["recursion_misses"])
        assert row.verified_count == int(facts["verified_insns"])
        assert row.held_by_pids == (int(facts["pid"]),)
        assert row.uid == 0
        assert row.map_ids == (number,)


def test_maps(guest: Guest, reported: Report) -> None:
    told = said(guest, "map_id")
    rows = {row.map_id: row for row in reported.table("maps").rows}
    assert rows.keys() == told.keys()
    assert [row.map_name for row in rows.values()] == ["lab_hash", "lab_array"]
    for number, facts in told.items():
        row = rows[number]
        assert row.map_type == MAP_TYPES[facts["map_type"]]
        assert (row.key_bytes, row.value_bytes) == (int(facts["key_size"]), int(facts["value_size"]))
        assert row.max_entries == int(facts["max_entries"])
        assert row.map_flags == int(facts["map_flags"], 16)
        assert row.map_frozen is (facts["frozen"] == "1")
        # the descriptor and the program
        assert row.reference_count == 2
        assert row.held_by_pids == (int(facts["pid"]),)


def test_who_holds_them(guest: Guest, reported: Report) -> None:
    ((pid,), *_) = (row.held_by_pids for row in reported.table("programs").rows)
    assert (guest.folder / f"truth/proc/{pid}/comm").read_text() == "lab-loader\n"
    assert reported.complete
    assert not reported.findings


def test_of_one_process(guest: Guest, reported: Report) -> None:
    programs = reported.table("programs").rows
    (pid,) = programs[0].held_by_pids
    own = Crash(guest.session, keep=False).run_report(REPORT, pid=(pid,))
    assert own.table("programs").rows == programs


@pytest.mark.live
@pytest.mark.parametrize(("dump", "version"), [("6.1-elf-devices", "8.0.6"), ("6.12-kdump-devices", "9.0.2")])
def test_crash_says_the_same(dump: str, version: str) -> None:
    vmcore = LAB / "dumps" / dump / "vmcore"
    if not vmcore.exists():  # guests of the small set have no program
        pytest.skip(f"{dump} is missing: scripts/lab dump --death devices makes it")
    with open_dump(vmcore.parent / "vmlinux", vmcore, crash=[str(crash_binary(version))]) as crash:
        report = crash.run_report(REPORT)
        known = crash.bpf(details=True)
        theirs: list[Any] = [row for row in known if hasattr(row, "bpf_prog_aux")]
        assert {
            (row.id, row.bpf_prog, row.type.lower(), row.tag, row.used_maps, row.xlated, row.jited, row.name)
            for row in theirs
        } == {
            (
                row.program_id, row.bpf_prog, row.program_type, row.program_tag, row.map_ids,
                row.translated_bytes, row.jited_bytes, row.program_name,
            )
            for row in report.table("programs").rows
        }  # fmt: skip
        theirs = [row for row in known if hasattr(row, "bpf_map")]
        assert {
            (row.id, row.bpf_map, row.type.lower(), row.key_size, row.value_size, row.max_entries, row.name)
            for row in theirs
        } == {
            (
                row.map_id, row.bpf_map, row.map_type, row.key_bytes, row.value_bytes, row.max_entries,
                row.map_name,
            )
            for row in report.table("maps").rows
        }  # fmt: skip
