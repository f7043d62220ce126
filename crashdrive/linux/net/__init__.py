"""The network stack: a room per part, and what they share."""
