"""Define BundleValue: what a bundle holds, and what identifies it."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from modelship.bundle.bundle_models import described, model_ids
from modelship.bundle.generated import TABLES, is_generated
from modelship.bundle.payload import form_of
from modelship.bundle.remembered import todays_lock
from modelship.tables import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.bundle.environment import Environment
    from modelship.bundle.lock import Lock
    from modelship.bundle.resources import Resources
    from modelship.bundle.scoring_script import SourceFile
    from modelship.sources import Model

__all__ = ["BundleValue"]


class BundleValue:
    """The parts of a :class:`ScoringBundle`, which do not change, and the digest of them."""

    models: tuple[Model, ...]
    """The models, sorted by name and version; most bundles have one."""
    entry_script: str
    source: tuple[SourceFile, ...]
    environment: Environment
    schema: Schema
    """The columns that the model takes, and its outputs; ``Schema()`` if nothing is known."""
    sample_json: str | None
    resources: Resources
    tags: Mapping[str, str]
    description: str
    left_beside: tuple[str, ...] = ()
    """Modules next to the script that it imports, but that are not included in the bundle."""

    def _fill(self, **fields: object) -> None:
        self.__dict__.update(fields)

    @classmethod
    def from_parts(cls, *, lock: Lock, **fields: Any) -> Self:
        """Assemble a bundle from validated parts; for loading."""
        bundle = cls.__new__(cls)
        bundle._fill(lock=lock, **{"schema": Schema(), **fields})  # noqa: SLF001 - its own class's
        return bundle

    def with_lock(self, lock: Lock) -> Self:
        """Return this bundle with `lock` instead of the one that it would resolve."""
        fields = {name: getattr(self, name) for name in BundleValue.__annotations__}
        return self.from_parts(lock=lock, **fields)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        self.__delattr__(name)

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a ScoringBundle is immutable; make a new one to change {name!r}")

    @property
    def model(self) -> Model:
        """The model of a bundle with exactly one.

        Raises
        ------
        AttributeError
            If it has none or several.
        """
        if len(self.models) == 1:
            return self.models[0]
        raise AttributeError(
            f"this bundle has {len(self.models)} models ({model_ids(self.models) or 'none'}); "
            "`models` is the tuple of them"
        )

    @property
    def sample_input(self) -> Any:
        """A fresh copy of the sample request, or None."""
        return None if self.sample_json is None else json.loads(self.sample_json)

    @property
    def input_key(self) -> str | None:
        """The key under which the sample request holds its rows, if there is exactly one."""
        return self._input[0]

    @property
    def input_form(self) -> str | None:
        """The form of the rows of a request: ``"records"`` or ``"rows"``; None if unspecified.

        A generated script accepts both, and records keep the names of their columns.
        """
        if self.schema.is_table and any(f.path.startswith(f"{TABLES}/") for f in self.source):
            return "records"
        return self._input[1]

    @cached_property
    def _input(self) -> tuple[str | None, str | None]:
        """The key and the form of the rows in the sample request, which may be large."""
        sample = self.sample_input
        if isinstance(sample, dict) and len(sample) == 1:
            [(key, rows)] = sample.items()
            if isinstance(rows, list):
                return key, form_of(rows)
        return None, form_of(sample)

    @property
    def task(self) -> str:
        """The task of its service, classification or regression, from the schema.

        It is ``"classification"`` or ``"regression"``; ``""`` if unknown, as for a custom script.
        """
        script = next((each for each in self.source if each.path == self.entry_script), None)
        is_ours = script is not None and is_generated(script.content)
        return self.schema.outputs.task if is_ours else ""

    @cached_property
    def lock(self) -> Lock:
        """The environment locked with hashes, on first use; resolved once a day per environment."""
        return todays_lock(self.environment)

    @cached_property
    def parts(self) -> Mapping[str, str]:
        """The digest of each part, by name: the inputs of :attr:`digest`."""
        return MappingProxyType({name: _sha256(value) for name, value in self._content().items()})

    @cached_property
    def digest(self) -> str:
        """The hex sha256 digest of the content.

        It covers the models, the script's folder, the environment and its lock, the sample request,
        the schema, the resources, the tags and the description; it does not depend on the time, on
        the location of any file, or on the order of the tags or of the models. The first use
        resolves the lock.
        """
        return _sha256(dict(self.parts))

    def _content(self) -> dict[str, object]:
        models, lock, asked = [*map(described, self.models)], self.lock, self.environment
        content: dict[str, object] = {
            # Bundles originally had one model, and those keep their digest.
            "model": models[0] if len(models) == 1 else models,
            "script": [self.entry_script, [[file.path, file.sha256] for file in self.source]],
            "environment": [lock.python, lock.digest, asked.python, list(asked.requirements)],
            "sample_input": self.sample_json,
            "resources": [self.resources.cpu_cores, self.resources.memory_gb],
            "tags": dict(self.tags),
            "description": self.description,
        }
        # Bundles originally had no schema, and those keep their digest.
        return content if self.schema == Schema() else {**content, "schema": self.schema.to_json()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BundleValue) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def _sha256(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
