"""RCU: grace periods, who holds them up, callbacks that wait (kernel/rcu/tree.c)."""
