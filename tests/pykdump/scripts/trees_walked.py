"""LinuxDump.trees and idr: red-black trees in order, ids."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


from LinuxDump.idr import idr_for_each
from LinuxDump.trees import *

root = readSymbol("vmap_area_root") if symbol_exists("vmap_area_root") else None
areas = list(for_all_rbtree(root, "struct vmap_area", "rb_node")) if root else []
plain = [int(node) for node in for_all_rbtree(root)] if root else []
starts = [area.va_start for area in areas]
pids = sorted(number for number, _ in idr_for_each(readSymbol("init_pid_ns").idr))
show([len(areas) == len(plain), starts == sorted(starts), pids[:3], len(pids), ffs(8)])
