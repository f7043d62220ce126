"""What the machine and its kernel are: names, firmware, CPUs, taint, settings that decide on a panic."""
