"""Clients of a service: one to call from Python, and ones generated from its description."""
