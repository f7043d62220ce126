"""Settings of the machine and of network namespaces: what is below /proc/sys."""
