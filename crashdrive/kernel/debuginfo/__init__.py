"""What an image's debug data says of its code: DWARF, read by itself, a unit at a time."""
