"""A module in Python 2 that a script imports."""

from pykdump.API import *


def states(tasks):
	found = {}
	for task in tasks:
		pid = task.pid
		if not found.has_key(pid / 100):
			found[pid / 100] = 0L
		found[pid / 100] += 1
	return found


def fail():
	raise KeyError, "no member"
