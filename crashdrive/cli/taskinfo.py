"""``crashdrive taskinfo``: tasks, asked as PyKdump's program is."""

from __future__ import annotations

import click

from crashdrive.cli._front import flag, program, value, verbosity

_HELP = """Tasks of a dump, asked as PyKdump's taskinfo is.

\b
Examples:
  crashdrive taskinfo vmcore                  all threads
  crashdrive taskinfo --taskfilter UN vmcore  those in D, and where
  crashdrive taskinfo --pidinfo 1 vmcore
  crashdrive taskinfo --memory --maxpids 8 vmcore
  crashdrive report ps --help                 more, as JSON, CSV and HTML

-r and --cmd aren't there: rows are in the report's order; crash's foreach runs a
command for each task.
"""

_OPTIONS = [
    verbosity("More of namespaces: who is in them."),
    flag("--summary", dest="summary", shown="The system, CPUs and what ran on them."),
    flag("--hang", dest="hang", shown="Tasks that wait, in groups."),
    value("--maxpids", dest="maxpids", kind=click.IntRange(min=0), shown="Rows of each table at most."),
    value("--pidinfo", dest="pidinfo", kind=int, metavar="PID", shown="A task: files, limits, stack."),
    value("--taskfilter", dest="taskfilter", metavar="STATES", shown="Tasks in these states, as UN or D."),
    flag("--pstree", dest="pstree", shown="Who made whom."),
    flag("--memory", dest="memory", shown="Memory of processes, the largest first."),
    flag("--ns", dest="ns", shown="Namespaces."),
    flag("-r", "--recent", dest="recent", shown="Not there: the order of what ran last."),
    value("--cmd", dest="cmd", shown="Not there: crash's foreach has it."),
]


command = program("taskinfo", _HELP, "Tasks, asked as PyKdump's taskinfo is.", _OPTIONS)
