"""Where the memory went: crash's summary, the biggest processes, the biggest slab caches.

crashdrive run vmcore examples/memory.py [HOW MANY]
crashdrive run --format json vmcore examples/memory.py | jq '.tables.processes[0]'
"""

import sys


def report(crash):
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    return {
        "memory": crash.kmem("info").records,
        "processes": biggest_processes(crash, count),
    }


def biggest_processes(crash, count):
    tasks = crash.kernel.tasks(threads=False)
    resident = sorted((task for task in tasks if task.rss), key=lambda task: -task.rss)
    return [
        {"pid": task.pid, "comm": task.comm, "resident_mib": round(task.rss / 2**20, 1)}
        for task in resident[:count]
    ]
