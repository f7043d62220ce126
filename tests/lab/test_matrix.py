"""The matrix of kernels and crash binaries: what is measured, compared and written."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from labkit import cli, matrix, places
from labkit.errors import LabError
from labkit.matrix import Cell

PROGRAM = """#!/bin/sh
case $1 in
run) echo '["--no_modules"]' ;;
*)  mkdir "$4"; cp "$CRASHDRIVE_LAB/index.json" "$4" ;;
esac
"""
INDEX = {
    "reports": [
        {"report": "ps", "outcome": "complete", "rows": 7, "findings": 1, "warnings": [], "error": None},
        {"report": "irq", "outcome": "incomplete", "rows": 2, "findings": 0, "warnings": ["no page"],
         "error": None},
        {"report": "hang", "outcome": "failed", "rows": 0, "findings": 0, "warnings": [], "error": "no type"},
    ]
}  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRASHDRIVE_LAB", str(tmp_path))
    for name, machine in (("6.1-elf-sysrq", "amd64"), ("6.1-arm64-elf-sysrq", "arm64")):
        folder = tmp_path / "dumps" / name
        folder.mkdir(parents=True)
        facts = {"name": name, "release": "6.1.0", "architecture": machine}
        (folder / "dump.json").write_text(json.dumps(facts))
    for place in ("crash/8.0.2", "crash/9.0.2", "crash-arm64/8.0.2"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "crash").touch()
    (tmp_path / "index.json").write_text(json.dumps(INDEX))
    return tmp_path


def program(folder: Path, text: str = PROGRAM) -> Path:
    path = folder / "crashdrive"
    path.write_text(text)
    path.chmod(0o755)
    return path


def cell(crash: str, rows: Mapping[str, tuple[int, int]], dump: str = "6.1-elf-sysrq") -> Cell:
    return Cell(dump, "6.1.0", crash, "whole, 7 s", len(rows), 3.0, rows)


@pytest.mark.usefixtures("lab")
def test_dumps_and_crash_binaries_belong_to_an_architecture() -> None:
    assert matrix.names([]) == ["6.1-elf-sysrq", "6.1-arm64-elf-sysrq"]
    assert [path.parent.name for path in matrix.binaries("6.1-elf-sysrq", [])] == ["8.0.2", "9.0.2"]
    assert [path.parent.name for path in matrix.binaries("6.1-elf-sysrq", ["9.0.2"])] == ["9.0.2"]
    assert [path.parent.parent.name for path in matrix.binaries("6.1-arm64-elf-sysrq", [])] == ["crash-arm64"]
    with pytest.raises(LabError, match=r"6\.1-elf-big"):
        matrix.names(["6.1-elf-big"])


def test_what_a_cell_holds(lab: Path) -> None:
    found = matrix.measured(program(lab), "6.1-elf-sysrq", lab / "crash/9.0.2/crash")
    assert found.start.startswith("`--no_modules`, ")
    assert (found.release, found.crash, found.reports, found.complete) == ("6.1.0", "9.0.2", 3, 1)
    assert found.rows == {"ps": (7, 1)}
    assert found.lacking == {"irq": "no page", "hang": "no type"}
    assert "| `hang`, `irq` |" in found.line()


def test_a_crash_that_opens_nothing_says_why(lab: Path) -> None:
    text = "#!/bin/sh\necho 'crashdrive: /a/b/crash: no such | thing' >&2\nexit 3\n"
    found = matrix.measured(program(lab, text), "6.1-elf-sysrq", lab / "crash/9.0.2/crash")
    assert found.start == "no: crash: no such / thing"
    assert (found.reports, found.complete) == (0, 0)
    assert found.lacking == {"all": "crash: no such | thing"}


def test_other_rows_of_one_dump_are_told() -> None:
    cells = [
        cell("8.0.2", {"ps": (7, 1), "irq": (2, 0)}),
        cell("9.0.2", {"ps": (6, 1)}),
        cell("9.0.2", {"irq": (3, 0)}, "6.1-kdump-sysrq"),
    ]
    assert list(matrix.disagreeing(cells)) == [
        "6.1-elf-sysrq, report ps: 7 rows and 1 findings by crash 8.0.2, 6 and 1 by 9.0.2"
    ]


def test_cells_that_were_not_measured_stay_in_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "checkout", lambda: tmp_path)
    page = tmp_path / matrix.PAGE
    page.parent.mkdir()
    page.write_text(f"before\n{matrix.BEGIN}\n{matrix.END}\nafter\n")
    matrix.write([cell("9.0.2", {"ps": (7, 1)}), cell("8.0.2", {})])
    matrix.write([cell("9.0.2", {"ps": (7, 1), "irq": (1, 1)}), cell("9.0.2", {}, "5.10-elf-sysrq")])
    lines = page.read_text().splitlines()
    rows = [[word.strip() for word in line.strip("|").split("|")] for line in lines if line.startswith("| 6")]
    assert [(row[2], row[4]) for row in rows] == [("8.0.2", "0"), ("9.0.2", "2")]
    assert (lines[0], lines[-1]) == ("before", "after")
    page.write_text("nothing\n")
    with pytest.raises(LabError, match="no place for the matrix"):
        matrix.write([])


def test_no_venv_is_a_line(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(places, "checkout", lambda: lab)
    assert cli.main(["matrix"]) == 1
    assert "scripts/test makes .venv" in capsys.readouterr().err
