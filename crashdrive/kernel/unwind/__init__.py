"""Stacks taken apart: unwind tables, stacks, and the walk from one call to its caller."""
