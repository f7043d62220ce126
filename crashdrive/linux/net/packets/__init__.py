"""Packets: what waits in queues, and what their bytes say."""
