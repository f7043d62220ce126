"""Interrupts and softirqs: who handles them, and how often each CPU had them."""
