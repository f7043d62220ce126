"""docs/man/: a page for all that can be typed; `scripts/release` has mandoc read them."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from dockit import manual

from crashdrive.cli._root import root
from crashdrive.reports import report_names


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return manual.pages()


def test_the_files_are_up_to_date(pages: dict[str, str]) -> None:
    stale = [
        name
        for name, text in pages.items()
        if not (path := manual.FOLDER / name).exists() or path.read_text(encoding="utf-8") != text
    ]
    assert (stale, manual.left_over(pages)) == ([], []), "run scripts/docs"


def test_each_command_and_each_report_has_a_page(pages: dict[str, str]) -> None:
    commands = root.list_commands(click.Context(root))
    assert {f"crashdrive-{name}.1" for name in commands} < pages.keys()
    assert {f"crashdrive-report-{name}.1" for name in report_names()} < pages.keys()
    assert {"crashdrive.1", "crashdrive-session-start.1", "crashdrive-cache-show.1"} & pages.keys() >= {
        "crashdrive.1",
        "crashdrive-session-start.1",
    }


def test_requests_are_those_that_are_meant(pages: dict[str, str]) -> None:
    known = {".TH", ".SH", ".PP", ".TP", ".nf", ".fi", ".BR"}
    for text in pages.values():
        lines = text.splitlines()
        assert {line.split()[0] for line in lines if line.startswith((".", "'"))} <= known
        assert not re.search(r"\\f[BI][^\\]*\\f[BI]", text)


def test_options_values_and_examples_are_marked(pages: dict[str, str]) -> None:
    page = pages["crashdrive-exec.1"]
    assert "\n\\fB\\-\\-record\\fR \\fIFILE\\fR\nWrite the session to \\fIFILE\\fR" in page
    assert "\n.SH EXAMPLES\n.nf\n  crashdrive exec vmcore sys\n" in page
    assert manual._plain(".x \\n 'a'-`b`") == "\\&.x \\en \\(aqa\\(aq\\-\\(gab\\(ga"


def test_a_page_keeps_its_date_while_its_text_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(manual, "FOLDER", tmp_path)
    text = '.TH "X" 1 "@DATE@" crashdrive "crashdrive"\nbody\n'
    (tmp_path / "x.1").write_text(text.replace("@DATE@", "2001-02-03"))
    assert '"2001-02-03"' in manual._dated("x.1", text)
    assert '"2001-02-03"' not in manual._dated("x.1", text + "more\n")
