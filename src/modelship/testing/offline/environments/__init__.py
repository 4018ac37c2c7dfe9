"""Environments: what is registered, what is curated, and how they are built."""
