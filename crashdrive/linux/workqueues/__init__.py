"""Workqueues: pools of workers, running and pending work (kernel/workqueue.c)."""
