"""Examples on pages of docs/: command lines with what they print, run on recorded sessions.

A block of ``console`` behind ``<!-- recorded: FOLDER -->`` (below golden_outputs/, or a .session file of the
checkout) is one: in place of ``vmcore`` the recording is given. ``| head -N`` at the end of a line cuts what
it prints. A block of ``python`` whose first line is ``# NAME.py`` is a file for the lines below it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sessionkit import whole_session

from crashdrive.cli import main as crashdrive

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = ("docs/howto.md", "docs/first-dump.md")
_BLOCK = re.compile(
    r"(?:<!-- recorded: (?P<recorded>\S+) -->\n)?```(?P<kind>console|python)\n(?P<text>.*?)```\n", re.DOTALL
)
_HEAD = re.compile(r" \| head -(\d+)$")
_SETTINGS = {"CRASHDRIVE_NO_CACHE": "1", "CRASHDRIVE_PLUGINS": "off", "CRASHDRIVE_SESSION": "off"}


class Printed(NamedTuple):
    """What a command line printed, and its exit status."""

    output: str
    status: int


def filled(page: str, folder: Path) -> str:
    """The page with what its examples print now; ``folder`` is where they run."""

    def again(block: re.Match[str]) -> str:
        if block["kind"] == "python":
            name = re.match(r"# (\w+\.py)\n", block["text"])
            if name:
                (folder / name[1]).write_text(block["text"], encoding="utf-8")
            return block[0]
        if not block["recorded"]:
            return block[0]
        lines = [line for line in block["text"].splitlines() if line.startswith("$ ")]
        text = "".join(f"{line}\n{_told(line[2:], block['recorded'], folder)}" for line in lines)
        return f"<!-- recorded: {block['recorded']} -->\n```console\n{text}```\n"

    return _BLOCK.sub(again, page)


def _told(line: str, recorded: str, folder: Path) -> str:
    printed = printed_by(line, recorded, folder)
    return printed.output + (f"(exit status {printed.status})\n" if printed.status else "")


def printed_by(line: str, recorded: str, folder: Path) -> Printed:
    """Run a command line on a recording."""
    head = _HEAD.search(line)
    program, *words = shlex.split(_HEAD.sub("", line))
    if program != "crashdrive":
        raise ValueError(f"not a command line of crashdrive: {line}")
    target = None
    if ">" in words:
        words, target = words[: words.index(">")], folder / words[-1]
    if words[0] == "vmcore":  # what it means is told by the file
        words = ["triage", *words]
    at = words.index("vmcore")
    words[at : at + 1] = ["--replay", str(_recording(recorded))]
    heard = io.StringIO()
    with _in(folder), contextlib.redirect_stdout(heard), contextlib.redirect_stderr(io.StringIO()):
        status = crashdrive(words)
    text = heard.getvalue()
    if target is not None:
        target.write_text(text, encoding="utf-8")
        text = ""
    if head:
        text = "".join(f"{line}\n" for line in text.splitlines()[: int(head[1])])
    return Printed(re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE), status)


@contextlib.contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(_SETTINGS)
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _recording(name: str) -> Path:
    return CHECKOUT / name if name.endswith(".session") else whole_session(CHECKOUT / "golden_outputs" / name)


def main() -> int:
    """Fill the pages anew, or with --check say which print something else now (status 1)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="*", default=PAGES, help="default: all pages with examples")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is out of date")
    options = parser.parse_args()
    stale = 0
    for name in options.pages:
        path = CHECKOUT / name
        with tempfile.TemporaryDirectory(prefix="examples-") as place:
            page = path.read_text(encoding="utf-8")
            new = filled(page, Path(place))
        if new == page:
            continue
        stale += 1
        if options.check:
            print(f"{name} is out of date")
        else:
            path.write_text(new, encoding="utf-8")
            print(f"{name} written: read what has changed")
    return 1 if options.check and stale else 0
