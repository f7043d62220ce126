"""All tasks and all pids of the dump."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.structures.lists import list_head, list_heads
from crashdrive.kernel.structures.walk import Problem, Walk, suspicion, walk

if TYPE_CHECKING:
    from crashdrive.kernel.series import Objects
    from crashdrive.kernel.structures.xarray import Entries
    from crashdrive.linux.machine import Machine

_TASK = "struct task_struct"
# MAX_PID_NS_LEVEL (include/linux/pid_namespace.h)
_DEEPEST = 32


def for_each_task(kernel: Machine, *, threads: bool = True, idle: bool = False) -> Objects:
    """Every ``struct task_struct``: processes in the order of ``init_task.tasks``, each with its threads.

    ``threads`` False: thread group leaders alone. ``idle``: the swapper task of each present CPU goes first.
    The list itself is walked, which has tasks that crash may not know, such as crash 8.0.2 on 6.1. It is
    walked once: the tasks of a dump stay what they are.
    """
    leaders, known = kernel.kept("task leaders", lambda: _leaders(kernel))
    found = kernel.kept("threads", lambda: _with_threads(kernel, leaders)) if threads else leaders
    swappers, holes = kernel.kept("idle tasks", lambda: idle_tasks(kernel)) if idle else ([], [])
    # pids may lead to tasks that a broken list lost; the walk stays incomplete
    more = known if threads and not found.complete else walk([], [])
    everyone = dict.fromkeys([*swappers, *found.addresses, *more.addresses])
    return kernel.objects(_TASK, walk(list(everyone), [*found.problems, *more.problems, *holes]))


def _leaders(kernel: Machine) -> tuple[Walk, Walk]:
    """Thread group leaders by the list of all tasks, and the tasks that pids have."""
    kernel.layouts.prefetch([_TASK, "struct signal_struct", "struct rq"])
    window = kernel.window()
    known = _bring(kernel, window)
    offset = kernel.offset(_TASK, "tasks")
    return list_head(window, kernel.symbols.address("init_task") + offset, offset), known


def idle_tasks(kernel: Machine) -> tuple[list[int], list[Problem]]:
    """The swapper task of each present CPU, from its run queue; and problems of run queues without a readable
    one.
    """
    queues = [kernel.per_cpu_address("runqueues", cpu) for cpu in kernel.cpus]
    columns = kernel.read_many("struct rq", queues, ["idle"])
    holes = [_lost("the idle task of a CPU's run queue", gap.address, gap.reason) for gap in columns.gaps]
    found: list[int] = []
    for queue, pointer in zip(queues, columns["idle"], strict=True):
        if pointer is not None and (why := suspicion(pointer, kernel.pointer_size)):
            message = f"the idle task of a CPU: {pointer:#x} is no task ({why})"
            holes.append(Problem(kind="node", address=queue, message=message))
        elif pointer is not None:
            found.append(pointer)
    return found, holes


def _bring(kernel: Machine, window: Window) -> Walk:
    """Fetch all tasks' list nodes in a few round trips, by the pids: the list alone takes a round trip for
    each.

    Returns the found tasks. They are a hint: a missing one costs a round trip, or is lost if the list is
    broken.
    """
    if not kernel.has_member("struct pid_namespace", "idr"):
        return walk([], [])
    offset = kernel.offset(_TASK, "tasks")
    reach = max(offset, kernel.offset(_TASK, kernel.path(_TASK, "thread_node", "thread_group"))) + 16
    numbered = _numbered_pids(kernel, kernel.symbols.address("init_pid_ns"))
    tasks, lost = _tasks_of(kernel, window, [pid for _, pid in numbered])
    window.fetch((task, reach) for task in tasks)
    return walk(tasks, [*numbered.problems, *lost])


def for_each_pid(kernel: Machine, namespace: int | None = None) -> Objects:
    """Every ``struct pid`` of a pid namespace (address; the first one where None).

    They are in an idr since 4.15 (95846ecf9dac), where each must have its place's number and namespace;
    before, in a hash table of all namespaces' ``struct upid``.
    """
    namespace = kernel.symbols.address("init_pid_ns") if namespace is None else namespace
    if kernel.has_member("struct pid_namespace", "idr"):
        return kernel.objects("struct pid", _checked_pids(kernel, namespace))
    return kernel.objects("struct pid", _hashed_pids(kernel, namespace))


def _numbered_pids(kernel: Machine, namespace: int) -> Entries:
    return kernel.walk_idr(namespace + kernel.offset("struct pid_namespace", "idr"))


def _checked_pids(kernel: Machine, namespace: int) -> Walk:
    """Entries of an idr that have the number of their place; any other entry, and one in a hole, is a
    problem.
    """
    level = kernel.read_many("struct pid_namespace", [namespace], ["level"])["level"][0]
    if level is None or not 0 <= level <= _DEEPEST:
        message = f"the level of the pid namespace at {namespace:#x} is {level}"
        return walk(
            [], [Problem(kind="hole" if level is None else "node", address=namespace, message=message)]
        )
    found = _numbered_pids(kernel, namespace)
    fields = [f"numbers[{level}].nr", f"numbers[{level}].ns"]
    columns = kernel.read_many("struct pid", [entry for _, entry in found], fields)
    holes = {gap.row: gap.reason for gap in columns.gaps}
    pids: list[int] = []
    problems = list(found.problems)
    for row, ((number, pid), said) in enumerate(zip(found, columns, strict=True)):
        if said == (number, namespace):
            pids.append(pid)
        elif row in holes:
            problems.append(_lost(f"the pid {number}", pid, holes[row]))
        else:
            message = f"{pid:#x} is not pid {number}: it is {said[0]} of {said[1]:#x}"
            problems.append(Problem(kind="node", address=pid, message=message))
    return walk(pids, problems)


def _hashed_pids(kernel: Machine, namespace: int) -> Walk:
    shift = int(kernel.symbol("pidhash_shift"))
    table = int(kernel.symbol("pid_hash"))
    upids = kernel.walk_table(table, 1 << shift, "struct upid", "pid_chain")
    level = kernel.read_many("struct pid_namespace", [namespace], ["level"]).check()["level"][0]
    offset = kernel.offset("struct pid", f"numbers[{level}]")
    owners = upids.read(["ns"])["ns"]
    ours = [a - offset for a, owner in zip(upids.addresses, owners, strict=True) if owner == namespace]
    return walk(ours, upids.problems)


def _tasks_of(kernel: Machine, window: Window, pids: Sequence[int]) -> tuple[list[int], list[Problem]]:
    """The tasks of pids, and the pids that can't be read."""
    # 2c4704756cab (4.19) replaced task_struct.pids[] by pid_links[]
    link = kernel.path(_TASK, "pid_links[0]", "pids[0].node")
    offset = kernel.offset(_TASK, link)
    columns = kernel.read_many("struct pid", pids, ["tasks[0].first"], window=window)
    lost = [_lost("the task of a pid", gap.address, gap.reason) for gap in columns.gaps]
    return [node - offset for node in columns.columns[0] if node], lost


def _with_threads(kernel: Machine, leaders: Walk) -> Walk:
    """Leaders, each followed by its threads: signal_struct.thread_head, since 3.14 (0c740d0afc3b)."""
    window = kernel.window()
    if not kernel.has_member("struct signal_struct", "thread_head"):
        return _with_thread_groups(kernel, window, leaders)
    offset = kernel.offset(_TASK, "thread_node")
    head = kernel.offset("struct signal_struct", "thread_head")
    signals = kernel.read_many(_TASK, leaders.addresses, ["signal"], window=window)
    gone = [_lost("the threads of a task", gap.address, gap.reason) for gap in signals.gaps]
    heads = list(dict.fromkeys(signal + head for signal in signals["signal"] if signal))
    found = list_heads(window, heads, offset)
    return _merged(leaders, found, gone)


def _lost(what: str, address: int, reason: str) -> Problem:
    message = f"{what}, read at {address:#x}, is not in the dump ({reason})"
    return Problem(kind="hole", address=address, message=message)


def _with_thread_groups(kernel: Machine, window: Window, leaders: Walk) -> Walk:
    """Leaders and threads by thread_group, whose head is in the leader; removed in 6.7 (8e1f385104ac)."""
    offset = kernel.offset(_TASK, "thread_group")
    others = list_heads(window, [leader + offset for leader in leaders.addresses], offset)
    return _merged(leaders, others, ())


def _merged(leaders: Walk, found: Walk, more: Sequence[Problem]) -> Walk:
    """Leaders and threads, each once; a leader that its own list lost comes last."""
    everyone = dict.fromkeys([*found.addresses, *leaders.addresses])
    return walk(list(everyone), [*leaders.problems, *found.problems, *more])
