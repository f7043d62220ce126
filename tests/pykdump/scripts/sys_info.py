"""sys_info: facts of the dump, items and attributes."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


show(
    [
        sys_info.CPUS,
        sys_info.HZ,
        sys_info.pointersize,
        sys_info.machine,
        sys_info["RELEASE"],
        sys_info.kernel >= "2.6.32",
        sys_info.kernel < "5.0",
        "LOAD AVERAGE" in sys_info,
        sys_info.get("NONE", 7),
        sys_info.livedump,
        sys_info["NODENAME"],
        str(sys_info.kernel),
    ]
)
