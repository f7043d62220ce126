"""Sockets of all families."""
