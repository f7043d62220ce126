"""docs/howto.md: each command prints what stands there. The tutorial's are run by `scripts/release`."""

from __future__ import annotations

import re
from pathlib import Path

from dockit import examples

PAGE = (examples.CHECKOUT / "docs" / "howto.md").read_text(encoding="utf-8")


def test_each_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    assert examples.filled(PAGE, tmp_path) == PAGE, "read what scripts/examples writes"
    assert {"hang.html", "hang.json", "blocked.py"} <= {path.name for path in tmp_path.iterdir()}


def test_each_question_has_a_command_and_the_ways_of_others() -> None:
    _, *questions = PAGE.split("\n## ")
    assert len(questions) == 10
    for question in questions:
        assert re.search(r"^(\$ )?crashdrive ", question, re.MULTILINE)
        assert "\n- crash: " in question
        assert "\n- drgn: " in question


def test_what_is_shown_is_as_it_was_printed() -> None:
    printed = examples.printed_by("crashdrive exec vmcore sys", "examples/demo.session", Path.cwd())
    assert printed.status in {0, 5}
    assert "RELEASE: 6.1.0" in printed.output
