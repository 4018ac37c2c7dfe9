"""Profiles: what a model needs, measured by running it on this machine."""
