"""Traffic control: qdiscs, classes, filters."""
