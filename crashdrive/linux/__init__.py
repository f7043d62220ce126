"""Typed readers of a Linux kernel's subsystems, on top of `crashdrive.kernel`: a room per subsystem."""
