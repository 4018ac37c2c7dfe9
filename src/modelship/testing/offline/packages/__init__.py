"""Package a model and its server as a Docker image, or as a build context."""
