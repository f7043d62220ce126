"""``crashdrive hanginfo``: who waits for whom, asked as PyKdump's program is."""

from __future__ import annotations

import click

from crashdrive.cli._front import flag, program, value, verbosity

_HELP = """Tasks that wait, in groups, and who holds what they wait for: asked as PyKdump's hanginfo is.

\b
Examples:
  crashdrive hanginfo vmcore
  crashdrive hanginfo --tree vmcore           ... each task by itself, too
  crashdrive report hang --format svg vmcore > locks.svg

--saphana isn't there: no report knows SAP HANA.
"""

_OPTIONS = [
    verbosity("Each task by itself, too."),
    value("--maxpids", dest="maxpids", kind=click.IntRange(min=0), shown="Rows of each table at most."),
    flag("--sortbypid", dest="sortbypid", shown="By pid."),
    flag("--syslogger", dest="syslogger", shown="Unix sockets, their queues and peers, too."),
    flag("--tree", dest="tree", shown="Each task by itself, with whom it waits for."),
    flag("--saphana", dest="saphana", shown="Not there: SAP HANA."),
]


command = program("hanginfo", _HELP, "Who waits for whom, asked as PyKdump's hanginfo is.", _OPTIONS)
