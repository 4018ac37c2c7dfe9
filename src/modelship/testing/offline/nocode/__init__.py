"""Deployment without code: a script and an environment for a model that comes with neither."""
