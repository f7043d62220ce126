"""The top of the command line; subcommands are the modules beside it."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any, cast

import click

from crashdrive._version import __version__
from crashdrive.cli._complete import register_shells
from crashdrive.cli._ending import PastClickError
from crashdrive.cli._groups import NearGroup

_HELP = """Drive the Linux crash utility: kernel dumps as typed records, reports and scripts.

VMLINUX is the kernel with debug data, VMCORE the dump; they go in either order. Leave VMLINUX out and it is
found by the build id in the dump: beside the dump, under /usr/lib/debug, and in each --debug-dir.

\b
Start here:
  crashdrive doctor                              what this host has and lacks
  crashdrive vmcore                              why it died (triage)
  crashdrive exec vmcore sys 'bt -a'             crash's commands, as text
  crashdrive exec --format json vmcore ps        ... as records
  crashdrive examples report > report.py         a script to start from
  crashdrive run vmcore report.py                ... run: it gets `crash`
  crashdrive report --list                       what crash has no command for
  crashdrive parse ps < captured.txt             records out of text, no dump

\b
Exit status:
  0 done                                   4 a deadline passed
  1 a command, report or script failed     5 the answer is marked incomplete
  2 usage                                  130 interrupted
  3 dump, vmlinux or crash unusable      141 the output's reader went away

Data goes to stdout, messages to stderr.

\b
Shell completion, for bash (zsh_source for zsh), into ~/.bashrc:
  eval "$(_CRASHDRIVE_COMPLETE=bash_source crashdrive)"
for fish, into ~/.config/fish/config.fish:
  _CRASHDRIVE_COMPLETE=fish_source crashdrive | source
"""


class Subcommands(NearGroup):
    """A group whose commands are modules with a ``command``, imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The modules' names; one that starts with ``_`` is a helper."""
        names = (info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)]))
        return sorted(name for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a module, None if there is no such module."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return cast("click.Command", importlib.import_module(f"crashdrive.cli.{cmd_name}").command)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A dump in a command's place is looked at by ``triage``; so is a dump behind its vmlinux."""
        words = [word for word in args if not word.startswith("-")]
        if words and args[0] == words[0] and args[0] not in self.list_commands(ctx):
            from crashdrive.cli._opening import file_kind

            if file_kind(words[0]) == "dump" or any(file_kind(word) == "dump" for word in words[1:2]):
                args = ["triage", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; what click would turn into messages of its own passes it by."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, EOFError, BrokenPipeError) as error:
            raise PastClickError from error


root = Subcommands(
    "crashdrive",
    help=_HELP,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(__version__, message="crashdrive %(version)s")(root)
register_shells()
