"""Rows of reports as PyKdump's programs print them; ``?`` stands for what can't be read."""
