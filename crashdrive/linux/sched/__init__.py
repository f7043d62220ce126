"""Tasks and what runs them."""
