"""The kernel's log, and the clock that its times belong to."""
