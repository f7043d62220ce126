"""Audit on made-up kernels: with its daemon, without one, and where the daemon is kept elsewhere."""

from __future__ import annotations

from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.security.audit import Audit, audit
from crashdrive.linux.survey import Survey
from crashdrive.rules import Facts, judge, rule_for
from tests.kernel.fake_memory import INT, UINT, ULONG, FakeMemory, fake_kernel, pointer, record

UPID = record("upid", ("nr", INT))
PID = record("pid", ("count", INT), ("numbers", ArrayType(UPID, 1)))
CONNECTION = record("auditd_connection", ("pid", pointer(PID)))
QUEUE = record("sk_buff_head", ("next", ULONG), ("qlen", UINT))
TYPES: dict[str, Type] = {f"struct {kind.name}": kind for kind in (UPID, PID, CONNECTION, QUEUE)}
NUMBERS = {"audit_enabled": 1, "audit_failure": 1, "audit_backlog_limit": 4, "audit_lost": 0}


def read(connection: int | None, *, pid: int = 0) -> tuple[Survey, Audit]:
    """What is read; ``connection``: the word at ``auditd_conn``, None without that symbol; -1: a daemon's."""
    memory = FakeMemory()
    symbols = {name: memory.allocate(4) for name in NUMBERS}
    for name, number in NUMBERS.items():
        memory.int32(symbols[name], number)
    symbols["audit_queue"] = memory.allocate(QUEUE.size)
    memory.int32(symbols["audit_queue"] + 8, 4)
    if connection is not None:
        symbols["auditd_conn"], place, daemon = (memory.allocate(8) for _ in range(3))
        memory.word(symbols["auditd_conn"], place if connection < 0 else connection)
        memory.word(place, daemon)
        memory.int32(daemon + 4, pid)
    survey = Survey(fake_kernel(memory, TYPES, symbols))
    (row,) = survey.attempt("audit", lambda: audit(survey))
    return survey, row


def test_a_daemon() -> None:
    survey, row = read(-1, pid=812)
    assert (row.auditd_pid, row.audit_enabled, row.backlog, row.audit_rules) == (812, "on", 4, None)
    assert survey.complete


def test_no_daemon() -> None:
    survey, row = read(0)
    assert row.auditd_pid is None
    assert survey.complete


def test_a_daemon_that_is_kept_elsewhere_or_missing_is_said_to_be() -> None:
    for connection, word in ((None, "elsewhere"), (0xFFFF_8880_7000_0000, "daemon")):
        survey, row = read(connection)
        assert (row.auditd_pid, row.backlog) == (None, 4)
        assert not survey.complete
        assert word in survey.notices[0].message
        (finding,) = judge(Facts(given={"keys.audit": [row]}), [rule_for("audit-backlog-full")]).findings
        assert finding.evidence[0].endswith("0 were lost; no daemon is known")
