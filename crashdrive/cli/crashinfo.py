"""``crashdrive crashinfo``: the first look, asked as PyKdump's program is."""

from __future__ import annotations

import click

from crashdrive.cli._front import Address, flag, program, value, verbosity

_HELP = """A first look at a dump, asked as PyKdump's crashinfo is.

Without options it is the triage: why it died, and what rules find. What is printed are tables of reports
(docs/pykdump.md says which option is which).

\b
Examples:
  crashdrive crashinfo vmcore
  crashdrive crashinfo -v vmcore              ... and all that it rests on
  crashdrive crashinfo --findstacks mutex_lock vmcore
  crashdrive crashinfo --blkreq --runq vmcore
  crashdrive crashinfo --ls /etc vmcore       what the kernel has of it

--ext3 and --decodesyscalls aren't there.
"""

_OPTIONS = [
    verbosity("More: memory, disks, CPUs, locks, network, stacks, log."),
    flag("-q", "--quiet", dest="quiet", shown="The triage alone, whatever else is asked (the default)."),
    flag("--fast", dest="fast", shown="The system and the panic alone."),
    flag("--sysctl", dest="sysctl", shown="All settings."),
    flag("--blkreq", dest="blkreq", shown="Requests that disks haven't done."),
    flag("--blkdevs", dest="blkdevs", shown="Disks and partitions."),
    flag("--devmapper", dest="devmapper", shown="Mapped devices."),
    flag("--filelock", dest="filelock", shown="Open files and their locks."),
    flag("--stacksummary", dest="stacksummary", shown="Stacks, those that are alike together."),
    value("--findstacks", dest="findstacks", metavar="FUNCTION", shown="Tasks whose stacks have it."),
    flag("--checkstacks", dest="checkstacks", shown="Stacks, with what is wrong with them."),
    flag("--keventd_wq", dest="keventd_wq", shown="Workqueues that have work."),
    flag("--kblockd_wq", dest="kblockd_wq", shown="The same."),
    flag("--workqueues", dest="workqueues", shown="All workqueues."),
    flag("--lws", dest="lws", shown="Locks, and who waits for them."),
    value("--semaphore", dest="semaphore", kind=Address(), metavar="ADDRESS", shown="The same."),
    value("--rwsemaphore", dest="rwsemaphore", kind=Address(), metavar="ADDRESS", shown="The same."),
    value("--mutex", dest="mutex", kind=Address(), metavar="ADDRESS", shown="The same."),
    flag("--runq", dest="runq", shown="CPUs and their run queues."),
    flag("--umem", dest="umem", shown="Memory of processes, the largest first."),
    flag("--ext3", dest="ext3", shown="Not there: ext3's journal."),
    value("--decodesyscalls", dest="decodesyscalls", shown="Not there: arguments of system calls."),
    click.Option(
        ["--radix_tree_element"],
        type=(Address(), Address()),
        metavar="ROOT INDEX",
        help="What a radix tree or xarray has there; both in hexadecimal.",
    ),
    flag("--pci", dest="pci", shown="PCI devices."),
    value("--ls", dest="ls", metavar="PATH", shown="A folder in memory, by path or dentry's address."),
]


command = program("crashinfo", _HELP, "A first look, asked as PyKdump's crashinfo is.", _OPTIONS)
