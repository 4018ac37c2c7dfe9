"""Define the data collector of an online deployment: which requests and answers Azure ML keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from modelship.errors import InvalidOptionError
from modelship.targets.online_endpoint.setting_checks import (
    check_choice,
    check_kind,
    check_switch,
    check_text,
)

__all__ = ["CollectionSettings", "DataCollectorSettings", "NamedData"]

_RATES: Final = ("minute", "hour", "day")


@dataclass(frozen=True)
class NamedData:
    """``data`` of a collection: the data asset that Azure ML writes to.

    Parameters
    ----------
    name, version, path : str, optional
        The asset's name and version, and the folder in a datastore
        (``azureml://datastores/NAME/paths/...``).

    Raises
    ------
    InvalidOptionError
        If one is blank.
    """

    name: str | None = None
    version: str | None = None
    path: str | None = None

    def __post_init__(self) -> None:
        for option in ("name", "version", "path"):
            check_text(f"data.{option}", getattr(self, option))


@dataclass(frozen=True)
class CollectionSettings:
    """One of ``data_collector.collections``, such as ``model_inputs``.

    Parameters
    ----------
    enabled : bool
        Whether it is collected.
    data : str or NamedData, optional
        The id of a data asset, or one by its parts. Default: Azure ML makes one.
    client_id : str, optional
        The client id of the identity that writes.

    Raises
    ------
    InvalidOptionError
        If a value has another type.
    """

    enabled: bool | None = None  # it has to be given, which the check says by its name
    data: str | NamedData | None = None
    client_id: str | None = None

    def __post_init__(self) -> None:
        if self.enabled is None:
            raise InvalidOptionError("enabled", None, "true or false")
        check_switch("enabled", self.enabled)
        check_text("client_id", self.client_id)
        if not isinstance(self.data, NamedData):
            check_text("data", self.data)

    def to_arm(self, sampling_rate: float | None) -> dict[str, Any]:
        """Return the collection in Azure's JSON, which has the sampling rate at each of them.

        Raises
        ------
        InvalidOptionError
            If the data asset is given by its parts, which Azure's JSON does not have.
        """
        if isinstance(self.data, NamedData):
            raise InvalidOptionError("data", self.data, "the id of a registered data asset")
        mode = "Enabled" if self.enabled else "Disabled"
        written = {"samplingRate": sampling_rate, "dataId": self.data, "clientId": self.client_id}
        return {"dataCollectionMode": mode, **_given(written)}

    @classmethod
    def from_arm(cls, document: Mapping[str, Any]) -> CollectionSettings:
        """Return a collection of Azure's JSON."""
        mode = str(document.get("dataCollectionMode")).casefold()
        return cls(mode == "enabled", document.get("dataId"), document.get("clientId"))


@dataclass(frozen=True)
class DataCollectorSettings:
    """``data_collector``: the collections, and how much of them is kept.

    Parameters
    ----------
    collections : Mapping[str, CollectionSettings]
        By name; ``request`` and ``response`` are those of the payload.
    rolling_rate : str, optional
        How often a new file is begun: ``"minute"``, ``"hour"`` or ``"day"``.
    sampling_rate : float, optional
        The share of requests, from 0 to 1.
    capture_headers : tuple of str
        Headers of requests that are kept (``request_logging.capture_headers``).

    Raises
    ------
    InvalidOptionError
        If a value has another type, or is outside of its range.
    """

    collections: Mapping[str, CollectionSettings] = field(default_factory=dict)
    rolling_rate: str | None = None
    sampling_rate: float | None = None
    capture_headers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_kind("collections", self.collections, Mapping)
        for name, one in self.collections.items():
            check_text("a key of collections", name)
            check_kind(f"collections.{name}", one, CollectionSettings)
        check_choice("rolling_rate", self.rolling_rate, _RATES)
        _check_share("sampling_rate", self.sampling_rate)
        object.__setattr__(self, "collections", MappingProxyType(dict(self.collections)))
        object.__setattr__(self, "capture_headers", tuple(self.capture_headers))
        for each in self.capture_headers:
            check_text("capture_headers", each)

    def to_arm(self) -> dict[str, Any]:
        """Return the value of ``properties.dataCollector``.

        Raises
        ------
        InvalidOptionError
            If a data asset is given by its parts.
        """
        each = {name: it.to_arm(self.sampling_rate) for name, it in self.collections.items()}
        headers = {"captureHeaders": [*self.capture_headers]} if self.capture_headers else None
        written = {"rollingRate": self.rolling_rate, "requestLogging": headers}
        return {"collections": each, **_given(written)}

    @classmethod
    def from_arm(cls, document: Mapping[str, Any]) -> DataCollectorSettings:
        """Return the settings in a value of ``properties.dataCollector``."""
        found = document.get("collections") or {}
        rates = [each.get("samplingRate") for each in found.values()]
        logged = document.get("requestLogging") or {}
        rolling = document.get("rollingRate")
        return cls(
            collections={name: CollectionSettings.from_arm(it) for name, it in found.items()},
            rolling_rate=rolling.lower() if isinstance(rolling, str) else None,
            sampling_rate=next((rate for rate in rates if rate is not None), None),
            capture_headers=tuple(logged.get("captureHeaders") or ()),
        )


def _check_share(option: str, found: object) -> None:
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if found is None or (is_number and not math.isnan(found) and 0 <= found <= 1):  # type: ignore[arg-type,operator]
        return
    raise InvalidOptionError(option, found, "a number from 0 to 1")


def _given(written: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in written.items() if value is not None}
