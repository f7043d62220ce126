"""memoize_cond and purge_memoize_cache."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


calls = []


@memoize_cond(CU_LIVE | CU_PYMOD)
def double(n):
    calls.append(n)
    return 2 * n


results = [double(2), double(2), double(3), double(2, MEMOIZE=False)]
purge_memoize_cache(CU_LOAD)
double(2)
purge_memoize_cache(CU_LIVE)
double(2)
show([results, calls, [CU_LIVE, CU_LOAD, CU_PYMOD, CU_TIMEOUT]])
