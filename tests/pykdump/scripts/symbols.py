"""sym2addr, addr2sym, sym2alladdr, addr2mod."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


start = sym2addr("schedule")
module = sym2addr("modules")
first = readSU("struct module", readPtr(module) - member_offset("struct module", "list"))
inside = readPtr(int(first) + member_offset("struct module", "init")) if False else None
show(
    [
        start,
        addr2sym(start),
        addr2sym(start + 4),
        addr2sym(start + 4, True),
        addr2sym(5),
        sym2addr("no_such_symbol"),
        len(sym2alladdr("schedule")),
        addr2mod(start),
        sym2alladdr("no_such_symbol"),
    ]
)
