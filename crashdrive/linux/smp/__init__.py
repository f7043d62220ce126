"""Calls between CPUs by interrupts (IPIs): queues, locks, who waits for which CPU (kernel/smp.c)."""
