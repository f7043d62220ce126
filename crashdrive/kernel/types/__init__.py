"""Types and their layouts."""
