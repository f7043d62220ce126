"""Network devices: their state, addresses, queues and counters."""
