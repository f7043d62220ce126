"""Rules over the whole machine: tasks, CPUs, memory, disks, modules, interrupts."""
