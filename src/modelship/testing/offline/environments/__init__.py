"""Environments: registration, curated environments, and builds."""
