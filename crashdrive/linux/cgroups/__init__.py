"""Control groups: their tree, members, limits and counters."""
