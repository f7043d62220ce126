"""Questions to the ledger: they read, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from crashdrive.batch.known import Known
from crashdrive.batch.ledger import NAME, Ledger, open_folder
from crashdrive.batch.query import question_of
from crashdrive.batch.regroup import regroup
from crashdrive.batch.run import keep
from crashdrive.cli import main
from crashdrive.errors import UsageError
from tests.batch.fakes import found, result, verdict

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def out(tmp_path: Path) -> str:
    ledger = Ledger(open_folder(tmp_path / "out"))
    for number, (function, module) in enumerate((("f", "nfs"), ("f", "nfs"), ("g", None))):
        one = found(number, host=f"web{number % 2}", release="6.1.0-50")
        day = {"date": f"2026-11-{number + 1:02}T00:00:00+00:00"}
        keep(ledger, one, result(one, verdict(function, module=module), system=day))
    regroup(ledger, [Known(signature="null: in f", fixed_in="6.1.0-49")])
    ledger.close()
    return str(tmp_path / "out")


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    def call(*words: str) -> tuple[int, str, str]:
        status = main(words)
        return status, *capfd.readouterr()

    return call


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["new"], [{"title": "null: in g", "dumps": 1}]),
        (["back"], [{"title": "null: in f", "fixed_in": "6.1.0-49"}]),
        (["by", "module"], [{"module": "nfs", "dumps": 2}, {"module": "(kernel)", "dumps": 1}]),
        (["by host"], [{"host": "web0", "dumps": 2}, {"host": "web1", "dumps": 1}]),
        (["since", "2026-11-02"], [{"title": "null: in f"}, {"title": "null: in g"}]),
        (["since", "2026-11-02T00:00:00"], [{"title": "null: in f"}, {"title": "null: in g"}]),
        (["since", "2026-11-02T03:00:00+02:00"], [{"title": "null: in g"}]),
        (["since", "2026-11-02T01:00:00+02:00"], [{"title": "null: in f"}, {"title": "null: in g"}]),
        (["select count(*) AS n, 1, 1 from dumps"], [{"n": 3, "1": 1, "1_2": 1}]),
        (["WITH a AS (SELECT 1 AS x) SELECT x FROM a"], [{"x": 1}]),
    ],
)
def test_questions(out: str, cli: Cli, words: list[str], rows: list[dict[str, object]]) -> None:
    status, printed, told = cli("query", out, *words, "--format", "json")
    assert (status, told) == (0, "")
    found_rows = json.loads(printed)
    assert [row.items() >= wanted.items() for row, wanted in zip(found_rows, rows, strict=True)] == [
        True
    ] * len(rows)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; DELETE FROM dumps",
        "WITH a AS (SELECT 1) DELETE FROM dumps",
        "WITH a AS (SELECT 1) INSERT INTO settings VALUES ('a', 'b')",
        "SELECT load_extension('/tmp/x')",
    ],
)
def test_nothing_is_written(out: str, cli: Cli, sql: str) -> None:
    before = Path(out, "triage.sqlite").read_bytes()
    status, printed, told = cli("query", out, sql)
    assert status in {1, 2}
    assert (printed, told.count("\n")) == ("", 1)
    assert Path(out, "triage.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["{out}", "old"], 2, "no question"),
        (["{out}", "DROP TABLE dumps"], 2, "no question"),
        (["{out}", "since"], 2, "DATE is missing"),
        (["{out}", "since", "yesterday"], 2, "is no date"),
        (["{out}", "new", "ones"], 2, "nothing more is asked"),
        (["{out}", "SELECT nosuch FROM dumps"], 1, "no such column"),
        (["{out}x", "new"], 2, "no ledger there"),
        (["{out}"], 2, "Missing argument"),
    ],
)
def test_what_is_wrong_is_told(out: str, cli: Cli, words: list[str], status: int, told: str) -> None:
    got, printed, said = cli("query", *(word.format(out=out) for word in words))
    assert (got, printed) == (status, "")
    assert told in said


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("application_id = 7", "no ledger of crashdrive batch"),
        ("user_version = 999", "of another crashdrive"),
    ],
)
def test_a_database_of_others_is_told(out: str, cli: Cli, change: str, told: str) -> None:
    with closing(sqlite3.connect(Path(out) / NAME)) as database:
        database.execute(f"PRAGMA {change}")
    got, printed, said = cli("query", out, "new")
    assert (got, printed) == (2, "")
    assert told in said


def test_near_names_are_told() -> None:
    with pytest.raises(UsageError, match="by module"):
        question_of(["by", "modul"])
