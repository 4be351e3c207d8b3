"""Steeple: the push gateway you run yourself."""

__version__ = "0.1.0"
