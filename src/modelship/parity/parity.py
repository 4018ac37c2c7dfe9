"""Define compare(), which sends the same requests to several places, and its report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from modelship.checks import require_loadable
from modelship.comparison.differences import differences
from modelship.errors import InvalidOptionError, ParityError
from modelship.parity.compared_services import answer_over_http, service_on
from modelship.parity.generation import generate_requests
from modelship.parity.in_process import answer_in_process
from modelship.targets import Deployment, Serving

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.bundle import ScoringBundle
    from modelship.comparison.answers import PlaceAnswer
    from modelship.comparison.differences import Difference
    from modelship.comparison.scoring_request import ScoringRequest
    from modelship.targets import DeployTarget

__all__ = ["ParityReport", "compare"]

_SCRIPT: Final = "script"
_OF_SERVERS: Final = frozenset(("header x-ms-server-version", "header allow"))
_TOLD: Final = ("server", "workers", "port", "auth", "traces", "limits")
_ID: Final = "x-request-id"
_SHOWN: Final = 20  # requests; all are in `differences`


@dataclass(frozen=True)
class ParityReport:
    """The result of a comparison.

    Parameters
    ----------
    places : tuple[str, ...]
        The places to which the requests were sent; ``"script"`` is the script in process.
    requests : tuple[ScoringRequest, ...]
        The requests.
    answers : tuple[Mapping[str, PlaceAnswer], ...]
        The answers of each place, in the order of the requests.
    differences : tuple[Difference, ...]
        The differences between the answers.
    """

    places: tuple[str, ...]
    requests: tuple[ScoringRequest, ...]
    answers: tuple[Mapping[str, PlaceAnswer], ...]
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether all places gave the same answers."""
        return not self.differences

    def require(self) -> None:
        """Raise unless all places gave the same answers.

        Raises
        ------
        ParityError
            If they did not; it shows the first differences side by side.
        """
        if self.differences:
            raise ParityError(
                places=self.places, requests=len(self.requests), differences=self.differences
            )

    def __str__(self) -> str:
        sent = f"{len(self.requests)} requests to {', '.join(self.places)}"
        if self.equal:
            return f"{sent}: equal answers"
        differing = [each for each in self.requests if self._of(each)]
        lines = [f"{sent}: {len(differing)} answered differently"]
        for request in differing[:_SHOWN]:
            lines += ["", *(str(each) for each in self._of(request)), f"  sent: {request.summary}"]
        if len(differing) > _SHOWN:
            lines += ["", f"and {len(differing) - _SHOWN} more"]
        return "\n".join(lines)

    def _of(self, request: ScoringRequest) -> list[Difference]:
        return [each for each in self.differences if each.request is request]


def compare(
    bundle: ScoringBundle,
    *,
    on: Sequence[str | DeployTarget | Deployment],
    requests: Sequence[ScoringRequest] | None = None,
    tolerance: float = 0.0,
    serving: Serving | None = None,
    trust_model: bool = False,
    timeout_s: float = 600.0,
    request_timeout_s: float = 60.0,
    show_output: bool = True,
) -> ParityReport:
    """Send the same requests to several places and to the script in process, and compare.

    Compared are the status, the content type, the body (JSON as values, anything else as bytes),
    and the headers of the scoring contract: ``x-ms-run-function-failed``, ``x-ms-server-version``,
    ``TraceId``, the three ids, ``Vary``, ``Allow`` and those of CORS by value,
    ``x-ms-run-fn-exec-ms`` by presence. Not compared are other headers, such as ``Date`` and
    ``Connection``, the duration, the chunks of a streamed answer, and the reason for a missing
    answer.

    The script in process is Azure ML's own server application, called without HTTP in the bundle's
    environment. It also answers requests that only an HTTP server rejects, such as a header of
    10,000 characters; and if run() calls ``sys.exit()``, it answers with the page that gunicorn
    sends.

    Parameters
    ----------
    bundle : ScoringBundle
        What answers.
    on : Sequence[str or DeployTarget or Deployment]
        The places to compare. On a target, the bundle is deployed under a temporary name and
        deleted at the end; a deployment is used as it is.
    requests : Sequence[ScoringRequest], optional
        The requests to send. By default the bundle's sample request and edge cases derived from it.
    tolerance : float
        The allowed difference of two floats, absolute or relative to the larger; 0 allows none.
    serving : Serving, optional
        How targets serve the bundle; its variables and secrets are also those of the script in
        process. A target configured by :meth:`DeployTarget.with_serving` keeps that serving, with
        these variables and secrets added. If it uses another server than Azure ML's, the headers
        that are known to differ between servers are not compared: the one that names the server,
        and ``Allow``, which modelship's server has for a method that is not allowed.
    trust_model : bool
        Load the model whatever code that runs; see :meth:`ScoringBundle.check`.
    timeout_s : float
        The time limit for each deployment, in seconds.
    request_timeout_s : float
        The time limit for one answer, in seconds. A place that does not answer in time is
        redeployed for the next request; a given deployment is waited for instead, for half a
        minute.
    show_output : bool
        Show the steps of the deployments on stderr.

    Raises
    ------
    InvalidOptionError
        If there is nothing to send, or the tolerance is negative or NaN.
    CheckFailedError
        If loading the model could run code that is not known to be safe.
    ModelshipError
        If a place does not run the bundle.
    """
    if not tolerance >= 0:
        raise InvalidOptionError("tolerance", tolerance, "a number of at least 0")
    require_loadable(bundle, trust_model=trust_model)
    sent = _numbered(_sample_requests(bundle) if requests is None else requests)
    answers = {
        _SCRIPT: answer_in_process(
            bundle,
            sent,
            timeout_s=timeout_s,
            request_timeout_s=request_timeout_s,
            serving=serving or Serving(),
        )
    }
    for each in on:
        with service_on(
            each,
            bundle=bundle,
            serving=serving,
            trust_model=trust_model,
            timeout_s=timeout_s,
            show_output=show_output,
        ) as there:
            place = _free(_name(each), answers)
            answers[place] = answer_over_http(there, sent, request_timeout_s=request_timeout_s)
    found = _report(sent, answers, tolerance=tolerance)
    return _without_server_headers(found) if any(map(_has_own_server, on)) else found


def _has_own_server(place: str | DeployTarget | Deployment) -> bool:
    """Return whether a target is configured to use another server than Azure ML's."""
    if isinstance(place, (str, Deployment)):
        return False
    return place.serving.server != Serving().server


def _without_server_headers(report: ParityReport) -> ParityReport:
    """Omit the headers that are known to differ between servers."""
    kept = [each for each in report.differences if each.what not in _OF_SERVERS]
    return replace(report, differences=tuple(kept))


def _sample_requests(bundle: ScoringBundle) -> tuple[ScoringRequest, ...]:
    if bundle.sample_json is None:
        raise InvalidOptionError(
            "requests", None, "requests, as the bundle has no sample request to make some of"
        )
    return generate_requests(bundle.sample_json, count=0)


def _numbered(requests: Sequence[ScoringRequest]) -> tuple[ScoringRequest, ...]:
    """Give each request an id, so that the ids in the answers are the same everywhere."""
    if not requests:
        raise InvalidOptionError("requests", (), "at least one")
    return tuple(
        each
        if _ID in {name.lower() for name in each.headers}
        else replace(each, headers={_ID: f"parity-{number}", **each.headers})
        for number, each in enumerate(requests)
    )


def _name(place: str | DeployTarget | Deployment) -> str:
    """Return the name of a place's target, and its configured serving."""
    if isinstance(place, (str, Deployment)):
        return place if isinstance(place, str) else place.target
    plain, own = vars(Serving()), vars(place.serving)
    told = [f"{name}={own[name]}" for name in _TOLD if own[name] != plain[name]]
    told += [f"{name}={value}" for name, value in place.serving.server_options.items()]
    return ":".join(part for part in (place.name, ",".join(told)) if part)


def _free(place: str, taken: dict[str, list[PlaceAnswer]]) -> str:
    if place not in taken:
        return place
    return next(f"{place} {n}" for n in range(2, len(taken) + 2) if f"{place} {n}" not in taken)


def _report(
    sent: tuple[ScoringRequest, ...], answers: dict[str, list[PlaceAnswer]], *, tolerance: float
) -> ParityReport:
    rows = tuple(
        {place: given[number] for place, given in answers.items()} for number in range(len(sent))
    )
    found = tuple(
        each
        for request, row in zip(sent, rows, strict=True)
        for each in differences(request, row, tolerance=tolerance)
    )
    return ParityReport(tuple(answers), sent, rows, found)
