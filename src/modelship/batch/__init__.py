"""Batch scoring: scripts with ``run(mini_batch)``, and what runs them over many files."""
