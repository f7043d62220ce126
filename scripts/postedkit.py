"""Sessions of crash that people posted, and what the parsers make of them.

::

    scripts/posted DIR...               notes, blogs, mails: all text files below these folders
    scripts/posted REPO.git             those of a git repository without a work tree
    scripts/posted DIR --show refused   with each session that was refused: where, and what was expected

A session is a line ``crash> COMMAND`` and what stands below it: up to the next prompt, the end of its block
(a fence, ``</pre>``), or the end of the lines that are indented or quoted as the prompt is. Each is parsed
strictly and is

- ``whole``: an answer that says that nothing is missing; ``marked``: an answer that says what is;
- ``refused``: an error, with its place. People write comments into outputs, leave lines out, wrap them and
  filter them: none of that is what crash prints, so an error or a mark is right there, and silence wrong;
- ``unknown``: no command of crash's;
- ``wrong``: any exception but crashdrive's own.

The texts are somebody else's: nothing of them is kept here. What a session showed that grammars lacked is
written anew in tests/parsers/test_posted.py.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from crashdrive.errors import ParseError, UsageError
from crashdrive.parsers import parse

CLASSES = ("whole", "marked", "refused", "unknown", "wrong")
LARGEST = 4 << 20
_TEXTS = {"", ".md", ".txt", ".rst", ".html", ".htm", ".log", ".org", ".adoc", ".asciidoc", ".mbox", ".patch"}
_PROMPT = re.compile(r"(?P<lead>[ \t>|]*)crash(?:64|_\w+)?> *(?P<command>[^\s#].*)")
_END = re.compile(r"\s*(?:```|~~~|</(?:pre|code)>|\{% end|\+?-----)|[\s>|]*crash(?:64|_\w+)?>")


class Session(NamedTuple):
    """A command and what stands below it: ``place`` is FILE:LINE of its prompt."""

    place: str
    command: str
    output: str


def sessions(name: str, text: str) -> Iterator[Session]:
    """All sessions of a text whose command printed something."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        prompt = _PROMPT.fullmatch(line.rstrip())
        if prompt is None:
            continue
        output = "".join(f"{each}\n" for each in _below(lines[number + 1 :], prompt["lead"])).strip("\n")
        if output.strip():
            yield Session(f"{name}:{number + 1}", prompt["command"].strip(), f"{output}\n")


def _below(lines: list[str], lead: str) -> Iterator[str]:
    """The lines of an output, without what stands in front of each."""
    for line in lines:
        if _END.match(line):
            return
        if line.startswith(lead):
            yield line[len(lead) :]
        elif line.strip() and line.strip() != lead.strip():
            return
        else:
            yield ""


def became(session: Session) -> tuple[str, str]:
    """The class of a session, and what is to be said of it."""
    try:
        answer = parse(session.command, session.output)
    except ParseError as error:
        return "refused", f"line {error.line}, column {error.column}: {error.reason}: {error.text!r:.90}"
    except UsageError as error:
        return "unknown", str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return "wrong", f"{type(error).__name__}: {error!s:.90}"
    if answer.complete:
        return "whole", ""
    return "marked", "; ".join(dict.fromkeys(notice.message for notice in answer.warnings))[:120]


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """The text files of a folder or of a git repository's newest commit: their names and texts."""
    if (folder / "HEAD").exists() and (folder / "objects").exists():
        yield from _committed(folder)
        return
    for path in sorted(folder.rglob("*")):
        if _is_text(path) and path.is_file() and path.stat().st_size <= LARGEST:
            yield str(path.relative_to(folder)), _plain(path.name, path.read_bytes())


def _committed(repository: Path) -> Iterator[tuple[str, str]]:
    for line in _git(repository, "ls-tree", "-r", "-z", "HEAD").split(b"\0"):
        about, _, name = line.decode("utf-8", "backslashreplace").partition("\t")
        if about and _is_text(Path(name)):
            with contextlib.suppress(subprocess.CalledProcessError):  # a partial copy lacks large files
                data = _git(repository, "cat-file", "blob", about.split()[2])
                if len(data) <= LARGEST:
                    yield name, _plain(name, data)


def _git(repository: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=True)  # noqa: S607 - the user's git
    return done.stdout


def _is_text(path: Path) -> bool:
    return path.suffix.lower() in _TEXTS and ".git" not in path.parts


def _plain(name: str, data: bytes) -> str:
    text = data.decode("utf-8", "backslashreplace")
    if not name.lower().endswith((".html", ".htm")):
        return text
    return html.unescape(re.sub(r"<(?!/?(?:pre|code)\b)/?[a-z][^<>]{0,500}>", "", text))


def main() -> int:
    """Parse all sessions; status 1 where another exception than crashdrive's came out, or there are none."""
    form = argparse.RawDescriptionHelpFormatter
    options = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    options.add_argument("folder", nargs="+", type=Path, metavar="DIR")
    options.add_argument(
        "--show", default="wrong", help=f"these classes: {','.join(CLASSES)} (default: wrong)"
    )
    options.add_argument("--command", help="sessions of this command alone")
    chosen = options.parse_args()
    counts: dict[str, Counter[str]] = {}
    seen: set[tuple[str, str]] = set()
    for folder in chosen.folder:
        for name, text in texts(folder):
            for session in sessions(f"{folder}/{name}", text):
                _count(session, chosen, counts, seen)
    for line in table(counts):
        print(line)
    total = sum(counts.values(), Counter[str]())
    return int(bool(total["wrong"]) or not total)


def _count(
    session: Session,
    chosen: argparse.Namespace,
    counts: dict[str, Counter[str]],
    seen: set[tuple[str, str]],
) -> None:
    """Count a session, once however often it was posted."""
    command = session.command.split()[0]
    if (session.command, session.output) in seen or chosen.command not in {None, command}:
        return
    seen.add((session.command, session.output))
    kind, told = became(session)
    counts.setdefault("(none)" if kind == "unknown" else command, Counter())[kind] += 1
    if kind in chosen.show.split(","):
        with contextlib.suppress(BrokenPipeError):
            print(f"{session.place} ({session.command})\n    {kind}: {told}", file=sys.stderr)


def table(counts: dict[str, Counter[str]]) -> Iterator[str]:
    """The figures, by command and of all."""
    yield f"{'command':14}" + "".join(f"{kind:>9}" for kind in CLASSES)
    total = sum(counts.values(), Counter[str]())
    for name, kinds in [*sorted(counts.items()), ("(all)", total)]:
        yield f"{name:14.14}" + "".join(f"{kinds[kind] or '':>9}" for kind in CLASSES)
