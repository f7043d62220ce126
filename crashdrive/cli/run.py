"""``crashdrive run``: a script over a dump."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from crashdrive.cli._complete import files
from crashdrive.cli._ending import say
from crashdrive.cli._opening import files_of, format_option, opened, session_options
from crashdrive.cli._pykdump import pykdump_options
from crashdrive.errors import EXIT_OK
from crashdrive.render import FORMATS
from crashdrive.steps import step

if TYPE_CHECKING:
    from crashdrive.cli._pure import Pure
    from crashdrive.cli._script import Script
    from crashdrive.cli._witness import Witness

_HELP = """Run a Python SCRIPT that gets the opened dump as the global `crash`.

The script runs as with python: its ARGS are sys.argv, stdin is yours, sys.exit(7) gives 7. If it defines
report(crash), that is called at its end, and the records that it returns are printed as --format says.
Options of crashdrive go before the files, those of the script behind it. What a script prints that reads the
dump alone is kept, and printed again without crash (docs/cache.md; -v says why another one isn't).

\b
Examples:
  crashdrive run vmcore examples/report.py
  crashdrive run --format json vmlinux vmcore examples/blocked.py | jq .
  crashdrive run --record case.session vmcore examples/report.py
  crashdrive run --replay case.session examples/report.py
  echo 'print(len(crash.ps()))' | crashdrive run vmcore -     out of stdin

Scripts of PyKdump run as they are: their imports (pykdump, LinuxDump, crash) are there while a script runs,
and scripts in Python 2 are converted; see docs/pykdump.md.

\b
A whole script:
  for task in crash.ps():
      print(task.pid, task.comm)
"""


@click.command(
    "run",
    help=_HELP,
    short_help="Run a Python script over a dump.",
    context_settings={"allow_interspersed_args": False},
    params=[
        *session_options(),
        format_option(FORMATS, "table"),
        *pykdump_options(),
        click.Option(
            ["--show-converted"],
            is_flag=True,
            help="Print a script that is in Python 2 as it is run, in Python 3; no dump is opened or needed.",
        ),
        click.Argument(
            ["words"],
            nargs=-1,
            required=True,
            metavar="[VMLINUX] VMCORE SCRIPT [ARGS]...",
            type=click.UNPROCESSED,
            shell_complete=files,
        ),
    ],
)
def command(
    words: tuple[str, ...],
    form: str,
    pykdump: str | None,
    show_converted: bool,  # noqa: FBT001 - click passes it by name
    old_names: bool,  # noqa: FBT001 - as above
    **options: Any,
) -> int:
    """See the help text."""
    from crashdrive.cli import _script
    from crashdrive.cli._kept import Question, answered
    from crashdrive.cli._script import find, load, run
    from crashdrive.dump.contents import current_mark

    target = files_of(words, options)
    if show_converted:
        _script.show_converted(find(next(iter(target.rest), words[-1]), pykdump))
        return EXIT_OK
    if not target.rest:
        raise click.UsageError("Missing argument SCRIPT")
    if target.rest[0].startswith("-") and target.rest[0] != "-":
        raise click.UsageError(f"Options go before the files: {target.rest[0]}")
    path = find(target.rest[0], pykdump)
    mark = current_mark(path)  # before it is read
    script = load(path)
    argv = (script.path, *target.rest[1:])

    def work(witness: Witness) -> int:
        purpose = f"script {script.digest}"
        with opened(target, options, purpose=purpose, witness=witness) as crash, step("script"):
            witness.computes()
            return run(script, argv, crash, form, pykdump, old_names=old_names)

    asked, pure = None, _pure(script, mark, pykdump)
    if isinstance(pure, str):
        if options["verbose"]:
            say(f"{script.path} is run each time: {pure}", passing=True)
    else:
        asked = Question(("run", form, script.digest, argv, old_names), pure=pure)
    return answered(asked, target, options, work)


def _pure(script: Script, mark: str | None, pykdump: str | None) -> Pure | str:
    """What a script's answer rests on, or why it isn't kept."""
    from crashdrive.cli._pure import purity

    if script.source is None or pykdump is not None:
        return "it is PyKdump's" if pykdump is not None else "it is in Python 2"
    return purity(script.path, mark, script.source)
