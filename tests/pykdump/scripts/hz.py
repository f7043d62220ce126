"""HZ and what else is known of the machine."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


show(
    [
        HZ,
        PAGESIZE,
        PAGE_CACHE_SHIFT,
        pointersize,
        PTR_SIZE,
        INT_MASK,
        INT_SIZE,
        INT_MAX,
        LONG_MASK,
        LONG_SIZE,
        LONG_MAX,
        BITS_PER_INT,
        BITS_PER_LONG,
        uInt(-1),
        uLong(-1),
        ALIGN(4097, 4096),
        unsigned16(-1),
        sLong(LONG_MASK),
        crash.HZ,
    ]
)
