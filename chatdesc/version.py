"""The version of the package, for the wings that record it."""

__version__ = "0.2.0"
