"""Mounts, super blocks, open files."""
