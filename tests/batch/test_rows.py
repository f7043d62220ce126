"""Rows of a report over all dumps: each says whose it is."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from crashdrive.batch.ledger import Ledger, open_folder
from crashdrive.batch.rows import write_rows
from crashdrive.batch.run import keep
from tests.batch.fakes import found, result, verdict


def test_every_row_says_whose_it_is(tmp_path: Path) -> None:
    ledger = Ledger(open_folder(tmp_path))
    for number in range(3):
        one = found(number, host=f"web{number}")
        rows = [{"name": "lo", "flags": ["UP"], "mtu": 65536 + number}, {"name": 'x"\n,', "mtu": None}]
        keep(ledger, one, result(one, verdict("f"), reports={"interfaces": {"tables": {"interfaces": rows}}}))
    folder = write_rows(ledger, ["interfaces", "netns"])
    ledger.close()
    lines = [json.loads(line) for line in (folder / "interfaces.jsonl").read_text().splitlines()]
    assert [(line["host"], line["table"], line["mtu"]) for line in lines[::2]] == [
        (f"web{number}", "interfaces", 65536 + number) for number in range(3)
    ]
    with (folder / "interfaces.interfaces.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["host"] for row in table] == [line["host"] for line in lines]
    assert table[1]["name"] == 'x"\n,'
    assert json.loads(table[0]["flags"]) == ["UP"]
    assert (folder / "netns.jsonl").read_text() == ""
