"""The one error of the lab."""


class LabError(Exception):
    """Something the lab needs is missing or failed; the message is one line for the user."""
