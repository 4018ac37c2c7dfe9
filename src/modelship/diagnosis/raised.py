"""Raised: one exception of a script, with what was seen around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from modelship.findings import RULES, Diagnosis

__all__ = ["Phase", "Raised"]

Phase = Literal["import", "init", "run"]
"""When the script raised: while it was imported, in ``init()``, or in ``run()``."""

# What unpickles a model, or reads one of another kind, in a line of the script.
_LOADING = re.compile(r"\b(?:\w*load\w*|from_pretrained|InferenceSession|read_model)\(")
_IMPORTING = re.compile(r"^\s*(?:import|from)\s+[\w.]+|\b(?:import_module|__import__)\(")
_MESSAGE_CHARS = 240


@dataclass(frozen=True)
class Raised:
    """One exception of a script.

    Parameters
    ----------
    kind : str
        The class's name, without its module.
    message : str
        What it says.
    phase : str
        When it was raised.
    where : str
        The place in the bundle, such as ``"score.py:12"``.
    evidence : tuple[str, ...]
        Lines that prove it; lines of source among them tell what the script was doing.
    library : str
        The import name of the library that raised it; ``""`` if the script did.
    model_files : tuple[str, ...], optional
        What lies in the model directory; None if that is not known.
    written_by : str
        The version of scikit-learn that wrote the model, as its warning in the log tells.
    """

    kind: str
    message: str
    phase: Phase
    where: str = ""
    evidence: tuple[str, ...] = ()
    library: str = ""
    model_files: tuple[str, ...] | None = None
    written_by: str = ""

    @property
    def is_import(self) -> bool:
        """Whether the last line of the script that is known imports something."""
        return any(_IMPORTING.search(line) for line in self.evidence)

    @property
    def is_loading(self) -> bool:
        """Whether it came up while the script loaded a model."""
        return not self.is_import and any(_LOADING.search(line) for line in self.evidence)

    @property
    def brief(self) -> str:
        """``KeyError: 'data'``, in one line."""
        first = self.message.strip().partition("\n")[0]
        if len(first) > _MESSAGE_CHARS:
            first = first[:_MESSAGE_CHARS].rstrip() + " …"
        return f"{self.kind}: {first}" if first else self.kind

    @property
    def actor(self) -> str:
        """What raised, as the beginning of a sentence."""
        return "Importing the script" if self.phase == "import" else f"{self.phase}()"

    def pin_of_model(self, package: str) -> str:
        """Return what pins `package` to the version that wrote the model."""
        if package == "scikit-learn" and self.written_by:
            return (
                f"Pin scikit-learn=={self.written_by}, which wrote the model, in the environment."
            )
        return (
            f"Pin in the environment the version that wrote the model: {package}==...; "
            "modelship inspect tells which."
        )

    def diagnosis(self, code: str, cause: str, remedy: str = "") -> Diagnosis:
        """Return a diagnosis with the evidence and the place of this exception."""
        return RULES[code].diagnosis(cause, evidence=self.evidence, where=self.where, remedy=remedy)
