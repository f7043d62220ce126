"""readmem: bytes; IndexError for NULL, crash.error for what isn't there."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


banner = readmem(sym2addr("linux_banner"), 13)
errors = []
for address in (0, 8, 0xDEAD000000000100, 1 << 63):
    try:
        readmem(address, 8)
    except IndexError:
        errors.append("IndexError")
    except crash.error:
        errors.append("crash.error")
across = readmem((sym2addr("linux_banner") & ~0xFFF) - 4, 8)
show([banner.decode(), errors, len(across), len(readmem(sym2addr("init_task"), 20000))])
