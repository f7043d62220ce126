"""Walks over the kernel's lists, trees and tables; one module per structure.

Each takes a `Window` and raw addresses and offsets, and fetches a whole level per round trip. What users
call is on the `Kernel`: ``kernel.walk_list(...)``, ``kernel.for_each_task()``.
"""
