"""Profile a model: measure its resource usage by running it on this machine."""
