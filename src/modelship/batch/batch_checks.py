"""Check a bundle before a job starts, as before a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from modelship.checks import require_loadable, require_sound
from modelship.errors import InvalidOptionError
from modelship.progress import Steps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from modelship.bundle import ScoringBundle

__all__ = ["Check", "require_batchable"]

Check = Literal["static", "trial", "off"]


def require_batchable(
    bundle: ScoringBundle,
    *,
    check: Check,
    trust_model: bool,
    variables: Mapping[str, str] | None = None,
    secrets: Mapping[str, Any] | None = None,
    timeout_s: float = 600.0,
    show_output: bool = True,
) -> None:
    """Raise unless a bundle may run here; show its warnings.

    Raises
    ------
    CheckFailedError
        If there are errors, or loading a model could run code that is not known to be safe.
    InvalidOptionError
        If there is no such check.
    """
    if check not in ("static", "trial", "off"):
        raise InvalidOptionError("check", check, "'static', 'trial' or 'off'")
    if check == "off":
        require_loadable(bundle, trust_model=trust_model)
        return
    found = bundle.check(
        trial=check == "trial",
        trust_model=trust_model,
        variables=variables,
        secrets=secrets,
        timeout_s=timeout_s,
        show_output=False,
    )
    require_sound(found)
    steps = Steps("batch", timeout_s=timeout_s, show_output=show_output)
    for each in found:
        steps.say(f"warning: {each}")
