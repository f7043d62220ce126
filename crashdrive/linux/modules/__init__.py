"""Loaded modules, and their types."""
