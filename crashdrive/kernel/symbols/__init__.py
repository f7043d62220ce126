"""Names to addresses and back."""
