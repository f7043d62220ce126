"""What is asked, in the words of crashdrive, of ``crash -i``, of drgn and of a naive program."""

from __future__ import annotations

from pathlib import Path

import msgspec

HERE = Path(__file__).parent
FIVE = HERE / "five"
TRIAGE = ("sys", "log", "bt -a", "ps", "mod", "kmem -i", "runq", "irq", "timer")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A question. ``words`` stand before the files of a crashdrive line, ``behind`` after them; ``lines`` are
    crash's commands; ``drgn`` names a program of `benchmarks.by_drgn` or a file. Empty: that way has none.
    ``naive``: how a naive program asks (see `benchmarks.naive`); ``than`` says what the others leave out.
    ``ways``: the only ones in which it is asked, all where it is empty.
    """

    name: str
    title: str
    words: tuple[str, ...]
    behind: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    drgn: str = ""
    naive: str = ""
    than: str = ""
    given: bytes = b""
    ways: tuple[str, ...] = ()


def mixed(count: int = 200) -> tuple[str, ...]:
    """So many commands of all sorts, as somebody who looks around types them."""
    kinds = (
        "ps", "bt {pid}", "sys", "mod", "struct task_struct.comm,pid,state init_task", "rd linux_banner 16",
        "sym schedule", "p jiffies", "kmem -i", "task {pid}", "files {pid}", "vm {pid}", "dis -r schedule",
        "whatis struct list_head", "log -l", "net", "mount", "irq", "timer", "runq",
    )  # fmt: skip
    return tuple(kinds[number % len(kinds)].format(pid=number % 3 + 1) for number in range(count))


def cases(count: int = 200) -> tuple[Case, ...]:
    """All of them, in the order of the table."""
    lines = mixed(count)
    scripts = (
        ("blocked", "tasks in D with stacks"),
        ("slabs", "top slab caches"),
        ("stuck", "stuck sockets with owners"),
        ("mounts", "mounts of all namespaces"),
        ("devices", "open files below /dev"),
    )
    return (
        Case(
            name="start", title="start: one symbol", words=("exec",), behind=("sym jiffies",),
            lines=("sym jiffies",), drgn="start", naive="lines",
        ),
        Case(
            name="sysinfo", title="the machine", words=("report", "sysinfo"), lines=("sys", "mach"),
            drgn="sysinfo", naive="lines", than="crash and drgn print a part of it",
        ),
        Case(
            name="bt", title="bt of all tasks", words=("exec",), behind=("foreach bt",),
            lines=("foreach bt",), drgn="bt", naive="bt",
        ),
        Case(
            name="stacks", title="stacks of all tasks", words=("report", "stacks"), lines=("foreach bt",),
            drgn="bt", naive="bt",
        ),
        Case(
            name="netstat", title="netstat -an", words=("report", "netstat", "-a", "-n", "--format", "json"),
            drgn="netstat", naive="sockets", than="drgn reads state, addresses and ports of TCP alone",
        ),
        Case(
            name="netstat-table", title="netstat -an, as a table", words=("report", "netstat", "-a", "-n"),
            ways=("known", "kept"),
        ),
        Case(
            name="routing", title="routing tables", words=("report", "routing", "--format", "json"),
            than="neither crash nor drgn's helpers have them",
        ),
        Case(
            name="triage", title="triage", words=("triage",), lines=TRIAGE, naive="lines",
            than="crash prints what somebody reads for it",
        ),
        *(
            Case(
                name=name, title=title, words=("run",), behind=(str(FIVE / f"{name}.py"),),
                drgn=str(FIVE / "drgn" / f"{name}.py"),
            )
            for name, title in scripts
        ),
        Case(
            name="jiffies", title="p jiffies", words=("exec",), behind=("p jiffies",), lines=("p jiffies",),
            ways=("crash", "warm"),
        ),
        Case(
            name="mixed", title=f"{count} mixed commands", words=("exec",), behind=("-",), lines=lines,
            naive="lines", given="".join(f"{line}\n" for line in lines).encode(),
        ),
    )  # fmt: skip
