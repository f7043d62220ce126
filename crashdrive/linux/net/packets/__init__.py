"""Packets: queues of them, and decoded headers."""
