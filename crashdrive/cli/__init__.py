"""The command line. One module per subcommand, found by its name; what starts with ``_`` is a helper."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (``sys.argv`` where no arguments are given); gives the exit status."""
    from crashdrive.cli._ending import guarded
    from crashdrive.cli._root import root

    return guarded(lambda: root.main(arguments, prog_name="crashdrive", standalone_mode=False))
