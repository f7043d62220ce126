"""crash's own help pages as a corpus: every example in them that shows output parses.

The pages are read from the crash binaries of this host when the test runs; nothing of them is kept here.
``help_exceptions.toml`` lists the examples that can't parse, each with its reason, and holds nothing stale.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from crashdrive.errors import CrashdriveError
from crashdrive.parsers import parse

HERE = Path(__file__).resolve().parent
LAB = HERE.parents[1] / ".lab" / "crash"
EXCEPTIONS = HERE / "help_exceptions.toml"
PROMPT = re.compile(r"^( *)crash> ?(.*)$")
SENTENCE = re.compile(r" *(?:NOTE: )?[A-Z][a-z]+(?: [a-z]+){5}")
HEADING = re.compile(r"[A-Z][A-Z ]+$")
PROSE = re.compile(r" *(?:NOTE: )?[A-Z(][A-Za-z'/-]*[ ,].*[a-z]")
# Pages that `crash -h all` leaves out.
NOT_IN_ALL = ("*", "gdb", "input", "output")
BARE = {"PATH": "/usr/bin:/bin", "TERM": "dumb", "HOME": "/nonexistent"}


class Example(NamedTuple):
    page: str
    command: str
    output: str


def binaries() -> list[Path]:
    """Every crash binary on this host, each once."""
    found = [*os.environ.get("CRASHDRIVE_CRASH", "").split(os.pathsep), shutil.which("crash") or ""]
    found += sorted(str(path) for path in LAB.glob("*/crash"))
    real = {Path(path).resolve(): Path(path) for path in found if path and os.access(path, os.X_OK)}
    return list(real.values())


def ask(binary: Path, *arguments: str) -> str:
    done = subprocess.run([binary, *arguments], capture_output=True, env=BARE, timeout=60, check=False)
    return done.stdout.decode("utf-8", "backslashreplace")


@functools.cache
def pages(binary: Path) -> dict[str, str]:
    """Help page by command, as far as crash lists commands."""
    listed = re.findall(r"^NAME\n +(\S+) - ", ask(binary, "-h", "all"), re.MULTILINE)
    found = {name: ask(binary, "-h", name) for name in sorted({*listed, *NOT_IN_ALL})}
    return {name: text for name, text in found.items() if text.lstrip().startswith("NAME")}


def examples(page: str, text: str) -> Iterator[Example]:
    """Each prompt of a page with the output below it; prompts without output are left out."""
    lines = text.split("\n")
    prompts = [(i, found) for i, line in enumerate(lines) if (found := PROMPT.match(line))]
    ends = [*(number for number, _ in prompts[1:]), len(lines)]
    for (number, found), following in zip(prompts, ends, strict=False):
        command, start = whole_command(lines, number, found[2])
        output = cut_prose(lines[start:following], len(found[1]))
        while output and not output[-1].strip():
            output.pop()
        while output and not output[0].strip():
            output.pop(0)
        if output:
            yield Example(page, command, "\n".join(output) + "\n")


def whole_command(lines: list[str], number: int, command: str) -> tuple[str, int]:
    """A command whose line ends in a backslash goes on in the next one."""
    while command.rstrip().endswith("\\"):
        number += 1
        command = f"{command.rstrip()[:-1]}{lines[number].strip()}"
    return command.strip(), number + 1


def cut_prose(lines: list[str], indent: int) -> list[str]:
    """The lines without the page's margin, up to the prose that leads to the next example."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        margin = len(line) - len(line.lstrip(" "))
        after_blank = number > 0 and not lines[number - 1].strip()
        leads = margin < indent and line.rstrip().endswith(":")
        if HEADING.match(line) or ((after_blank or leads) and is_prose(lines[number:], indent)):
            break
        kept.append(line[min(indent, margin) :])
    return kept


def is_prose(lines: list[str], indent: int) -> bool:
    """Whether a paragraph leads to an example: words up to a colon, or words left of the examples."""
    paragraph: list[str] = []
    for line in lines:
        if not line.strip():
            break
        paragraph.append(line)
    margin = len(paragraph[0]) - len(paragraph[0].lstrip(" ")) if paragraph else 0
    if not paragraph or margin > indent or not PROSE.match(paragraph[0]):
        return False
    return margin < indent or paragraph[-1].rstrip().endswith(":") or bool(SENTENCE.match(paragraph[0]))


@functools.cache
def exceptions() -> dict[tuple[str, str], str]:
    """(page, command) -> why this example can't parse."""
    listed = tomllib.loads(EXCEPTIONS.read_text())["example"]
    return {(entry["page"], entry["command"]): entry["reason"] for entry in listed}


def failures(binary: Path) -> tuple[int, dict[tuple[str, str], str]]:
    """How many examples there are, and those that don't parse."""
    failed: dict[tuple[str, str], str] = {}
    count = 0
    for page, text in pages(binary).items():
        for example in examples(page, text):
            count += 1
            try:
                parse(example.command, example.output)
            except CrashdriveError as error:
                failed[example.page, example.command] = str(error)
    return count, failed


needs_crash = pytest.mark.skipif(not binaries(), reason="no crash on this host")


@pytest.mark.live
@needs_crash
@pytest.mark.parametrize("binary", binaries(), ids=str)
def test_examples_parse(binary: Path) -> None:
    count, failed = failures(binary)
    assert count > 250
    unlisted = {key: why for key, why in failed.items() if key not in exceptions()}
    assert not unlisted
    assert len(failed) <= count * 0.02


@pytest.mark.live
@needs_crash
def test_no_exception_is_stale() -> None:
    """Each listed example still fails with some crash on this host (or none of them has it)."""
    seen: set[tuple[str, str]] = set()
    failed: set[tuple[str, str]] = set()
    for binary in binaries():
        seen |= {(e.page, e.command) for page, text in pages(binary).items() for e in examples(page, text)}
        failed |= set(failures(binary)[1])
    stale = (set(exceptions()) & seen) - failed
    assert not stale


def test_every_exception_has_a_reason() -> None:
    assert all(reason.strip() for reason in exceptions().values())
