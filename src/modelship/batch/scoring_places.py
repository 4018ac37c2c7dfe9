"""Define ScoringPlace: the environment and the files of a bundle, for its scoring processes."""

from __future__ import annotations

import json
import shutil
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelship.batch.script_host import ScriptHost
from modelship.bundle.payload import form_of
from modelship.bundle.schemas import sample_rows
from modelship.runtime.workbench import workbench

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelship.bundle import ScoringBundle

__all__ = ["PACKAGE", "ScoringPlace", "place_files", "scoring_place"]

PACKAGE: Final = "modelship_batch"
"""The name of the copy of the scorer that a scoring process imports."""
_SOURCE = Path(__file__).parent.parent


@dataclass(frozen=True)
class ScoringPlace:
    """Where scoring processes of a bundle start: its environment and its files.

    Parameters
    ----------
    python : Path
        The Python of the environment.
    folder : Path
        The folder with the bundle's files (``app``), the scorer and the logs.
    variables : Mapping[str, str]
        The environment variables.
    """

    python: Path
    folder: Path
    variables: Mapping[str, str]

    @cached_property
    def host(self) -> ScriptHost:
        """What starts the processes."""
        return ScriptHost(self.python, self.folder, self.variables)


@contextmanager
def scoring_place(
    bundle: ScoringBundle,
    *,
    timeout_s: float,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[ScoringPlace]:
    """Prepare the environment and the files of a bundle while the body runs.

    `variables` are added to the environment variables of the processes.

    Raises
    ------
    EnvironmentSpecError
        If the environment cannot be created on this machine.
    """
    with workbench(bundle, timeout_s=timeout_s) as bench:
        place_files(bench.folder)
        own = {
            **bench.variables,
            "AZUREML_ENTRY_SCRIPT": bundle.entry_script,
            "PYTHONPATH": str(bench.folder),
            "MODELSHIP_BATCH_BODY": json.dumps(_body_of(bundle)),
            **variables,
        }
        place = ScoringPlace(bench.python, bench.folder, own)
        with closing(place.host):
            yield place


def place_files(folder: Path) -> None:
    """Copy what a scoring process imports of modelship into a folder.

    The bytecode is copied too: it is valid for the same version of Python, and ignored by others.
    """
    for name in ("server", "batch/scorer", "batch/mini_batch"):
        shutil.copytree(_SOURCE / name, folder / PACKAGE / name)


def _body_of(bundle: ScoringBundle) -> dict[str, str]:
    """Return the form of a request's body: the key of the rows, and the form of a row."""
    key, rows = sample_rows(bundle.sample_input)
    return {"key": key, "rows": form_of(rows) or "rows"}
