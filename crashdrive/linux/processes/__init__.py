"""Processes and threads, with all that /proc/PID would say of them."""
