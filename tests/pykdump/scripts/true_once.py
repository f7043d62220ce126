"""TrueOnce, Bunch, iterN, DCache."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


twice = TrueOnce(2)
bunch = Bunch({"a": 1})
bunch.b = 2
DCache.tmp.x = 3
show(
    [
        [bool(twice) for _ in range(3)],
        bunch["b"],
        dict(bunch),
        list(iterN(range(100), 3)),
        DCache.tmp.x,
        DCache.perm.none,
    ]
)
