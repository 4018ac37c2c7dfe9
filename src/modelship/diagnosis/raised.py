"""Define Raised: one exception of a script, with its context."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from modelship.diagnosis.facts import Surroundings
from modelship.diagnosis.remedies import remedy_for_version
from modelship.findings import RULES, Diagnosis

__all__ = ["Phase", "Raised"]

Phase = Literal["import", "init", "run"]
"""When the script raised: while it was imported, in ``init()``, or in ``run()``."""

# Calls in a line of the script that unpickle a model, or read one of another format.
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
        Its message.
    phase : str
        The phase in which it was raised.
    where : str
        The place in the bundle, such as ``"score.py:12"``.
    evidence : tuple[str, ...]
        Lines that prove it; source lines among them show what the script was doing.
    library : str
        The import name of the library that raised it; ``""`` if the script did.
    model_files : tuple[str, ...], optional
        The contents of the model directory; None if unknown.
    written_by : str
        The version of scikit-learn that wrote the model, from its warning in the log.
    around : Surroundings
        The facts known about the bundle.
    """

    kind: str
    message: str
    phase: Phase
    where: str = ""
    evidence: tuple[str, ...] = ()
    library: str = ""
    model_files: tuple[str, ...] | None = None
    written_by: str = ""
    around: Surroundings = field(default_factory=Surroundings)

    @property
    def is_import(self) -> bool:
        """Whether the script's last known source line is an import."""
        return self._did is _IMPORTING

    @property
    def is_loading(self) -> bool:
        """Whether it was raised while the script loaded a model."""
        return self._did is _LOADING

    @property
    def _did(self) -> re.Pattern[str] | None:
        for line in reversed(self.evidence):
            for pattern in (_IMPORTING, _LOADING):
                if pattern.search(line):
                    return pattern
        return None

    @property
    def files(self) -> tuple[str, ...] | None:
        """The contents of the model directory, from the log or the bundle; None if unknown."""
        return self.around.model_files if self.model_files is None else self.model_files

    @property
    def brief(self) -> str:
        """``KeyError: 'data'``, in one line."""
        first = self.message.strip().partition("\n")[0]
        if len(first) > _MESSAGE_CHARS:
            first = first[:_MESSAGE_CHARS].rstrip() + " …"
        return f"{self.kind}: {first}" if first else self.kind

    @property
    def actor(self) -> str:
        """What raised it, as the beginning of a sentence."""
        return "Importing the script" if self.phase == "import" else f"{self.phase}()"

    @property
    def or_correct(self) -> str:
        """The end of an advice about a request: the script may be what is wrong."""
        if self.around.is_generated:
            return ""
        return f"; or correct {self.where or 'the script'}"

    def pin_of_model(self, package: str, *, otherwise: str = "") -> str:
        """Return how to get the version of `package` that wrote the model, or do without it.

        Parameters
        ----------
        package : str
            Its name on PyPI.
        otherwise : str
            A version that is sufficient, if the one that wrote it is unknown.
        """
        told = self.written_by if package == "scikit-learn" else ""
        version = self.around.wrote.get(package, "") or told or otherwise
        loads = (self.around.locked or {}).get(package, "")
        return remedy_for_version(package, version, around=self.around, loads=loads)

    def diagnosis(self, code: str, cause: str, advice: str = "") -> Diagnosis:
        """Return a diagnosis with the evidence and the place of this exception."""
        return RULES[code].diagnosis(cause, evidence=self.evidence, where=self.where, advice=advice)
