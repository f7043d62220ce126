"""Settings of the machine and of network namespaces: /proc/sys."""
