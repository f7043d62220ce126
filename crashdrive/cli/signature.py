"""``crashdrive signature``: why a kernel died, out of its log: kind, culprit, title, bucket."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from crashdrive.cli._complete import files
from crashdrive.cli._opening import file_kind, files_of, format_option, opened, session_options
from crashdrive.errors import EXIT_OK, DumpError
from crashdrive.records import Table, to_builtins
from crashdrive.render import FORMATS, Output, render
from crashdrive.steps import step

_HELP = """Say why a kernel died: kind of crash, culprit, and a signature that equal crashes share.

LOGFILE is a captured console log, dmesg, syslog, or the text of an oops, of any kernel since 2.4; ``-`` is
stdin. Of a dump (VMCORE) the log in it is taken. What a file is, its content tells.

\b
Examples:
  crashdrive signature console.log
  dmesg | crashdrive signature --format json -
  crashdrive signature --format json vmcore | jq -r .bucket

owner: by the lines MODULE[!FUNCTION] = WHO of the file that CRASHDRIVE_OWNERS names,
else of ~/.config/crashdrive/owners.

JSON is one object. A log without a crash has kind null, and the exit status is 0. `corrupted` says that the
text is mixed up or cut; what couldn't be told for sure is null.
"""
_SAMPLE = 1 << 16
_MOST_CONTROL = 0.3  # of the characters; a serial line's noise is far below, a binary file above
_CONTROL = bytes(range(9)) + bytes(range(14, 27)) + b"\x7f"


@click.command(
    "signature",
    help=_HELP,
    short_help="Why a kernel died, out of a log or a dump's log: kind, culprit, bucket.",
    params=[
        *session_options(),
        format_option(FORMATS, "table"),
        click.Argument(["words"], nargs=-1, metavar="[VMLINUX] VMCORE | LOGFILE | -", shell_complete=files),
    ],
)
def command(words: tuple[str, ...], form: str, **options: Any) -> int:
    """See the help text."""
    from crashdrive.linux import oops
    from crashdrive.owners import owners

    text = _text(words, options)
    with step("judged"):
        found = oops.verdict(text)
        found = msgspec.structs.replace(found, owner=owners().owner(found.module, found.function))
    output = Output.standard()
    if form == "json":
        output.text(json.dumps(to_builtins(found), indent=2) + "\n")
    else:
        render(Table(name="verdict", rows=[found], layout="fields"), form, output)
    return EXIT_OK


def _text(words: tuple[str, ...], options: dict[str, Any]) -> str:
    """The log: out of a file or stdin, or out of the dump that the words name."""
    if not words and not options["replay"]:
        raise click.UsageError("Missing argument VMCORE, LOGFILE or -")
    if words == ("-",):
        return _checked(sys.stdin.buffer.read(), "stdin")
    if (
        len(words) == 1
        and not (options["replay"] or options["host"])
        and file_kind(words[0]) in {"other", "missing"}
    ):
        return _log_file(words[0])
    target = files_of(words, options)
    if target.rest:
        raise click.UsageError(f"unexpected argument {target.rest[0]!a}")
    with opened(target, options) as crash:
        return crash.run("log").check().text


def _log_file(path: str) -> str:
    try:
        return _checked(Path(path).read_bytes(), path)
    except (OSError, ValueError) as error:
        raise DumpError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _checked(data: bytes, name: str) -> str:
    """Text, with bytes that are no UTF-8 as backslash escapes; DumpError for a binary file."""
    sample = data[:_SAMPLE]
    if sample and len(sample) - len(sample.translate(None, _CONTROL)) > _MOST_CONTROL * len(sample):
        raise DumpError(f"{name}: neither a dump that crash reads nor the text of a log")
    return data.decode("utf-8", "backslashreplace")
