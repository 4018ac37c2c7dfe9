"""Models, what can be read of them without loading them, and where they come from."""

from modelship.sources.model import Model, ModelFile
from modelship.sources.passport import Passport
from modelship.sources.source import ModelSource

__all__ = ["Model", "ModelFile", "ModelSource", "Passport"]
