"""The pages on a dump, a module each, found by their names."""
