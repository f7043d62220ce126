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
  crashdrive taskinfo -r vmcore               what ran last is first
  crashdrive taskinfo --taskfilter UN --cmd 'bt -f' vmcore
"""

_OPTIONS = [
    verbosity("The stack of each, too; of namespaces: who is in them."),
    flag("--summary", dest="summary", shown="The system, CPUs and what ran on them."),
    flag("--hang", dest="hang", shown="As -r --taskfilter UN, and who waits for whom."),
    value(
        "--maxpids",
        dest="maxpids",
        kind=click.IntRange(min=0),
        shown="So many at most: first and last ones.",
    ),
    value("--pidinfo", dest="pidinfo", kind=int, metavar="PID", shown="A task: files, limits, stack."),
    value("--taskfilter", dest="taskfilter", metavar="STATES", shown="Tasks in these states, as UN or D."),
    flag("--pstree", dest="pstree", shown="Who made whom."),
    flag("--memory", dest="memory", shown="Memory of processes, the largest first."),
    flag("--ns", dest="ns", shown="Namespaces."),
    flag("-r", "--recent", dest="recent", shown="What ran last is first."),
    value("--cmd", dest="cmd", metavar="COMMAND", shown="What this command of crash's says of each task."),
]


command = program("taskinfo", _HELP, "Tasks, asked as PyKdump's taskinfo is.", _OPTIONS)
