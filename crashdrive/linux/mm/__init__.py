"""Memory of processes."""
