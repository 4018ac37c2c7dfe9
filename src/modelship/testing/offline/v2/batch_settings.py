"""The settings of a job of a batch deployment, checked, as the pool of workers reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.batch.mini_batch.mini_batch_settings import (
    LOGGING_LEVELS,
    BatchSettings,
    is_file_name,
)
from modelship.targets.online_endpoint.iso_durations import seconds_of_iso
from modelship.testing.offline.v2.arm_refusals import bad_request
from modelship.testing.offline.v2.batch_documents import with_defaults

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OVERRIDES", "batch_settings"]

OVERRIDES: Final = ("errorThreshold", "miniBatchSize", "outputFileName", "retrySettings")
"""The settings of a deployment that the request for a job may change."""

_ACTIONS: Final = {"appendrow": True, "summaryonly": False}


def batch_settings(properties: Mapping[str, Any], *, script: str = "") -> BatchSettings:
    """Return the settings of a deployment's jobs, without the places of their input and output.

    Parameters
    ----------
    properties : Mapping[str, Any]
        The properties of the deployment in Azure's resource manager.
    script : str
        The path of the scoring script.

    Raises
    ------
    ArmRefusalError
        If a setting is not valid.
    """
    full = with_defaults(properties)
    retries, action = full["retrySettings"], str(full["outputAction"])
    if action.casefold() not in _ACTIONS:
        raise bad_request(f"outputAction is AppendRow or SummaryOnly, not {action}.")
    instances = _number(full["resources"], "instanceCount", least=1)
    return BatchSettings(
        script=script,
        input="",
        output="",
        append_row=_ACTIONS[action.casefold()],
        output_file_name=_file_name(full["outputFileName"]),
        mini_batch_size=_number(full, "miniBatchSize", least=1),
        error_threshold=_number(full, "errorThreshold", least=-1),
        max_retries=_number(retries, "maxRetries", least=0),
        timeout_s=_timeout(retries["timeout"]),
        workers=instances * _number(full, "maxConcurrencyPerInstance", least=1),
        logging_level=_level(full["loggingLevel"]),
    )


def _number(given: Mapping[str, Any], name: str, *, least: int) -> int:
    found = given[name]
    if isinstance(found, bool) or not isinstance(found, int) or found < least:
        raise bad_request(f"{name} is {found!r}; it must be a whole number from {least} on.")
    return found


def _timeout(text: Any) -> float:
    try:
        found = float(seconds_of_iso(str(text)))
    except ValueError:
        found = 0.0
    if found <= 0:
        raise bad_request(f"timeout is {text!r}; it must be a duration such as PT30S.")
    return found


def _level(text: Any) -> str:
    found = str(text).upper()
    if found not in LOGGING_LEVELS:
        raise bad_request(f"loggingLevel is {text!r}; it must be Warning, Info or Debug.")
    return found


def _file_name(text: Any) -> str:
    name = str(text)
    if not is_file_name(name):
        raise bad_request(f"outputFileName is {text!r}; it must be the name of a file.")
    return name
