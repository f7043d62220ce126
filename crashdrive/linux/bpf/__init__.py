"""eBPF: programs, maps and links that were loaded, and who holds them (kernel/bpf/syscall.c)."""
