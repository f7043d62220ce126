"""Locks of all kinds with their owners, the tasks that wait for them, and deadlocks."""
