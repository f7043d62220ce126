"""Processes that hold programs, maps and links of eBPF by file descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.fs.descriptor_tables import DescriptorTable, read_tables, unread
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

_TASK = {
    "tgid": ("tgid",),
    "files": ("files",),
    "slots": ("files->fdt->max_fds",),
    "table": ("files->fdt->fd",),
}
_FILE = {"operations": ("f_op",), "object": ("private_data",)}
# the operations of descriptors that hold one of eBPF's objects; links that can be polled have had their own
# since 6.12
_OPERATIONS = ("bpf_prog_fops", "bpf_map_fops", "bpf_link_fops", "bpf_link_fops_poll")


def holders(survey: Survey) -> dict[int, tuple[int, ...]]:
    """Pids of the holders, by the address of the program, map or link."""
    kernel = survey.kernel
    known = {kernel.symbols.address(name) for name in _OPERATIONS if kernel.symbols.has(name)}
    # a thread can have a table of its own, and have its process's after the first thread has ended
    tasks = for_each_task(kernel, threads=True)
    survey.walked(tasks, "tasks")
    rows = survey.rows(Fields(kernel, "struct task_struct", _TASK, _TASK), tasks.addresses, "tasks")
    tables = {
        (row["tgid"], row["files"]): DescriptorTable(row["table"], row["slots"])
        for row in rows
        if row["tgid"] and row["files"] and row["table"] and row["slots"] is not None
    }
    opened: dict[int, dict[int, None]] = {}
    lost = 0
    for (pid, _), files in zip(tables, read_tables(kernel, list(tables.values())), strict=True):
        lost += files is None
        for file in files or ():
            if file:
                opened.setdefault(file, {})[pid] = None
    if lost:
        survey.miss(unread(lost))
    found: dict[int, dict[int, None]] = {}
    fields = Fields(kernel, "struct file", _FILE, _FILE)
    for file, facts in survey.addressed(fields, list(opened), "open files"):
        if facts["operations"] in known and facts["object"]:
            found.setdefault(facts["object"], {}).update(opened[file])
    return {place: tuple(sorted(pids)) for place, pids in found.items()}
