"""Rules for the whole machine: tasks, CPUs, memory, disks, modules, interrupts."""
