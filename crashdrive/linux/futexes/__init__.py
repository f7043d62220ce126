"""Futexes: tasks that wait for words of user memory (kernel/futex/)."""
