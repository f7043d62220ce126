"""Who waits for whom: locks of all kinds with their owners, tasks that wait for them, circles among these."""
