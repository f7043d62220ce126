"""``crashdrive nfsshow``: NFS and remote calls, asked as PyKdump's program is."""

from __future__ import annotations

import click

from crashdrive.cli._front import Address, flag, program, value, verbosity

_HELP = """NFS and remote procedure calls of a dump, asked as PyKdump's nfsshow is.

Without options: mounts of servers with their connections, exports in numbers, calls that aren't done. What
is printed looks as it prints it, with what newer kernels have. Without --netns it is the first network
namespace.

\b
Examples:
  crashdrive nfsshow vmcore
  crashdrive nfsshow --client -vv vmcore      leases, open files, delegations
  crashdrive nfsshow --server vmcore          exports, clients, connections
  crashdrive nfsshow --rpctasks -v vmcore     calls that aren't done
  crashdrive nfsshow --pid vmcore             processes that are in NFS
  crashdrive nfsshow --decoderpctask ffff8ea35deec500 vmcore
  crashdrive nfsshow --pid=127 vmcore
"""

_OPTIONS = [
    flag("-a", "--all", dest="all", shown="Client, server, calls and locks."),
    flag("--client", dest="client", shown="Mounts of servers."),
    flag("--server", dest="server", shown="Exports, handles, clients, connections."),
    flag("--rpctasks", dest="rpctasks", shown="Calls that aren't done."),
    value(
        "--maxrpctasks", dest="maxrpctasks", kind=click.IntRange(min=0), shown="So many at most (20)."
    ),
    value("--decoderpctask", dest="decoderpctask", kind=Address(), metavar="ADDRESS", shown="A call."),
    value("--nfsclient", dest="nfsclient", kind=Address(), metavar="ADDRESS", shown="A struct nfs_client."),
    flag("--locks", dest="locks", shown="Locks of NLM, connections of lockd."),
    flag("--deferred", dest="deferred", shown="Requests that wait for an answer to a cache."),
    click.Option(
        ["--pid"], type=int, is_flag=False, flag_value=-1, metavar="[PID]",
        help="A process that is in NFS, as --pid=N; without a number all of them.",
    ),
    value("--netns", dest="netns", metavar="NS", shown="A namespace: name, number, address, pid:N."),
    verbosity("More of each; -vv: state of version 4, too."),
]  # fmt: skip


command = program("nfsshow", _HELP, "NFS and remote calls, asked as PyKdump's nfsshow is.", _OPTIONS)
