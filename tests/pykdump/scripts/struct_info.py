"""getStructInfo and SUInfo: members, their types, offsets and sizes."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


info = getStructInfo("struct list_head")
page = SUInfo("struct page")
task = SUInfo("struct task_struct")
show(
    [
        info.PYT_size,
        list(info),
        info["prev"].offset,
        str(info["next"].ti.typestr()),
        "lru" in page,
        task["comm"].array,
        task["comm"].ti.stype,
        task["comm"].size,
        task["tasks"].ti.stype,
        task["parent"].ti.ptrlev,
        page.getFnames()[0],
        repr(info).splitlines()[1].strip(),
    ]
)
try:
    SUInfo("struct no_such")
except TypeError as error:
    show(str(error))
