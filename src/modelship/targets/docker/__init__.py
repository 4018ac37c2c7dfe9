"""Services as containers of a Docker engine, shut off from everything that they do not need."""

from modelship.targets.docker.docker_backend import DockerBackend

__all__ = ["DockerBackend"]
