"""The dump's memory, in bulk."""
