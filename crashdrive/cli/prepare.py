"""``crashdrive prepare``: what the first start on a kernel would have to do, done ahead."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from crashdrive.cli._complete import files
from crashdrive.cli._ending import say
from crashdrive.cli._opening import say_what_is_logged
from crashdrive.errors import EXIT_FAILED, EXIT_OK, CrashdriveError, UsageError

if TYPE_CHECKING:
    from crashdrive.cache.gdb_index import Indexes

_HELP = """Do ahead, for each VMLINUX, what the first start of crash on a dump of that kernel would do:
write gdb's index of it, with which crash starts in half of the time.

It takes some seconds of processor and 40 MB for a distribution's kernel, and wants a gdb of version 13 or
later (`crashdrive doctor` says which there is). Without this command it is done beside the first start.

\b
Examples:
  crashdrive prepare /usr/lib/debug/boot/vmlinux-*
"""


@click.command(
    "prepare",
    help=_HELP,
    short_help="Do ahead what the first start on a kernel would do.",
    params=[
        click.Argument(["kernels"], nargs=-1, required=True, metavar="VMLINUX...", shell_complete=files),
    ],
)
def command(kernels: tuple[str, ...]) -> int:
    """See the help text."""
    from crashdrive.cache.gdb_index import Indexes
    from crashdrive.cache.store import open_store
    from crashdrive.session.indexing import FIRST_WRITER, OFF, writing_gdb

    say_what_is_logged()
    if (store := open_store()) is None:
        raise UsageError("CRASHDRIVE_CACHE=off: nothing is kept, so that nothing can be prepared")
    if os.environ.get(OFF) == "off":
        raise UsageError(f"{OFF}=off: no crash is given an index, so that nothing is prepared")
    if writing_gdb() is None:
        say(f"no gdb of version {FIRST_WRITER} or later here: install the package gdb")
        return EXIT_FAILED
    # the store's folder is made, and refused where others may write to it
    store.size()
    if store.problem is not None:
        return EXIT_FAILED
    indexes = Indexes(store)
    return max([_prepare(path, indexes) for path in kernels], default=EXIT_OK)


def _prepare(path: str, indexes: Indexes) -> int:
    from crashdrive.dump.identity import vmlinux_identity
    from crashdrive.render.progress import waiting
    from crashdrive.session.indexing import is_foreign, prepared

    try:
        vmlinux = vmlinux_identity(path)
    except CrashdriveError as error:
        say(str(error))
        return error.exit_status
    if not vmlinux.build_id or not vmlinux.debug_data:
        say(f"{path!a}: {'no debug data' if vmlinux.build_id else 'no build id'}; nothing to prepare")
        return EXIT_FAILED
    if is_foreign(vmlinux):
        say(f"{path!a}: of another architecture than this host, whose gdb can't index it; nothing to prepare")
        return EXIT_FAILED
    with waiting(f"indexing {path}"):
        file, seconds = prepared(vmlinux, indexes)
    if file is None:
        say(f"{path!a}: gdb wrote no index that can be used")
        return EXIT_FAILED
    click.echo(f"{ascii(path)[1:-1]}: {'was prepared' if not seconds else f'prepared in {seconds:.1f} s'}")
    return EXIT_OK
