"""Options of those that run PyKdump's programs."""

from __future__ import annotations

import click

from crashdrive.cli._complete import folders


def pykdump_options() -> list[click.Parameter]:
    """``--pykdump`` and ``--old-names``."""
    return [
        click.Option(
            ["--pykdump"],
            envvar="CRASHDRIVE_PYKDUMP",
            metavar="DIR",
            shell_complete=folders,
            help="Folder of a PyKdump checkout: its own Python layer and programs are used "
            "(default: CRASHDRIVE_PYKDUMP, then crashdrive's layer).",
        ),
        click.Option(
            ["--old-names"],
            is_flag=True,
            help="For PyKdump's programs on newer kernels: members have the names, too, that they had.",
        ),
    ]
