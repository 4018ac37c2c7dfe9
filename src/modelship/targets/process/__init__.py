"""The embedded default: Azure ML's inference server in an isolated environment, no Docker."""

from modelship.targets.process.process_backend import ProcessBackend

__all__ = ["ProcessBackend"]
