"""Interrupts and softirqs: handlers, counts by CPU, vectors."""
