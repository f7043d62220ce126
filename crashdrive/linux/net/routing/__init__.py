"""Routes, rules, next hops, neighbours."""
