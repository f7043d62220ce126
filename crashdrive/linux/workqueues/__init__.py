"""Workqueues: pools of workers, what they run, what waits for them (kernel/workqueue.c)."""
