"""Provide the services to compare: existing ones, and temporary ones that are always deleted."""

from __future__ import annotations

import re
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from modelship.errors import InvalidOptionError
from modelship.progress import Deadline
from modelship.targets import Deployment, DeployTarget, Serving
from modelship.targets.http_scoring import answers
from modelship.targets.keys import ServiceKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelship.bundle import ScoringBundle

__all__ = ["Address", "ComparedService", "service_on"]

_PAUSE_S: Final = 0.1
_RESTART_S: Final = 30.0  # a server that has lost its worker starts another


@dataclass(frozen=True)
class Address:
    """A service of which only the address is known.

    Parameters
    ----------
    scoring_uri : str
        The scoring URI; it ends in ``/score``.
    key : str
        The key of the service; empty if it needs none.

    Raises
    ------
    InvalidOptionError
        If it is not a scoring URI.
    """

    scoring_uri: str
    key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?/score", self.scoring_uri):
            expected = "the address of a service, such as http://127.0.0.1:5001/score"
            raise InvalidOptionError("scoring_uri", self.scoring_uri, expected)

    @property
    def swagger_uri(self) -> str:
        """The URI of the service's description."""
        return self.scoring_uri.removesuffix("/score") + "/swagger.json"

    def keys(self) -> ServiceKeys:
        """Return the key, twice; a service accepts either of two."""
        return ServiceKeys(self.key, self.key)


class ComparedService:
    """A deployment to which requests are sent.

    Parameters
    ----------
    deployment : Deployment or Address
        What answers.
    deploy_again : Callable, optional
        Deploys the service again; without it, the service is the user's own, and is only waited
        for.
    """

    def __init__(
        self,
        deployment: Deployment | Address,
        *,
        deploy_again: Callable[[], Deployment] | None = None,
    ) -> None:
        self.deployment = deployment
        self._deploy_again = deploy_again

    def bring_back(self, *, is_busy: bool) -> None:
        """Wait until it answers again; redeploy it if it does not, or is busy for long.

        A server with one worker answers nothing while run() is running, which may take an hour. One
        that has lost its worker is back in a few seconds.
        """
        may_wait = self._deploy_again is None or not is_busy
        deadline = Deadline(_RESTART_S if may_wait else 0.0)
        while not answers(self.deployment.scoring_uri, timeout_s=1.0):
            if not deadline.remaining_s:
                if self._deploy_again is not None:
                    self.deployment = self._deploy_again()
                return
            time.sleep(_PAUSE_S)


def _served(target: DeployTarget, serving: Serving | None) -> Serving | None:
    """Return a target's serving: its own, with the variables that all targets have."""
    own = target.serving
    if serving is None or own == Serving():
        return serving
    variables = {**serving.variables, **own.variables}
    return replace(own, variables=variables, secrets={**serving.secrets, **own.secrets})


@contextmanager
def service_on(
    place: str | DeployTarget | Deployment,
    *,
    bundle: ScoringBundle,
    serving: Serving | None,
    trust_model: bool,
    timeout_s: float,
    show_output: bool,
) -> Iterator[ComparedService]:
    """Yield a service: the given deployment, or a temporary one that is always deleted."""
    if isinstance(place, Deployment):
        yield ComparedService(place)
        return
    target = DeployTarget.open(place) if isinstance(place, str) else place
    name = f"parity-{secrets.token_hex(4)}"

    def deploy() -> Deployment:
        return target.deploy(
            bundle,
            name=name,
            serving=_served(target, serving),
            trust_model=trust_model,
            timeout_s=timeout_s,
            show_output=show_output,
        )

    def deploy_again() -> Deployment:
        target.delete(name, missing_ok=True)
        return deploy()

    try:
        yield ComparedService(deploy(), deploy_again=deploy_again)
    finally:
        target.delete(name, missing_ok=True)
