"""RCU: grace periods, CPUs and tasks that hold them up, callbacks (kernel/rcu/tree.c)."""
