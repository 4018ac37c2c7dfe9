"""Define Release: a bundle, how it is served, and what a target stores of both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.profile import Profile
from modelship.errors import InvalidOptionError
from modelship.runtime.server_options import checked_options, option_variables
from modelship.runtime.servers import Server, trace_variables
from modelship.runtime.variables import Secret, as_secrets, as_variables
from modelship.targets.release_record import (
    MOST_MODEL_TEXT,
    ReleaseRecord,
    recorded,
    release_record,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.bundle import ScoringBundle
    from modelship.targets.release_record import Scalar

__all__ = ["Release", "ReleaseRecord", "Serving", "release_record"]

_LARGEST_PORT: Final = 65535
_MOST_WORKERS: Final = 64


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How a bundle is served: a value, the same on every target.

    An option that a place does not support is refused before anything is built or sent. Two
    servings are equal if all their options are; :func:`dataclasses.replace` returns a changed copy,
    with the secrets that were read. A serving with secrets cannot be pickled.

    Parameters
    ----------
    server : {"azmlinfsrv", "modelship"}
        The server of the script: Azure ML's own, or modelship's faster one.
    workers : int
        The number of worker processes, 1 to 64.
    port : int, optional
        The port of the service's address, 1 to 65535. Default: a free port.
    auth : bool, optional
        Whether a request needs a key. None inherits the setting of the replaced service; a new
        service requires none. On this machine with modelship's server only.
    traces : bool
        Whether to send spans of the requests, as configured by the variables ``OTEL_...`` and
        ``APPLICATIONINSIGHTS_...`` of this process; with modelship's server only.
    capture : str or Path, optional
        The folder in which failed requests are kept, for ``modelship replay``; with modelship's
        server only.
    limits : str, optional
        The place whose limits apply: ``"aci"``, ``"aks"``, ``"online-endpoint"`` or ``"docker"``.
        These are the limits of a request's duration, and of the resources that a bundle may
        request.
    variables : Mapping[str, str]
        Environment variables of the service, by name. They are shown in records and histories.
    secrets : Mapping[str, str or Secret]
        Environment variables with secret values: ``"env:NAME"`` is a variable of this process, and
        ``"file:PATH"`` the content of a file, less one newline at its end. They are read
        immediately, and shown nowhere.
    server_options : Mapping[str, int or float or bool or str]
        Further options of the server, such as ``{"scoring_timeout_ms": 60000}``; the names, units
        and ranges are in docs/reference/scoring-server.md.

    Raises
    ------
    InvalidOptionError
        If an option has an invalid value, or one that conflicts with another option.
    """

    server: str = "azmlinfsrv"
    workers: int = 1
    port: int | None = None
    auth: bool | None = None
    traces: bool = False
    capture: str | Path | None = None
    limits: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str | Secret] = field(default_factory=dict)
    server_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_number("workers", self.workers, most=_MOST_WORKERS)
        if self.port is not None:
            _check_number("port", self.port, most=_LARGEST_PORT)
        if self.auth is not None:
            _check_switch("auth", self.auth)
        _check_switch("traces", self.traces)
        if self.capture is not None:
            self._set("capture", _folder("capture", self.capture))
        self.program.check_own(traces=self.traces, capture=self.capture)
        limits = Profile.named(self.limits, "limits") if self.limits is not None else None
        options = checked_options(self.program, self.server_options, limits=limits)
        self._set("server_options", options)
        self._set("variables", as_variables(self.variables))
        self._set("secrets", as_secrets(self.secrets, beside=self.variables))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def program(self) -> Server:
        """The server that runs the script."""
        return Server.named(self.server)

    def profile(self, place: Profile) -> Profile:
        """Return the limits on `place`, restricted to those that the serving requests."""
        profile = place if self.limits is None else Profile.named(self.limits)
        if place.asks_for_key is None:
            return profile.replace(asks_for_key=None)
        asks = place.asks_for_key if self.auth is None else self.auth
        return profile.replace(asks_for_key=asks)

    def environment(self, profile: Profile) -> dict[str, str]:
        """Return the environment variables of the service on such a place, without secrets."""
        return {
            "WORKER_COUNT": str(self.workers),
            **profile.variables,
            **option_variables(self.server_options),
            **self.variables,
        }

    @property
    def secret_environment(self) -> dict[str, str]:
        """The environment variables of the service that are secret."""
        traced = trace_variables() if self.traces else {}
        given = {name: secret.value for name, secret in self._secrets.items()}
        return {**{k: v for k, v in traced.items() if k not in self.variables}, **given}

    @property
    def _secrets(self) -> Mapping[str, Secret]:
        return self.secrets  # type: ignore[return-value]  # __post_init__ has read them

    @property
    def options(self) -> dict[str, object]:
        """Each option by name; one with several values is several, as ``variables.NAME``."""
        traces = Secret(json.dumps(trace_variables(), sort_keys=True)) if self.traces else False
        return {
            "server": self.server,
            "workers": self.workers,
            "port": self.port,
            "auth": bool(self.auth),
            "traces": traces,
            "capture": self.capture,
            "limits": self.limits,
            **{f"variables.{name}": value for name, value in self.variables.items()},
            **{f"secrets.{name}": secret for name, secret in self._secrets.items()},
            **{f"server_options.{name}": value for name, value in self.server_options.items()},
        }


def _folder(option: str, given: object) -> Path:
    if not isinstance(given, (str, Path)) or not str(given):
        raise InvalidOptionError(option, given, "the path of a folder")
    try:
        return Path(given).expanduser().resolve()
    except (RuntimeError, ValueError) as error:  # an unknown home folder, or a NUL
        expected = f"the path of a folder ({str(error).rstrip('.').lower()})"
        raise InvalidOptionError(option, given, expected) from None


def _check_number(option: str, value: object, *, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidOptionError(option, value, f"1 to {most}")


def _check_switch(option: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidOptionError(option, value, "True or False")


@dataclass(frozen=True)
class Release:
    """The content of a name: a bundle, its serving, and a place's own options for it.

    Parameters
    ----------
    bundle : ScoringBundle
        What runs.
    serving : Serving
        How it is served.
    place : Mapping[str, object]
        The place's own options that affect how it runs, such as a base image.
    """

    bundle: ScoringBundle
    serving: Serving = field(default_factory=Serving)
    place: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def options(self) -> dict[str, object]:
        """The options of the serving by name; an omitted option is None."""
        return {**self.serving.options, **self.place}

    @cached_property
    def digest(self) -> str:
        """The hex sha256 digest of the bundle's digest and of every option.

        A secret is included as a slow hash, whose salt is derived from the bundle's digest: so
        another machine computes the same digest, and no precomputed table helps to guess a secret.
        """
        content = [self.bundle.digest, self.recorded]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @cached_property
    def recorded(self) -> dict[str, Scalar]:
        """The options in their recorded form."""
        return recorded(self.options, salt=self.bundle.digest)

    def record(self) -> ReleaseRecord:
        """Return the record of the release that a place keeps."""
        from modelship.bundle.bundle_models import model_ids

        bundle = self.bundle
        return ReleaseRecord(
            digest=self.digest,
            bundle=bundle.digest,
            parts=bundle.parts,
            options=self.recorded,
            model=model_ids(bundle.models)[:MOST_MODEL_TEXT],
            input_key=bundle.input_key,
            input_form=bundle.input_form,
            task=bundle.task,
            tags=bundle.tags,
            description=bundle.description,
        )
