"""Arrays: of numbers, of structures, of pointers, of several dimensions, without a bound."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


rcu = readSymbol("rcu_state")
protos = readSymbol("inet_protos")
vm = readSymbol("vm_zone_stat")
three = SUInfo("struct zone")["pageset_high"].ti.dims if "pageset_high" in SUInfo("struct zone") else None
show(
    [
        readSymbol("sysctl_tcp_mem"),
        len(vm),
        vm[0].hasField("counter"),
        len(protos),
        bool(protos[6]),
        int(protos[6]) in [int(p) for p in protos],
        readSymbol("__per_cpu_offset")[0] != 0,
        [type(x).__name__ for x in readSymbol("avenrun")],
    ]
)
