"""A case: a folder that describes one bundle, what a check of it finds, and what happens raw.

::

    <kind>/<name>/
        case.toml       what it is, [expect]: the finding, [bundle]: options, [server]: the raw path
        score.py, …     what the bundle is made of
        model.py        write(folder) writes the model; without it a small default is written
        source.py       write(folder) writes what cannot be committed, such as 10 MB of source
        sample.json     the sample request
"""

from __future__ import annotations

import json
import runpy
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cases import models

try:
    import tomllib
except ImportError:  # Python 3.10, where pytest brings this one
    import tomli as tomllib

__all__ = ["BROKEN", "GOOD", "Case", "Expected", "Laid", "lay"]

_HERE = Path(__file__).parent
_OF_THE_CASE = frozenset({"case.toml", "model.py", "source.py", "sample.json", "__pycache__"})
_ENVIRONMENTS = (".txt", ".yml", ".yaml")


@dataclass(frozen=True)
class Expected:
    """The one finding that a broken bundle is for; `also` may come with it."""

    code: str
    path: str = ""
    line: int | None = None
    severity: str = "error"
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One folder of ``broken/`` or ``good/``."""

    name: str
    folder: Path
    title: str
    expect: Expected | None
    bundle: dict[str, Any]
    server: dict[str, Any]
    requires_python: str = ""

    @classmethod
    def read(cls, folder: Path) -> Case:
        """Read ``case.toml``."""
        told = tomllib.loads((folder / "case.toml").read_text())
        expect = dict(told.get("expect", {}))
        also = tuple(expect.pop("also", ()))
        return cls(
            name=folder.name,
            folder=folder,
            title=told["title"],
            expect=Expected(**expect, also=also) if expect else None,
            bundle=told.get("bundle", {}),
            server=told["server"],
            requires_python=told.get("requires_python", ""),
        )

    @property
    def environment(self) -> Path | None:
        """The file that describes its environment; None if it is inferred from the model."""
        named = self.bundle.get("environment")
        if named is None:
            return None
        if named.endswith(_ENVIRONMENTS):
            return self.folder / named
        return _HERE / "environments" / f"{named}.txt"


@dataclass(frozen=True)
class Laid:
    """The parts of a bundle, as files in a folder of their own."""

    model: Path
    entry_script: str | None
    source: Path
    alone: bool
    environment: Path | None
    sample: Any

    @property
    def parts(self) -> dict[str, Any]:
        """What :class:`modelship.ScoringBundle` takes besides the model."""
        script = self.entry_script
        return {
            "entry_script": self.source / script if script and self.alone else script,
            "source_directory": None if self.alone else self.source,
            "environment": self.environment,
            "sample_input": self.sample,
        }


def lay(case: Case, folder: Path) -> Laid:
    """Write the parts of a case below `folder`."""
    source = folder / "source"
    below = case.bundle.get("source_directory")
    left_out = {*_OF_THE_CASE, *(each.name for each in case.folder.iterdir() if _is_list(each))}
    shutil.copytree(
        case.folder / (below or "."), source, ignore=lambda _, names: left_out & {*names}
    )
    if (case.folder / "source.py").exists():
        runpy.run_path(str(case.folder / "source.py"))["write"](source)
    return Laid(
        model=_model(case, folder / "trained"),
        entry_script=case.bundle.get("entry_script", "score.py") or None,
        source=source,
        alone=below is None,
        environment=_environment(case, folder),
        sample=_sample(case),
    )


def _is_list(path: Path) -> bool:
    return path.suffix in _ENVIRONMENTS


def _model(case: Case, folder: Path) -> Path:
    folder.mkdir()
    if (case.folder / "model.py").exists():
        runpy.run_path(str(case.folder / "model.py"))["write"](folder)
    elif case.bundle.get("environment") == "sklearn":
        models.write_classifier(folder)
    else:
        models.write_weights(folder)
    return folder / case.bundle.get("model", next((each.name for each in folder.iterdir()), ""))


def _environment(case: Case, folder: Path) -> Path | None:
    """Write the environment's file with the versions of this process in it."""
    described = case.environment
    if described is None:
        return None
    text = described.read_text()
    for name in ("scikit-learn", "joblib", "numpy"):
        text = text.replace(f"{{{name}}}", version(name))
    file = folder / described.name
    file.write_text(text)
    return file


def _sample(case: Case) -> Any:
    file = case.folder / "sample.json"
    if not file.exists():
        return None
    sample = json.loads(file.read_text())
    if times := case.bundle.get("sample_times"):
        sample["data"] = sample["data"] * times
    return sample


def _read(kind: str) -> dict[str, Case]:
    folders = sorted((_HERE / kind).glob("*/case.toml"))
    return {each.parent.name: Case.read(each.parent) for each in folders}


BROKEN = _read("broken")
GOOD = _read("good")
