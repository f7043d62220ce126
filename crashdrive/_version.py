"""The version of a checkout; a build has that of the tag in place of this module (hatch_build.py)."""

__version__ = "0.1.0.dev0"
