"""One name of a field means one thing: it has one type and one unit in all records."""

from __future__ import annotations

import re

import pytest
from dockit import generated

# Names that records of commands have for several things, and for which. They are titles of columns and
# members that crash itself uses so, and stay: what parses today gives the same rows tomorrow.
OF_COMMANDS = {
    "action": "the address of a softirq's function; what a map or a routing rule does, in words",
    "actions": "handlers of an interrupt; what a task does on each signal",
    "address": "in memory; a PCI device's and a network address, as text",
    "area": "a mapped area, as a record; the number of a free list or of s390dbf's area",
    "areas": "free lists of a zone; mapped areas of a task",
    "arguments": "a command line, as one text; the words of a frame's function",
    "bits": "the width of a bit field; numbers of the bits that are set",
    "cache": "a slab cache, as record, address or name; a CPU's, in bytes",
    "cpus": "a count; a slab cache's part on each; their numbers",
    "current": "the task that runs; whether a line or a task is it; a limit; a clock's time",
    "data": "words of a stack; hexadecimal text of packets, sets and s390dbf's entries",
    "device": "a PCI slot's number; a device's name",
    "directory": "the address of a page directory; where s390dbf writes to",
    "exception": "the frame of registers; whether s390dbf logged the entry as one",
    "file": "the address of a struct file; a file's name",
    "files": "open files of a task; open files of a mount",
    "flags": "a mask; its names; the letters that crash or the kernel prints",
    "found": "a count of pages; frames of exceptions",
    "free": "a count of objects or pages; the zones in which an address is free",
    "function": "an address; a name",
    "index": "page's member as a raw word; a number; an entry's in a tree, which can exceed 2^53",
    "kernel": "whether it is a kernel thread; the kernel's file",
    "key": "an IPC key, a number; a set element's and a help page's, text",
    "level": "a frame's or a message's number; the name of a page table or of a message's level",
    "machine": "whether a page table entry holds a machine address (Xen); the architecture's name",
    "members": "of a structure, by name or as records",
    "memory": "where a slab's objects lie; an amount",
    "module": "the address of a struct module; its name",
    "node": "the address of a maple node; a NUMA node's number",
    "offset": "of the per-CPU area, 64 bits wide; within something, in bytes",
    "page": "the address of a struct page; its record; a page frame number",
    "page_size": "in bytes; as vtop prints it, with its unit",
    "pages": "a count; their records; their addresses",
    "position": "which page of a free block was looked for; an element's way from the root of a tree",
    "pte": "the entry as a number; its record",
    "root": "the address of a tree's root; a task's root directory; whether a group is the root",
    "section": "the address of a mem_section; a symbol's section, a heading of kmem -V",
    "signal": "a mask of pending signals; a signal's number",
    "size": "in bytes; as eval prints it, with its unit",
    "slab": "its address; the name of the slab cache that a word points into",
    "slabs": "a count; their records",
    "sockets": "of a task, as records with or without their structures",
    "stack": "the name of the stack that was searched; its words; its functions",
    "stacks": "of one kind, by CPU; all kinds of a machine",
    "start": "the frame at which bt began; the address at which an area begins",
    "status": "a mask of an old kernel's interrupt; words",
    "symbol": "its record; its name",
    "task": "the address of a task_struct; its record",
    "tasks": "a count; their records",
    "thread_info": "its address; its members",
    "threads": "a count; the tasks of a group; their signals",
    "timers": "of the high resolution and of the low resolution kind",
    "timestamp": "in seconds since boot; of a run queue's clock, in ns",
    "type": "an audit message's number; a name",
    "value": "what crash prints of a name: numbers, masks, words and whole structures",
    "words": "each with its symbol or slab; plain numbers",
}
# Names that readers and reports have for something else than commands, or than each other: what the tools of
# the field and their JSON call it (ip, tc, nft, ss, nstat), or what other programs rely on.
OF_READERS = {
    "addresses": "ip's: records with prefix and scope; net's are texts",
    "chain": "tc numbers chains, nft names them",
    "default": "tc's default class; whether a signal's action is the default",
    "details": "what a kind of qdisc keeps; an exception's words",
    "expires": "nft's seconds that are left; the tick or nanosecond at which a timer ends",
    "frames": "those that crash found; those unwound here, each in its context; a verdict's, as text",
    "group": "nexthop groups, device groups and groups of counters are what ip and nstat call so",
    "handle": "nft numbers handles, tc writes them as major:minor",
    "inode": "a socket's inode number, as in /proc/net; the address of a struct inode",
    "parent": "tc's handle and sysfs's name; addresses of structures",
    "queue": "transmit queues by number; signals as records",
    "queues": "mqprio's first and last of each class; run queues",
    "raw": "cake's yes or no; a count of raw sockets",
    "running": "yes or no of packet sockets and tasks; seconds that a CPU's task has been running",
    "slot": "netem's record; an index in the timer table of old kernels",
    "start_time": "seconds since boot; ps -t has the kernel's own number",
    "statistics": "an interface's; a zone's",
    "target": "the AQM's target in seconds; the address that a jump goes to",
    "throttled": "fq counts; of a task group yes or no",
}
# what a name's end says of the type
UNITS = {
    "_ago": {"float"},
    "_left": {"float"},
    "_percent": {"float"},
    "_seconds": {"int", "float"},
    "_bytes": {"int", "long", "tuple[int, ...]"},
}


@pytest.fixture(scope="module")
def types() -> dict[str, set[str]]:
    """The types of each name; that a value may be absent is no difference."""
    return {
        name: {re.sub(r" \| None", "", kind) for kind in kinds}
        for name, kinds in generated.every_field().items()
    }


def test_a_name_has_one_type(types: dict[str, set[str]]) -> None:
    several = {name for name, kinds in types.items() if len(kinds) > 1}
    assert sorted(several - OF_COMMANDS.keys() - OF_READERS.keys()) == [], (
        "another name, or the type of the others"
    )


def test_the_exceptions_are_still_needed(types: dict[str, set[str]]) -> None:
    several = {name for name, kinds in types.items() if len(kinds) > 1}
    assert sorted((OF_COMMANDS.keys() | OF_READERS.keys()) - several) == []
    assert not OF_COMMANDS.keys() & OF_READERS.keys()


@pytest.mark.parametrize("suffix", sorted(UNITS))
def test_a_unit_in_a_name_is_kept_to(types: dict[str, set[str]], suffix: str) -> None:
    named = {name: kinds for name, kinds in types.items() if name.endswith(suffix)}
    assert named
    assert {name: kinds for name, kinds in named.items() if not kinds <= UNITS[suffix]} == {}


def test_records_of_readers_and_reports_are_there() -> None:
    users = {user for kinds in generated.every_field().values() for some in kinds.values() for user in some}
    assert {
        "ps: Process",
        "linux.net.sockets.rows: Socket",
        "linux.net.tc.qdisc_tree: Qdisc",
        "reports.net.netsummary: Totals",
    } <= users
