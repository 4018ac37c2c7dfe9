"""The small surface that the author of a target implements.

A backend knows how to run *instances*. Names, validation, waiting, progress, smoke
tests, replacement and clean-up are written once, above it, in
:class:`~modelship.targets.DeployTarget`. The numbered clauses that a backend has to
keep are in ``docs/reference/target-contract.md``, and
:class:`modelship.testing.TargetContract` tests them.
"""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from modelship.bundle.models import model_ids
from modelship.bundle.profile import PROFILES, SERVICE_NAME, Profile
from modelship.diagnosis import Facts
from modelship.documents import DocumentError, mapping, optional, parse, record, text
from modelship.targets.logtail import last_lines
from modelship.targets.recorded import recorded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.bundle import ScoringBundle
    from modelship.progress import Steps
    from modelship.targets.recorded import Scalar
    from modelship.targets.state import State

__all__ = ["MOST_RECORD_BYTES", "Instance", "TargetBackend"]

MOST_RECORD_BYTES: Final = 4 * 2**20
"""How large the record of an instance may be."""

# What records of earlier releases hold and nothing reads.
_FORMER: Final = ("profile", "server")
_MOST_MODEL_TEXT: Final = 1000


def _scalar(value: Any, where: str) -> Scalar:
    if isinstance(value, (str, int, float)):
        return value
    raise DocumentError(f"{where} is neither text nor a number")


_DIGEST: Final = text(pattern=r"([0-9a-f]{64})?", said="64 hexadecimal digits")
_SCHEMA: Final = record(
    {
        "instance_id": text(pattern=r"[a-z0-9][a-z0-9-]{0,99}", said="letters, digits, dashes"),
        "name": text(pattern=SERVICE_NAME.pattern, said="the name of a service"),
        "digest": _DIGEST,
        "parts": mapping(_DIGEST),
        "model": text(most=_MOST_MODEL_TEXT),
        "created_at": text(most=100),
    },
    {
        "scoring_uri": text(pattern=r"(https?://\S{1,2000})?", said="an address"),
        "input_key": optional(text()),
        "tags": mapping(text()),
        "description": text(),
        "options": optional(mapping(_scalar)),
        **dict.fromkeys(_FORMER, text(most=1000)),
    },
)


@dataclass(frozen=True)
class Instance:
    """The record of one running copy of a bundle; kept by the place that runs it.

    Parameters
    ----------
    instance_id : str
        Unique for each start; letters, digits and dashes.
    name : str
        The service's name. While one bundle replaces another, two instances share it.
    digest : str
        The digest of the bundle, hex sha256.
    parts : Mapping[str, str]
        The digest of each part of the bundle, by name.
    model : str
        ``<name>:<version>`` of the model; of several, each, and a comma between them.
    created_at : str
        ISO 8601, UTC.
    scoring_uri : str
        Where requests go; empty until it is known.
    input_key : str or None
        The key under which the sample request held its rows.
    tags : Mapping[str, str]
        The bundle's tags.
    description : str
        The bundle's description.
    options : Mapping[str, str | int | float | bool] or None
        How it is run, by the name of each option; None if whoever deployed it did not record it.
        Secrets are slow hashes.
    broken : str
        Why the record cannot be used, if so; then only `instance_id` and `name` say something.
    """

    instance_id: str
    name: str
    digest: str
    parts: Mapping[str, str]
    model: str
    created_at: str
    scoring_uri: str = ""
    input_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    options: Mapping[str, Scalar] | None = None
    broken: str = ""

    def __post_init__(self) -> None:
        for name in ("parts", "tags", "options"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, MappingProxyType(dict(given)))

    @classmethod
    def draft(
        cls, bundle: ScoringBundle, *, name: str, options: Mapping[str, object] | None = None
    ) -> Instance:
        """Return the record of an instance that is about to be started."""
        return cls(
            instance_id=f"{name}-{secrets.token_hex(4)}",
            name=name,
            digest=bundle.digest,
            parts=bundle.parts,
            model=model_ids(bundle.models)[:_MOST_MODEL_TEXT],
            created_at=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            input_key=bundle.input_key,
            tags=bundle.tags,
            description=bundle.description,
            options=recorded(options or {}),
        )

    def at(self, scoring_uri: str) -> Instance:
        """Return the same record with its scoring URI."""
        return replace(self, scoring_uri=scoring_uri)

    def to_json(self) -> str:
        """Return the record as one line of JSON."""
        fields = {name: value for name, value in vars(self).items() if name != "broken"}
        return json.dumps(fields, default=dict, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Instance:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ValueError
            If it is not such a record; the text is a clause that says why.
        """
        found = _SCHEMA(parse(text), "")
        if not found["instance_id"].startswith(f"{found['name']}-"):
            raise DocumentError("its instance_id does not begin with its name")
        return cls(**{name: value for name, value in found.items() if name not in _FORMER})

    @classmethod
    def unreadable(cls, instance_id: str, problem: str) -> Instance:
        """Return the record of an instance whose own record cannot be used, so that it is seen.

        It goes by the name in `instance_id`, or by all of that if there is none in it.
        """
        name, _, unique = instance_id.rpartition("-")
        is_ours = SERVICE_NAME.fullmatch(name) and unique
        return cls(
            instance_id=instance_id,
            name=name if is_ours else instance_id,
            digest="",
            parts={},
            model="",
            created_at="",
            broken=problem,
        )


class TargetBackend(ABC):
    """A place that runs instances of bundles. Subclass this to write a target.

    Register the class under its name in the entry-point group ``modelship.targets``.
    The keyword parameters of its constructor become the options of
    :meth:`DeployTarget.open <modelship.targets.DeployTarget.open>`. A constructor does
    no work: it opens no connection and imports no vendor's SDK.
    """

    name: ClassVar[str]
    """The name that the target goes by."""

    default_check: ClassVar[Literal["static", "trial"]] = "static"
    """What deploy() does before it builds anything; a trial pays where a failure takes minutes."""

    place_options: ClassVar[frozenset[str]] = frozenset()
    """The options of the constructor that say where the place is, such as a workspace."""

    @property
    def profile(self) -> Profile:
        """What the place allows; a bundle is judged by it before it is deployed."""
        return PROFILES.get(self.name) or Profile(self.name)

    @property
    def options(self) -> Mapping[str, object]:
        """How instances are run, by the name of each option of the constructor.

        An option that is left out is None. What is secret is a
        :class:`~modelship.targets.recorded.Secret`. The record of an instance keeps them, and the
        same bundle with other options is another deployment. Options that say where the place is,
        and not how it runs an instance, are named by :attr:`place_options` instead.
        """
        return {}

    def check_replacement(self, replaced: Instance) -> None:  # noqa: B027 - most have nothing to check
        """Raise InvalidOptionError if the options must not be those of what replaces `replaced`."""

    @property
    def side_by_side(self) -> bool:
        """Whether a new instance can start while an older one of the same name runs."""
        return True

    @abstractmethod
    def prepare(self, bundle: ScoringBundle, steps: Steps) -> None:
        """Build what `bundle` needs before it can start, such as its environment or image.

        What is built is a cache: calling this again is cheap, and nothing of it is an instance.
        """

    @abstractmethod
    def start(self, draft: Instance, bundle: ScoringBundle, steps: Steps) -> Instance:
        """Start an instance and return its record with the scoring URI, without waiting for it.

        From the first moment at which something runs, :meth:`instances` shows it, so that
        nothing is lost if this process dies.
        """

    @abstractmethod
    def instances(self) -> Sequence[Instance]:
        """Return the record of every instance here, running or not, made by any process."""

    @abstractmethod
    def state(self, instance: Instance) -> State:
        """Return what the instance is doing now, within a few seconds."""

    @abstractmethod
    def logs(self, instance: Instance) -> str:
        """Return everything that the instance wrote, or ``""`` if it is gone."""

    def log_end(self, instance: Instance, *, lines: int) -> str:
        """Return the last lines that the instance wrote; override it where the log may be long."""
        return last_lines(self.logs(instance), lines)

    def facts(self, instance: Instance) -> Facts:  # noqa: ARG002 - for those that know some
        """Return what the place says of the instance beside its log, such as an exit code.

        A failure is explained with it. The state need not be given.
        """
        return Facts()

    @abstractmethod
    def stop(self, instance: Instance) -> None:
        """End the instance and remove what belongs to it alone. Doing it twice is harmless."""

    def retire(self, instance: Instance) -> None:
        """End an instance that another one has replaced; what it has accepted is answered first.

        Like :meth:`stop`, but what is under way has as long as a server gives it.
        """
        self.stop(instance)
