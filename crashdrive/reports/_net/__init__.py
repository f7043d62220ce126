"""What the network reports share."""
