"""Kinds of locks, a module each."""
