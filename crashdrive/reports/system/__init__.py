"""Reports about the whole machine and its kernel."""
