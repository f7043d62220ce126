"""Scripts in PyKdump's API that are held to what drgn says of the same dump.

``tests/pykdump/scripts`` has the scripts; each shows lists of values as JSON. `FACTS` says of some what drgn
has for the values of the first list, by their numbers. A recording (``golden_outputs/pykdump``) holds what
crash answered to all of them, what they printed, and what drgn said.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
SCRIPTS = CHECKOUT / "tests" / "pykdump" / "scripts"
RECORDINGS = CHECKOUT / "golden_outputs" / "pykdump"
SESSION, EXPECTED = "session.xz", "expected.json"
Facts = Mapping[int, Any]


def scripts() -> list[Path]:
    """All scripts."""
    return sorted(SCRIPTS.glob("*.py"))


def output(crash: Any, script: Path, pykdump: str | None = None) -> tuple[int, str]:
    """A script's exit status and what it printed, run as `crashdrive run` does."""
    from crashdrive.cli._script import load, run

    saved = sys.argv, list(sys.path), sys.modules["__main__"]
    # a file, as PyKdump's own layer sets its encoding and asks what it is
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as printed:
        try:
            with contextlib.redirect_stdout(printed):
                status = run(load(str(script)), [str(script)], crash, "table", pykdump)
        finally:
            sys.argv, sys.path[:], sys.modules["__main__"] = saved
        printed.seek(0)
        return status, printed.read()


def shown(text: str) -> list[Any]:
    """The first list that a script showed."""
    found: list[Any] = next(json.loads(line) for line in text.splitlines() if line.startswith("["))
    return found


def disagreements(text: str, facts: Mapping[Any, Any]) -> list[str]:
    """Where a script's first list isn't what drgn has for it."""
    values = shown(text)
    told = [(int(number), fact) for number, fact in facts.items()]
    return [
        f"value {number}: {values[number]!r}, drgn: {fact!r}"
        for number, fact in told
        if values[number] != fact
    ]


# what drgn says


def _text(value: Any) -> str:
    return str(value.string_().decode("ascii", "backslashreplace"))


def _tasks(prog: Any) -> list[Any]:
    from drgn.helpers.linux.list import list_for_each_entry

    head = prog["init_task"].tasks.address_of_()
    return list(list_for_each_entry("struct task_struct", head, "tasks"))


def _blocks(prog: Any) -> list[Any]:
    from drgn.helpers.linux.list import list_for_each_entry

    return list(list_for_each_entry("struct super_block", prog["super_blocks"].address_of_(), "s_list"))


def _read_su(prog: Any) -> Facts:
    task = prog["init_task"]
    numbers = [int(task.pid), int(task.tgid), int(task.prio), int(task.static_prio)]
    numbers += [int(task.address_of_()), prog.type("struct task_struct").size]
    return dict(enumerate([_text(task.comm), *numbers, hex(task.flags)]))


def _read_symbol(prog: Any) -> Facts:
    values = [int(prog["nr_threads"]), [int(one) for one in prog["avenrun"]], int(prog["panic_timeout"])]
    values += [int(prog["init_mm"].address_of_()), int(prog["file_systems"])]
    return dict(enumerate([*values, _text(prog["linux_banner"])[:20], _text(prog["saved_command_line"])]))


def _offset(prog: Any, kind: str, path: str) -> int:
    import drgn

    return int(drgn.offsetof(prog.type(kind), path))


def _member_offset(prog: Any) -> Facts:
    names = ("pid", "tasks", "tasks.prev", "comm", "se.exec_start")
    found = [_offset(prog, "struct task_struct", name) for name in names]
    return dict(enumerate(found)) | {5: -1, 6: -1, 7: _offset(prog, "struct page", "lru")}


def _list_of_structures(prog: Any) -> Facts:
    tasks = sorted([int(task.pid), _text(task.comm)] for task in _tasks(prog))
    return {0: tasks, 1: [_text(block.s_id) for block in _blocks(prog)]}


def _sys_info(prog: Any) -> Facts:
    return {4: _text(prog["init_uts_ns"].name.release), 10: _text(prog["init_uts_ns"].name.nodename)}


def _member_size(prog: Any) -> Facts:
    task = prog["init_task"]
    import drgn

    return {
        number: drgn.sizeof(getattr(task, name))
        for number, name in enumerate(("comm", "pid", "tasks", "cpus_mask"))
    }


def _container_of(prog: Any) -> Facts:
    first = _tasks(prog)[0]
    return {0: int(first.pid), 1: _text(first.comm), 2: int(first)}


def _symbols(prog: Any) -> Facts:
    address = prog.symbol("schedule").address
    return {0: address, 1: "schedule", 2: None, 3: ["schedule", 4], 4: None, 5: 0, 7: None, 8: []}


def _struct_exists(prog: Any) -> Facts:
    sizes = {2: "struct list_head", 3: "struct sock", 8: "atomic_t", 10: "struct page"}
    import drgn

    return {number: drgn.sizeof(prog.type(name)) for number, name in sizes.items()}


def _enum_info(prog: Any) -> Facts:
    names = {one.name: one.value for one in prog.type("enum pid_type").enumerators}
    return {0: names, 4: int(prog["MIGRATE_MOVABLE"]), 5: names["PIDTYPE_SID"]}


def _set_attr(prog: Any) -> Facts:
    rows = []
    for task in _tasks(prog):
        state = int(task.member_("__state" if hasattr(task, "__state") else "state"))
        rows.append([int(task.pid), state, _text(task.real_parent.comm), 2 * int(task.pid), True])
    return {1: sorted(rows)[:20]}


def _read_ptr(prog: Any) -> Facts:
    return {0: int(prog["modules"].next), 1: int(prog["modules"].next)}


def _paths(prog: Any) -> Facts:
    from drgn.helpers.linux.fs import d_path

    init = next(task for task in _tasks(prog) if int(task.pid) == 1)
    places = (init.fs.root, init.fs.pwd, init.mm.exe_file.f_path)
    return dict(enumerate(d_path(place.address_of_()).decode() for place in places))


def _list_head(prog: Any) -> Facts:
    blocks = _blocks(prog)
    return {0: [_text(block.s_id) for block in blocks], 1: len(blocks), 2: len(blocks)}


def _numbers(prog: Any) -> Facts:
    task = prog["init_task"]
    raw = bytes(prog.read(task.comm.address_, 2))
    prio, jiffies = int(task.static_prio), int(prog["jiffies_64"])
    return {
        0: raw[0],
        1: int.from_bytes(raw, "little"),
        2: prio,
        3: prio,
        4: prio,
        5: prio,
        7: jiffies,
        8: jiffies,
    }


def _atomic(prog: Any) -> Facts:
    mm = prog["init_mm"]
    users = int(mm.mm_users.counter)
    return {0: users, 1: 7, 2: users, 3: int(mm.mm_count.counter)}


def _read_list(prog: Any) -> Facts:
    count = len(_blocks(prog))
    return {0: count, 1: count + 1, 4: count, 5: count, 8: count + 1}


def _struct_next(prog: Any) -> Facts:
    names, system = [], prog["file_systems"]
    while system:
        names.append(_text(system.name))
        system = system.next
    return {0: names}


def _smart_string(prog: Any) -> Facts:
    return {0: _text(prog["init_task"].comm), 7: _text(prog["file_systems"].name)}


def _what_is(prog: Any) -> Facts:
    return {1: int(prog["init_task"].address_of_()), 2: len(prog["avenrun"])}


def _modules(prog: Any) -> list[str]:
    from drgn.helpers.linux.list import list_for_each_entry

    found = list_for_each_entry("struct module", prog["modules"].address_of_(), "list")
    return sorted(_text(module.name) for module in found)


def _arrays(prog: Any) -> Facts:
    return {
        0: [int(one) for one in prog["sysctl_tcp_mem"]],
        1: len(prog["vm_zone_stat"]),
        3: len(prog["inet_protos"]),
    }


def _bits(prog: Any) -> Facts:
    init = next(task for task in _tasks(prog) if int(task.pid) == 1)
    task = prog["init_task"]
    return {
        0: int(task.sched_reset_on_fork),
        1: int(init.in_execve),
        2: int(init.sched_contributes_to_load),
        3: int(init.no_cgroup_migration),
        4: int(prog["system_state"]),
    }


def _hash_lists(prog: Any) -> Facts:
    from drgn.helpers.linux.list import hlist_for_each_entry

    table, count = prog["inode_hashtable"], int(prog["i_hash_mask"]) + 1
    heads = [table[number] for number in range(count)]
    chains = [list(hlist_for_each_entry("struct inode", head, "i_hash")) for head in heads if head.first]
    return {0: len(chains), 2: sum(map(len, chains))}


def _tasks_table(prog: Any) -> Facts:
    from drgn.helpers.linux.list import list_for_each_entry
    from drgn.helpers.linux.pid import for_each_task

    init = next(task for task in _tasks(prog) if int(task.pid) == 1)
    children = list_for_each_entry("struct task_struct", init.children.address_of_(), "sibling")
    everyone = len(list(for_each_task(prog))) + 1
    return {0: len(_tasks(prog)) + 1, 1: everyone, 2: "init", 7: sorted(int(child.pid) for child in children)}


def _percpu_variables(prog: Any) -> Facts:
    from drgn.helpers.linux.cpumask import for_each_present_cpu
    from drgn.helpers.linux.percpu import per_cpu

    queues = [per_cpu(prog["runqueues"], cpu) for cpu in for_each_present_cpu(prog)]
    return {0: [int(queue.cpu) for queue in queues], 2: [int(queue.address_of_()) for queue in queues]}


def _trees_walked(prog: Any) -> Facts:
    from drgn.helpers.linux.idr import idr_for_each

    return {3: len(list(idr_for_each(prog["init_pid_ns"].idr.address_of_()))), 4: 4}


def _parts(prog: Any) -> Facts:
    from drgn.helpers.linux.block import disk_name, for_each_disk

    disks = sorted(
        [int(disk.major), int(disk.first_minor), disk_name(disk).decode()] for disk in for_each_disk(prog)
    )
    return {0: disks, 1: _modules(prog), 7: ["platform"]}


def _tutorial(prog: Any) -> Facts:
    types = {int(block.s_type) for block in _blocks(prog)}
    return {1: int(prog["tcp_hashinfo"].ehash_mask), 19: len(types), 20: len(_blocks(prog))}


FACTS: Mapping[str, Callable[[Any], Facts]] = {
    "arrays": _arrays,
    "atomic": _atomic,
    "bits": _bits,
    "container_of": _container_of,
    "enum_info": _enum_info,
    "hash_lists": _hash_lists,
    "linuxdump_more": _parts,
    "list_head": _list_head,
    "list_of_structures": _list_of_structures,
    "member_offset": _member_offset,
    "member_size": _member_size,
    "modules": lambda prog: dict(enumerate(_modules(prog))),
    "numbers": _numbers,
    "paths": _paths,
    "percpu_variables": _percpu_variables,
    "read_list": _read_list,
    "read_ptr": _read_ptr,
    "read_su": _read_su,
    "read_symbol": _read_symbol,
    "set_attr": _set_attr,
    "smart_string": _smart_string,
    "struct_exists": _struct_exists,
    "struct_next": _struct_next,
    "symbols": _symbols,
    "sys_info": _sys_info,
    "tasks_table": _tasks_table,
    "trees_walked": _trees_walked,
    "tutorial": _tutorial,
    "what_is": _what_is,
}
