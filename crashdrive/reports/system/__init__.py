"""Reports about the machine and its kernel as a whole."""
