"""Pickle what models are made of: see ``corpus/known_names.py``."""
