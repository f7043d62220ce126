"""Namespaces of all kinds, whose they are, and who lives in them."""
