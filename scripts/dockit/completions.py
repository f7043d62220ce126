"""docs/completions/: the files that shells load to complete crashdrive's command line, of click's text."""

from __future__ import annotations

from click.shell_completion import ShellComplete

from crashdrive.cli._complete import Bash, Fish, Zsh
from crashdrive.cli._root import root

# by the name that the shell looks for in its folder
_FILES: dict[str, type[ShellComplete]] = {
    "crashdrive": Bash,
    "_crashdrive": Zsh,
    "crashdrive.fish": Fish,
}


def pages() -> dict[str, str]:
    """The files, by name."""
    return {
        name: _text(kind(root, {}, "crashdrive", "_CRASHDRIVE_COMPLETE")) for name, kind in _FILES.items()
    }


def _text(shell: ShellComplete) -> str:
    # not source(), which runs bash to look at its version
    return (shell.source_template % shell.source_vars()).strip() + "\n"
