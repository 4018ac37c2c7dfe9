"""Build images with a Docker engine, for any target."""
