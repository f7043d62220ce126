"""Timers: those of the timer wheel, and those of high resolution (kernel/time/)."""
