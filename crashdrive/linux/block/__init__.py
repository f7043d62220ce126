"""Disks, partitions, their queues and requests."""
