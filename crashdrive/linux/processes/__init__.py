"""Processes and threads, with the contents of /proc/PID."""
