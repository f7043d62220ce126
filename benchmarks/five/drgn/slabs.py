"""The ten slab caches that hold most memory, by drgn: the counterpart of ``../slabs.py``."""

from __future__ import annotations

import sys

from drgn import Program
from drgn.helpers.linux.slab import for_each_slab_cache, slab_cache_order

program = Program()
program.set_core_dump(sys.argv[2])
program.load_debug_info([sys.argv[1]])
page, nodes = program["PAGE_SIZE"].value_(), program["nr_node_ids"].value_()
rows = []
for cache in for_each_slab_cache(program):
    slabs = sum(cache.node[number].nr_slabs.counter.value_() for number in range(nodes) if cache.node[number])
    size = slabs * (page << slab_cache_order(cache))
    rows.append((-size, cache.name.string_().decode(), slabs, cache.object_size.value_()))
for size, name, slabs, object_bytes in sorted(rows)[:10]:
    print(f"{-size >> 10:>8} KiB {slabs:>6} slabs of {object_bytes} B  {name}")
