"""AttrSetter: attributes of several structures."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


setter = AttrSetter("struct sock", "struct tcp_sock")
setter.Family = ["no_such", "SKC.skc_family", "__sk_common.skc_family"]
setter.Nothing = ["no_such.x"]
setter.Number = lambda s: 7
none = AttrSetter("struct no_such")
none.Any = "x"
sock = readSU("struct sock", sym2addr("init_task"))
show(
    [
        setter.Family,
        setter.Nothing,
        none.Any,
        sock.Number,
        readSU("struct tcp_sock", sym2addr("init_task")).Number,
    ]
)
