"""README and docs/: each command line that a page shows is one that crashdrive takes.

What they print is held for the pages that `scripts/examples` fills; here nothing is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from crashdrive.cli._root import root
from crashdrive.errors import UsageError
from crashdrive.reports import module_for, report_names

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(sh|bash|console|ini)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shown(page: Path) -> Iterator[list[str]]:
    """The words of each command line of crashdrive in a page's blocks."""
    for kind, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in text.splitlines():
            if kind == "console" and not line.startswith("$ "):
                continue
            lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
            lexer.commenters = "#"
            words = list(lexer)
            for at, word in enumerate(words):
                if word.rpartition("/")[2] == "crashdrive" and (rest := [*_until_end(words[at + 1 :])]):
                    yield rest


def _until_end(words: list[str]) -> Iterator[str]:
    for word in words:
        if set(word) <= set("|&;<>()"):
            return
        yield word


# what prints and ends is no command line as others are; "talkers" is a report that its page has one write
LINES = [
    pytest.param(words, id=f"{page.stem}: {' '.join(words)}"[:90])
    for page in PAGES
    for words in shown(page)
    if not {"--list", "--help", "talkers"} & set(words)
]


def taken(words: list[str]) -> click.Context:
    """What click makes of a command line; nothing is run."""
    context = root.make_context("crashdrive", list(words))
    command: click.Command = root
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)
    return context


def test_pages_show_many() -> None:
    assert len(LINES) > 90


@pytest.mark.parametrize("words", LINES)
def test_each_command_line_is_taken(words: list[str]) -> None:
    if words[:1] == ["vmcore"]:  # what it means is told by the file
        words = ["triage", *words]
    assert taken(words).command.name


@pytest.mark.parametrize("words", [["report", "hang", "--no-such"], ["no-such"], ["report", "no-such"]])
def test_what_is_none_is_refused(words: list[str]) -> None:
    with pytest.raises((click.UsageError, UsageError)):
        taken(words)


def told() -> Iterator[tuple[str, str, set[str]]]:
    """The reports that docs/reports.md names in its last column, the row, and their options."""
    for line in (CHECKOUT / "docs" / "reports.md").read_text(encoding="utf-8").splitlines():
        of = None
        for code in (
            re.findall(r"`([^`]+)`", line.split(" | ")[-1])
            if re.match(r"\| (?!.what is wrong\?)", line)
            else ()
        ):
            name, *words = code.split()
            other = name in report_names()
            of = of or (name if other else None)
            options = {word for word in (words if other else code.split()) if re.match("--?[a-z]", word)}
            if of is not None:
                yield of if not other else name, line, options


def test_every_report_has_its_row_and_options_there_are_its() -> None:
    for name, line, options in told():
        known = {flag for option in module_for(name).OPTIONS for flag in option.flags} | {"--sort"}
        letters = {f"-{letter}" for word in options if not word.startswith("--") for letter in word[1:]}
        long = {word for word in options if word.startswith("--")}
        assert letters | long <= known, line
    assert {"triage", *(name for name, *_ in told())} == set(report_names())
