"""scripts/posted: where the sessions of a text begin and end, and what becomes of them."""

from __future__ import annotations

import sys
from pathlib import Path

import postedkit
import pytest

PTOV = "VIRTUAL           PHYSICAL\nffff888000001000  1000\n"
QUOTED = "".join(f"> {line}\n" for line in f"crash> ptov 1000\n{PTOV}".splitlines())
INDENTED = QUOTED.replace("> crash", "    crash").replace("> VIRT", "    VIRT").replace("> ffff", "    ffff")


@pytest.mark.parametrize(
    "text",
    [
        f"```\ncrash> ptov 1000\n{PTOV}```\nThis is what it said.\n",
        f"crash> ptov 1000\n{PTOV}crash> quit\n",
        f"crash> ptov 1000\n{PTOV}\ncrash> \n",
        f"<pre>\ncrash64> ptov 1000\n{PTOV}</pre>\nprose\n",
        f"A mail said\n{QUOTED}\nand that is all.\n",
        f"A note said\n\n{INDENTED}\nand that is all.\n",
    ],
)
def test_a_session_ends_where_its_block_or_its_indentation_does(text: str) -> None:
    (session,) = postedkit.sessions("note.md", text)
    assert (session.command, session.output) == ("ptov 1000", PTOV)
    assert postedkit.became(session) == ("whole", "")


@pytest.mark.parametrize(
    ("command", "output", "kind"),
    [
        ("ptov 1000", f"{PTOV}...\n", "marked"),
        ("ptov 1000", f"{PTOV}# this is the page\n", "refused"),
        ("frobnicate", "x\n", "unknown"),
        ("alias x 'y", "x\n", "refused"),
    ],
)
def test_what_becomes_of_a_session_has_a_class(command: str, output: str, kind: str) -> None:
    assert postedkit.became(postedkit.Session("note.md:1", command, output))[0] == kind


def test_figures_are_told_once_for_each_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = f"```\ncrash> ptov 1000\n{PTOV}```\n"
    (tmp_path / "one.md").write_text(note, encoding="utf-8")
    (tmp_path / "again.html").write_text(f"<p>{note.replace('>', '&gt;')}</p>", encoding="utf-8")
    (tmp_path / "other.bin").write_bytes(b"\xff" + note.encode())
    monkeypatch.setattr(sys, "argv", ["posted", str(tmp_path)])
    assert postedkit.main() == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["ptov", "1"]


def test_a_folder_without_sessions_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["posted", str(tmp_path)])
    assert postedkit.main() == 1
