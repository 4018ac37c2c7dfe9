"""Clients of a service: one to call from Python, and ones generated from its description."""

from .client import Client
from .generating import LANGUAGES, generate_client

__all__ = ["LANGUAGES", "Client", "generate_client"]
