"""Run services as isolated containers of a Docker engine."""

from modelship.targets.docker.docker_backend import DockerBackend

__all__ = ["DockerBackend"]
