"""System V's shared memory, semaphores and message queues, and POSIX message queues."""
