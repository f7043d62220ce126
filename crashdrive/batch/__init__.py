"""Many dumps: found, each triaged by a process of its own, grouped by what they died of, shown on pages."""
