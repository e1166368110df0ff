"""The version of the package: the one place where it is written; setup.cfg reads it."""

__version__ = "0.1.0"
