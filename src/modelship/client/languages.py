"""The languages that a client can be generated in; apart, so that help needs no generator."""

from typing import Final

__all__ = ["LANGUAGES"]

LANGUAGES: Final = ("python", "typescript")
