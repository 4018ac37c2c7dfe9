"""Packages: a model and what serves it as a Docker image, or as what one is built from."""
