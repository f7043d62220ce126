"""``crashdrive hanginfo``: who waits for whom, asked as PyKdump's program is."""

from __future__ import annotations

import click

from crashdrive.cli._front import flag, program, value, verbosity

_HELP = """Tasks that wait, by what they wait for, and who holds that: asked as PyKdump's hanginfo is.

What is printed looks as it prints it, with deadlocks and frozen filesystems.

\b
Examples:
  crashdrive hanginfo vmcore
  crashdrive hanginfo --tree vmcore     tasks below those they wait for, too
  crashdrive report hang --format svg vmcore > locks.svg

--saphana isn't there: no report knows SAP HANA.
"""

_OPTIONS = [
    verbosity("A line for each task."),
    value("--maxpids", dest="maxpids", kind=click.IntRange(min=0), shown="Tasks of each lock at most (10)."),
    flag("--sortbypid", dest="sortbypid", shown="By pid."),
    flag("--syslogger", dest="syslogger", shown="Unix sockets, their queues and peers, too."),
    flag("--tree", dest="tree", shown="Tasks below those that they wait for, too."),
    flag("--saphana", dest="saphana", shown="Not there: SAP HANA."),
]


command = program("hanginfo", _HELP, "Who waits for whom, asked as PyKdump's hanginfo is.", _OPTIONS)
