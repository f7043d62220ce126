"""LinuxDump.percpu: each CPU's own."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


from LinuxDump import percpu

queues = [readSU("struct rq", address) for address in percpu.get_cpu_var("runqueues")]
show(
    [
        [q.cpu for q in queues],
        percpu.get_cpu_var_type("runqueues"),
        [int(q) for q in queues],
        percpu.is_percpu_symbol(sym2addr("runqueues")),
    ]
)
