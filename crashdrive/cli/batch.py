"""``crashdrive batch``: many dumps, triaged and grouped."""

from __future__ import annotations

from typing import Any

import click

from crashdrive.cli._complete import files, folders
from crashdrive.cli._opening import crash_option, debug_dir_option, timeout_option, verbose_option
from crashdrive.errors import UsageError

_HELP = """Triage many dumps: which died of the same, and what each died of.

DUMPS are folders (all dumps below them), files, patterns in quotes, or lists: @FILE names a path a line;
@FILE.csv has columns vmcore, vmlinux, host. Each kernel is found by its build id: beside the dump, under
/usr/lib/debug, and anywhere below each --debug-dir. Each dump is triaged by a process of its own. What is
done stays done: the same command goes on where it was stopped, and takes what is new.

\b
Examples:
  crashdrive batch /var/crash -o out
  crashdrive batch /var/crash --debug-dir /srv/kernels -j 8 -o out
  crashdrive batch @dumps.txt -o out --retry-failed
  crashdrive batch '/srv/*/vmcore' --report netstat --report stacks -o out
  crashdrive batch /var/crash -o out -- report.py --its-option

OUT/triage.sqlite has all that was found (tables dumps, groups, findings), OUT/triage.jsonl a line for each
dump. Exit status 5 where some dumps failed or are incomplete, 1 where all failed.
"""


class _WithScript(click.Command):
    """A command whose words behind ``--`` are a script and its arguments."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set the words behind the first ``--`` apart."""
        at = args.index("--") if "--" in args else len(args)
        ctx.ensure_object(dict)["script"] = tuple(args[at + 1 :])
        if at == len(args) - 1:
            raise click.UsageError("Missing SCRIPT behind --", ctx)
        return super().parse_args(ctx, args[:at])


def options() -> list[click.Parameter]:
    """The options of a batch."""
    return [
        click.Option(
            ["-o", "--output", "folder"],
            metavar="OUT",
            required=True,
            shell_complete=folders,
            help="The folder for what is found; made where it isn't there.",
        ),
        click.Option(
            ["-j", "--jobs"],
            type=click.IntRange(min=1),
            metavar="N",
            help="Dumps at a time (default: as many as there are cores, and memory for).",
        ),
        click.Option(
            ["--deadline"],
            type=click.FloatRange(min=0, min_open=True),
            default=600.0,
            show_default=True,
            metavar="SECONDS",
            help="What a dump may take in all.",
        ),
        click.Option(
            ["--memory"],
            type=click.IntRange(min=64),
            default=4096,
            show_default=True,
            metavar="MIB",
            help="Memory that a dump's processes may take together.",
        ),
        click.Option(
            ["--brief"], is_flag=True, help="The triage alone: no log, stacks and sockets on a dump's page."
        ),
        click.Option(["--retry-failed"], is_flag=True, help="Take failed dumps again."),
        click.Option(["--again"], is_flag=True, help="Take all dumps again, also those that are done."),
        click.Option(
            ["--known"],
            metavar="FILE",
            shell_complete=files,
            help="What is known of crashes: title, link, owner, fixed in (default: OUT/known.toml).",
        ),
        click.Option(
            ["--watch"], is_flag=True, help="Take new dumps as they appear, until SIGTERM or ^C: a service."
        ),
        click.Option(
            ["--interval"],
            type=click.FloatRange(min=0.1),
            default=30.0,
            show_default=True,
            metavar="SECONDS",
            help="How often --watch looks. A dump is taken when it has stayed as it is since the last look.",
        ),
        click.Option(
            ["--shard"],
            metavar="I/N",
            help="Only part I of N, for job arrays; crashdrive merge puts the parts together.",
        ),
        click.Option(
            ["--dask"],
            metavar="SCHEDULER",
            help="Run on a Dask cluster (tcp://HOST:8786), one crash per resource `crash` of its workers.",
        ),
        click.Option(
            ["--dask-scratch"],
            metavar="DIR",
            help="Send dumps to their workers, into DIR there (default: all see the same paths).",
        ),
        click.Option(
            ["--redact"],
            is_flag=True,
            help="Write a copy into OUT/redacted: no host names, addresses, users' paths, command lines.",
        ),
        click.Option(
            ["--report", "reports"],
            multiple=True,
            metavar="NAME",
            help="Make this report, too, of each dump; its rows go into OUT/reports.",
        ),
        crash_option(
            "crash binary to use; can be given several times (default: CRASHDRIVE_CRASH, then PATH)."
        ),
        debug_dir_option("Look for kernels anywhere below DIR."),
        click.Option(
            ["--debuginfod"],
            is_flag=True,
            help="Fetch kernels that are nowhere here from the servers of DEBUGINFOD_URLS.",
        ),
        timeout_option("Deadline of each command of crash."),
        verbose_option("Say on stderr what each step took."),
    ]


@click.command(
    "batch",
    cls=_WithScript,
    help=_HELP,
    short_help="Triage many dumps: which died of the same, what each died of.",
    params=[
        *options(),
        click.Argument(
            ["words"], nargs=-1, required=True, metavar="DUMPS... [-- SCRIPT ARGS...]", shell_complete=files
        ),
    ],
)
@click.pass_context
def command(ctx: click.Context, /, words: tuple[str, ...], **given: Any) -> int:
    """See the help text."""
    from crashdrive.cli._batches import run_batch

    if ctx.obj["script"] and ctx.obj["script"][0].startswith("-"):
        raise UsageError(f"the script stands right behind --, not {ctx.obj['script'][0]!a}")
    return run_batch(words, {**given, "script": ctx.obj["script"]})
