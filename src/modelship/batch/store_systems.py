"""Open the file systems of stores, with limits on how long their drivers wait for an answer.

Drivers wait for minutes: that of S3 for 15 s, 25 times. What the user has set is kept, also in the
configuration of fsspec, in that of AWS, and in variables of both.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from modelship.batch.store_progress import while_progressing
from modelship.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

__all__ = [
    "canonical_url",
    "in_steps",
    "in_time",
    "is_asynchronous",
    "one_place",
    "opened_system",
    "stamp_in",
]

_CONNECT_S: Final = 5
_ANSWER_S: Final = 12
_S3_CALLS: Final = 2
_S3_TRIES: Final = 3  # of each call: 72 s without an answer, and pauses of up to 6 s
_CALL_S: Final = 80.0
_SLOWEST_BYTES_PER_S: Final = 50_000
_STAMPS: Final = (
    "ETag",
    "etag",
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
    "md5",
    "created",
)
_GCS_ANSWER_S: Final = 9  # the driver tries 6 times, with pauses of 34 s


def canonical_url(url: str) -> str:
    """Return a URL with its scheme in small letters, as drivers are registered."""
    scheme, sign, place = url.partition("://")
    return f"{scheme.lower()}{sign}{place}" if sign else url


def one_place(url: str) -> str:
    """Return the same text for all URLs of one place: drivers have several schemes."""
    scheme, sign, place = canonical_url(url).partition("://")
    bucket, slash, path = place.partition("/")
    if (scheme := _SCHEMES.get(scheme, scheme)) == "az":
        bucket = bucket.partition("@")[0]  # the account is added, or is that of the driver
    return f"{scheme}{sign}{bucket}{slash}{path}"


def opened_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and its path there.

    Raises
    ------
    MissingExtraError
        If fsspec is not installed.
    ImportError, ValueError
        If the driver is not installed, or refuses the URL.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtraError("fsspec", extra="batch") from None
    url = canonical_url(url)
    schemes = {each.partition("://")[0] for each in url.split("::")}
    limits = {each: _LIMITS[each](_configured(each)) for each in schemes & _LIMITS.keys()}
    system, place = url_to_fs(url, **limits)
    if schemes & _S3:
        system.retries = min(system.retries, _S3_CALLS)
    return system, place


def in_time(
    system: Any,
    operation: str,
    *given: Any,
    size_bytes: int = 0,
    limit_s: float | None = None,
    **named: Any,
) -> Any:
    """Return what an operation of a file system on one object returns, if it does so in time.

    Drivers have no limit while they send bytes: they wait for the store to take them, and S3 may
    be waited for before that (``Expect: 100-continue``). That of Azure waits for 20 minutes.

    Raises
    ------
    TimeoutError
        If it takes longer than a store needs over a slow connection.
    """
    awaited = _awaited(system, operation)
    if awaited is None:
        return getattr(system, operation)(*given, **named)
    limit_s = _limit_s(system) if limit_s is None else limit_s
    limit_s += size_bytes / _SLOWEST_BYTES_PER_S
    with _saying(limit_s):
        return _in_loop(system, awaited, *given, timeout=limit_s, **named)


def in_steps(
    system: Any, operation: str, *given: Any, limit_s: float | None = None, **named: Any
) -> Any:
    """Return what an operation of unknown size returns, if it does not stop in between.

    Raises
    ------
    TimeoutError
        If the store sends nothing for longer than it needs for one answer.
    """
    awaited = _awaited(system, operation)
    if awaited is None:
        return getattr(system, operation)(*given, **named)
    limit_s = _limit_s(system) if limit_s is None else limit_s
    with _saying(limit_s):
        return _in_loop(system, while_progressing, awaited(*given, **named), limit_s=limit_s)


def _awaited(system: Any, operation: str) -> Callable[..., Awaitable[Any]] | None:
    """Return an operation that can be ended; None if the driver has none."""
    return getattr(system, f"_{operation}", None) if is_asynchronous(system) else None


def _in_loop(system: Any, operation: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Return what an operation returns in the loop of a driver."""
    from fsspec.asyn import sync

    return sync(system.loop, operation, *given, **named)


def stamp_in(facts: Mapping[str, Any]) -> str:
    """Return what changes with the content of an object, from what a driver knows of it."""
    return str(next((facts[each] for each in _STAMPS if facts.get(each)), ""))


@contextmanager
def _saying(limit_s: float) -> Iterator[None]:
    """Give the error of a time limit, which has no message, one."""
    try:
        yield
    except TimeoutError as error:
        raise TimeoutError(str(error) or f"no answer for {limit_s:.0f} s") from error


def is_asynchronous(system: Any) -> bool:
    """Return whether a driver waits in a loop, so that its operations can be ended."""
    return bool(getattr(system, "async_impl", False))


def _limit_s(system: Any) -> float:
    """Return how long an operation may take: longer if the user has given the driver more time."""
    own_s = (getattr(system, "config_kwargs", None) or {}).get("read_timeout") or 0
    return max(_CALL_S, _S3_CALLS * _S3_TRIES * float(own_s))


def _configured(scheme: str) -> Mapping[str, Any]:
    """Return what the user has given the driver of a scheme in fsspec's configuration."""
    from fsspec.config import apply_config
    from fsspec.registry import get_filesystem_class

    given: Mapping[str, Any] = apply_config(get_filesystem_class(scheme), {})
    return given


def _s3_limits(given: Mapping[str, Any]) -> dict[str, Any]:
    config = dict(given.get("config_kwargs") or {})
    config.setdefault("connect_timeout", _CONNECT_S)
    config.setdefault("read_timeout", _ANSWER_S)
    if "retries" not in config and not _has_aws_tries(given.get("profile")):
        config["retries"] = {"total_max_attempts": _S3_TRIES}
    return {"config_kwargs": config}


def _has_aws_tries(profile: str | None) -> bool:
    """Return whether the user has set a number of tries for all clients of AWS."""
    from botocore.session import Session

    return Session(profile=profile).get_config_variable("max_attempts") is not None


def _gcs_limits(given: Mapping[str, Any]) -> dict[str, Any]:
    from aiohttp import ClientTimeout

    limit = ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_GCS_ANSWER_S)
    return {} if given.get("requests_timeout") else {"requests_timeout": limit}


_SCHEMES: Final = {"s3a": "s3", "gcs": "gs", "abfs": "az", "abfss": "az"}
_S3: Final = {"s3", "s3a"}
_LIMITS: Final[dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    **dict.fromkeys(_S3, _s3_limits),
    **dict.fromkeys(("gs", "gcs"), _gcs_limits),
}
