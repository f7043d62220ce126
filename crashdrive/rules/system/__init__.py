"""What may be wrong with the machine as a whole."""
