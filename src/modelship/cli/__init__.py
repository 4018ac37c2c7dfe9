"""The command line: the only part of modelship that prints."""

from modelship.cli.app import main

__all__ = ["main"]
