"""What a Linux kernel is made of: typed readers on top of `crashdrive.kernel`, a room per subsystem."""
