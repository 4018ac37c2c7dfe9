"""Run services as processes on this machine, without Docker; the default target."""

from modelship.targets.process.process_backend import ProcessBackend

__all__ = ["ProcessBackend"]
