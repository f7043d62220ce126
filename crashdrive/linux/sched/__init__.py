"""Tasks, run queues, CPU times, stacks."""
