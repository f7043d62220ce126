"""Faults for a report to meet: pages that are missing or damaged, and what it says of them."""
