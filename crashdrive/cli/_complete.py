"""What the shell is told when somebody presses TAB: files where files are meant, names of all else.

The scripts that the shells source are click's. Ours is what stands behind ``=`` (``--format=json``), which
each shell takes apart in a way of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
)

Items = list[CompletionItem[str]]


def files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """The shell's own completion of files."""
    return [CompletionItem(incomplete, type="file")]


def folders(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """The shell's own completion of folders."""
    return [CompletionItem(incomplete, type="dir")]


def names(words: Iterable[str], incomplete: str) -> Items:
    """Those of the words that begin so."""
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


class Bash(BashComplete):
    """bash makes three words of ``--format=json``, and completes the last one."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words up to the one that is being completed, and that one, with ``=`` inside."""
        args, incomplete = super().get_completion_args()
        words: list[str] = []
        for word in (*args, incomplete):
            if words and words[-1].startswith("--") and (word == "=" or words[-1].endswith("=")):
                words[-1] += word
            else:
                words.append(word)
        return words[:-1], words[-1]


class Zsh(ZshComplete):
    """zsh keeps it one word, and wants names with what comes before them, files without."""

    source_template = ZshComplete.source_template.replace(
        "local -a completions\n", "local -a completions\n    compset -P '--*='\n", 1
    )

    def get_completions(self, args: list[str], incomplete: str) -> Items:
        """As ever, names with the option that they are a value of."""
        items = super().get_completions(args, incomplete)
        option = _option_before(incomplete)
        return [_behind(option, item) if item.type == "plain" else item for item in items]


class Fish(FishComplete):
    """fish keeps it one word, and wants all of it; its own completion of files knows no such word."""

    def get_completions(self, args: list[str], incomplete: str) -> Items:
        """As ever, with the option that it is a value of."""
        items = super().get_completions(args, incomplete)
        option = _option_before(incomplete)
        if option and any(item.type != "plain" for item in items):
            items = [CompletionItem(path) for path in _paths(incomplete.removeprefix(option))]
        return [_behind(option, item) for item in items]


def register_shells() -> None:
    """Have the shells told by the classes above."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)


def _option_before(incomplete: str) -> str:
    """``--format=`` of ``--format=js``; nothing of other words."""
    name, equals, _ = incomplete.partition("=")
    return name + equals if equals and name.startswith("--") else ""


def _behind(option: str, item: CompletionItem[str]) -> CompletionItem[str]:
    return CompletionItem(option + item.value, type=item.type, help=item.help)


def _paths(start: str) -> list[str]:
    """The files and folders whose paths begin so."""
    folder, _, _ = start.rpartition("/")
    prefix = f"{folder}/" if "/" in start else ""
    try:
        entries = sorted(Path(prefix or ".").iterdir())
    except OSError:
        return []
    found = (f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}" for entry in entries)
    return [path for path in found if path.startswith(start)]
