"""Fetch models from their sources, and read them without loading them."""

from modelship.sources.model import Model, ModelFile
from modelship.sources.passport import Passport
from modelship.sources.source import ModelSource

__all__ = ["Model", "ModelFile", "ModelSource", "Passport"]
