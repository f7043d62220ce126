"""Parts of LinuxDump: disks, modules, names of devices, open files, colours, words as numbers."""

import json

from LinuxDump import crashcolor, crashhelper
from LinuxDump.block import get_all_request_queues, get_queue_requests
from LinuxDump.Dev import decode_devt, get_gendisks
from LinuxDump.dlkm import lsmod
from LinuxDump.Files import filesR, pidFiles
from LinuxDump.kobjects import dev_name, klistAll
from LinuxDump.libmisc import *
from LinuxDump.Tasks import decode_waitq

disks = [(*decode_devt(dev), str(disk.disk_name)) for dev, disk in get_gendisks()]
opened = pidFiles(1)
held = sorted(opened.files)
pci = readSymbol("pci_bus_type")
queues = get_all_request_queues()
waiting = readSU("struct wait_queue_head", sym2addr("log_wait"))
print(
    json.dumps(
        [
            disks,
            sorted(lsmod()),
            len(queues),
            sum(len(get_queue_requests(queue)) for queue in queues),
            held,
            [opened.fileInfo(number)[3] for number in held],
            [1 in filesR(opened.fileInfo(number)[2]) for number in held[:1]],
            [str(dev_name(readSU("struct device", sym2addr("platform_bus"))))],
            [len(klistAll(pci.klist)) if pci.hasField("klist") else -1],
            [task.pid for task in decode_waitq(waiting)],
            [crashcolor.get_color(crashcolor.RED), crashhelper.run_crash_command("!echo text")],
            [arg_value("0x10"), arg_value("010"), arg_value("10"), arg_value("ff"), arg_value("nothing at all")],
            [val_to_units_string(1536, 1024), flags_to_string(5, {"a": 0, "b": 1, "c": 2})],
            [get_enum_tag_value("PIDTYPE_SID", "pid_type"), get_enum_string(0, "pid_type")],
            [get_per_cpu().count, get_per_cpu().per_cpu_struct(0, sym2addr("runqueues"), "rq").cpu],
        ]
    )
)
