"""Namespaces of all kinds, with their owners and members."""
