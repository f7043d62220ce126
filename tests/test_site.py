"""The site's source: each link of a page leads to something; mkdocs reads it in `scripts/site`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from dockit import sitesource


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sitesource, "TARGET", tmp_path)
    monkeypatch.setattr(sys, "argv", ["sitesource"])
    return tmp_path


def test_links_of_all_pages(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sitesource.main() == 0, capsys.readouterr().err
    front = (source / "index.md").read_text(encoding="utf-8")
    assert "](docs/howto.md)" in front
    assert "](LICENSE)" not in front
    for page in source.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert "://" in target or page.parent.joinpath(target).exists(), (
                f"{page.relative_to(source)}: {target}"
            )


def test_every_page_of_the_navigation_is_there() -> None:
    text = (sitesource.CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = re.findall(r": (docs/\S+\.md)$", text, re.MULTILINE)
    assert len(pages) > 25
    assert [page for page in pages if not (sitesource.CHECKOUT / page).exists()] == []
    there = {f"docs/{path.name}" for path in (sitesource.CHECKOUT / "docs").glob("*.md")}
    assert there <= set(pages), "a page that no navigation names"


def test_what_a_page_loads_from_elsewhere_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.html").write_text('<a href="https://example.org/x.html">x</a><script src="b.js"></script>')
    monkeypatch.setattr(sys, "argv", ["sitesource", "--built", str(tmp_path)])
    assert sitesource.main() == 0
    (tmp_path / "b.html").write_text('<script src="https://example.org/x.js"></script>')
    assert sitesource.main() == 1
