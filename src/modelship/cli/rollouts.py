"""Options for deploying a release, and for trying it before it replaces the old one."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelship.cli.shared_options import (
    check_option,
    gathered,
    pair,
    pairs_option,
    quiet_option,
    require_option,
    timeout_option,
    trust_option,
)
from modelship.cli.testset import evaluator_from, options_of
from modelship.errors import InvalidOptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.cli.config import Config
    from modelship.routing import Canary, Shadow
    from modelship.targets.deploying import Check

__all__ = ["Deploying", "deploying_options", "stages_from"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def _value(text: str) -> Any:
    """Parse a number, comma-separated numbers, ``none`` as None, or text."""
    if text.lower() == "none":
        return None
    if "," in text:
        return tuple(_value(part) for part in text.split(","))
    try:
        number = float(text)
    except ValueError:
        return text
    return int(text) if text.strip("+-").isdigit() else number


def _of_stage(stage: str, about: str) -> Callable[[_Command], _Command]:
    flag, parameter, read = f"--{stage}-option", f"{stage}_option", pair(_value, expected="a value")
    return pairs_option(flag, parameter, form="NAME=VALUE", about=about, read=read)


_OPTIONS = (
    click.option(
        "--gate", metavar="FILE",
        help="Evaluate the new release on this test set first; needs --require.",
    ),
    *options_of("--gate"),
    require_option("A bound for --gate, such as accuracy=0.9"),
    click.option("--canary", is_flag=True, help="Send the new release more and more requests."),
    _of_stage("canary", "Such as weights=10,50,100, requests=50 or error_rate=0.01"),
    click.option("--shadow", is_flag=True, help="First send it copies of requests."),
    _of_stage("shadow", "Such as requests=100 or disagreement=0.05"),
)  # fmt: skip


class Deploying:
    """How a release is deployed, as typed."""

    def __init__(
        self,
        *,
        check: Check | None,
        trust_model: bool,
        timeout_s: float | None,
        quiet: bool,
        **stages: Any,
    ) -> None:
        self.trust_model = trust_model
        self.quiet = quiet
        self._check = check
        self.timeout_s = timeout_s
        self._stages = stages

    def options(self, config: Config) -> dict[str, Any]:
        """Return the options of :meth:`DeployTarget.deploy`; the file's timeout unless typed."""
        return {
            "check": self._check,
            "trust_model": self.trust_model,
            **stages_from(self._stages),
            "timeout_s": self.timeout_s or config.timeout_s,
            "show_output": not self.quiet,
        }


def deploying_options(timeout: str) -> Callable[[_Command], _Command]:
    """Return a decorator that adds the options, passed on as ``how``: a :class:`Deploying`."""
    options = (check_option, *_OPTIONS, trust_option, timeout_option(timeout), quiet_option)
    return gathered(options, into="how", make=Deploying)


def stages_from(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``gate``, ``rollout`` and ``shadow`` for :meth:`DeployTarget.deploy`.

    Raises
    ------
    InvalidOptionError
        If an option is unknown or has an invalid value.
    """
    from modelship.routing import Canary, Shadow

    return {
        "gate": _gate(given, dict(given["require"])),
        "rollout": _stage(Canary, "canary", given),
        "shadow": _stage(Shadow, "shadow", given),
    }


def _gate(given: Mapping[str, Any], bounds: Mapping[str, float]) -> Any:
    file = given["gate"]
    if file is None:
        if bounds or given["gate_label"]:
            raise click.UsageError("Give the test set with --gate FILE.")
        return None
    if not bounds:
        raise click.UsageError("Give what --gate requires with --require METRIC=BOUND.")
    from modelship.evaluation import Gate

    return Gate(evaluator_from(file, given, data="--gate"), **bounds)


def _stage(
    kind: type[Canary | Shadow], name: str, given: Mapping[str, Any]
) -> Canary | Shadow | None:
    options = dict(given[f"{name}_option"])
    if not given[name] and not options:
        return None
    from modelship.routing import Bounds

    of_bounds = {each.name for each in fields(Bounds)}
    known = sorted({*of_bounds, *(each.name for each in fields(kind))} - {"bounds"})
    for option in options:
        if option not in known:
            expected = f"one of {', '.join(known)}{nearest(option, known)}"
            raise InvalidOptionError(f"--{name}-option", option, expected)
    bounds = Bounds(**{option: options.pop(option) for option in of_bounds & options.keys()})
    if isinstance(options.get("weights"), int):
        options["weights"] = (options["weights"],)
    if "record" in options:
        options["record"] = str(options["record"])
    return kind(bounds=bounds, **options)
