"""Registries: models, environments and code that workspaces share, for SDK v2."""
