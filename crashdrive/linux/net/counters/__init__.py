"""Counters of the network stack."""
