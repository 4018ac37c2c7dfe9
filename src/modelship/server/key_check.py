"""Check the key of a request, as services on Azure do.

The file contains JSON with ``primary`` and ``secondary``; it is read again after a change, so that
one key can be regenerated while the service runs, without affecting clients with the other one.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path

from .logs import logger

__all__ = ["Keys"]

_SCHEME = b"bearer "


class Keys:
    """The keys of a service.

    Parameters
    ----------
    file : str
        The path of the file; empty if requests need no key.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read: a service that requires keys never runs without them.
    """

    def __init__(self, file: str) -> None:
        self._file = Path(file) if file else None
        self._changed_ns = -1
        self._keys: tuple[bytes, ...] = ()
        if self._file is not None:
            self._changed_ns = self._file.stat().st_mtime_ns
            self._keys = _read(self._file)

    @property
    def asked_for(self) -> bool:
        """Whether requests need a key."""
        return self._file is not None

    def look_again(self) -> None:
        """Read the file again if it has changed; if that fails, keep the current keys."""
        if self._file is None:
            return
        try:
            changed_ns = self._file.stat().st_mtime_ns
            if changed_ns != self._changed_ns:
                self._keys = _read(self._file)
                self._changed_ns = changed_ns
                logger.info("The keys were reloaded.")
        except (OSError, ValueError):
            logger.warning("The keys file cannot be read; the old keys stay valid.")

    def let_in(self, authorization: bytes | None) -> bool:
        """Return whether a request with this header is authorized.

        All keys are compared, each in constant time.
        """
        if self._file is None:
            return True
        if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
            return False
        shown = authorization[len(_SCHEME) :].strip()
        if self._is_one(shown):
            return True
        self.look_again()  # it may be newer than the content read last
        return self._is_one(shown)

    def _is_one(self, shown: bytes) -> bool:
        return any([hmac.compare_digest(shown, key) for key in self._keys])  # noqa: C419 - a generator would stop at the first


def _read(file: Path) -> tuple[bytes, ...]:
    found = json.loads(file.read_bytes())
    if not isinstance(found, dict):
        raise ValueError("there is no object in the file")  # noqa: TRY004 - as what is no JSON
    keys = tuple(str(found[name]).encode() for name in ("primary", "secondary") if found.get(name))
    if not keys:
        raise ValueError("there is no key in the file")
    return keys
