"""The network of a kernel: a room per part of it, and what they share."""
