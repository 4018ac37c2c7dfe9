"""List the languages of generated clients; separate, so that help imports no generator."""

from typing import Final

__all__ = ["LANGUAGES"]

LANGUAGES: Final = ("python", "typescript")
