"""``crashdrive notebook``: a notebook over a dump."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click

from crashdrive.cli._complete import files
from crashdrive.cli._ending import say
from crashdrive.cli._opening import crash_option, debug_dir_option, take_files
from crashdrive.errors import EXIT_OK, CrashdriveError, TargetError

_HELP = """Make a notebook that opens a dump, and open it in JupyterLab.

Its cells open the dump (%dump), show the triage, the stacks as a flame graph and the sockets by state, and
make a table of pandas of the tasks. A file that is there already is opened as it is.

The magics come with pip install 'crashdrive[notebook]'; JupyterLab is yours to install. In any notebook, or
in IPython at a terminal:

\b
  %load_ext crashdrive
  %dump vmcore                  the dump is `crash` then
  %crash ps                     a command of crash, as records
  %report netstat -anp          a report

\b
Examples:
  crashdrive notebook vmcore
  crashdrive notebook vmcore -o look.ipynb --no-open
  crashdrive notebook --replay case.session
"""


@click.command(
    "notebook",
    help=_HELP,
    short_help="A notebook over a dump, in JupyterLab.",
    params=[
        click.Option(
            ["-o", "--output"],
            metavar="FILE",
            shell_complete=files,
            help="The notebook (default: the dump's name and .ipynb, in this folder).",
        ),
        click.Option(["--open/--no-open", "wants_open"], default=True, help="Whether JupyterLab is started."),
        crash_option("crash binary that the notebook is to use."),
        debug_dir_option("The notebook looks there, too, for the vmlinux."),
        click.Option(
            ["--replay"], metavar="FILE", shell_complete=files, help="A notebook over a recorded session."
        ),
        click.Argument(["words"], nargs=-1, metavar="[VMLINUX] VMCORE", shell_complete=files),
    ],
)
def command(
    words: tuple[str, ...],
    output: str | None,
    wants_open: bool,  # noqa: FBT001 - click's
    crash_binaries: tuple[str, ...],
    debug_dirs: tuple[str, ...],
    replay: str | None,
) -> int:
    """See the help text."""
    from crashdrive.notebook.starter import notebook

    target = take_files(words, replay=replay)
    if target.rest:
        raise click.UsageError(f"Got unexpected extra argument {target.rest[0]!a}")
    named = [_absolute(path) for path in (target.vmlinux, target.vmcore) if path is not None]
    options = [word for path in crash_binaries for word in ("--crash", _absolute(path))]
    options += [word for folder in debug_dirs for word in ("--debug-dir", _absolute(folder))]
    options += ["--replay", _absolute(replay)] if replay is not None else named
    file = Path(output or f"{Path(options[-1]).name}.ipynb")
    if file.exists():
        say(f"{file} is there already, and stays as it is")
    else:
        try:
            file.write_text(notebook(options), encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"{file}: {error.strerror}") from error
        say(f"{file} is made")
    return _open(file) if wants_open else EXIT_OK


def _absolute(path: str) -> str:
    """A path as the notebook names it, wherever that lies."""
    if not Path(path).exists():
        raise TargetError(f"{path}: there is no such file or folder")
    return str(Path(path).absolute())


def _open(file: Path) -> int:
    program = shutil.which("jupyter-lab")
    if program is None:
        raise CrashdriveError(
            f"JupyterLab is not installed: pip install jupyterlab 'crashdrive[notebook]'; "
            f"or open {file} in the notebook that you have"
        )
    return subprocess.run([program, str(file)], check=False).returncode
