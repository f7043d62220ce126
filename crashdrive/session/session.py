"""A conversation with one crash process."""


class Session:
    """To be written."""
