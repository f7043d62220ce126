"""Reports about the network."""
