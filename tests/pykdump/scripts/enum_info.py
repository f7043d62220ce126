"""EnumInfo: by its tag, by a constant of one without a name; enumerator_value."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


pids = EnumInfo("enum pid_type")
migrate = EnumInfo("enum migratetype")
show(
    [
        dict(pids),
        pids.PIDTYPE_TGID,
        pids.getnam(1),
        pids["PIDTYPE_PID"],
        migrate.MIGRATE_MOVABLE,
        enumerator_value("PIDTYPE_SID"),
        enumerator_value("NO_SUCH_CONSTANT"),
        "bad value" in pids.getnam(99),
    ]
)
try:
    EnumInfo("enum no_such")
except TypeError:
    show("TypeError")
