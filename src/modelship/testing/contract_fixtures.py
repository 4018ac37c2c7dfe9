"""Provide fixtures of the target contract: a target, bundles for it, and free names."""

from __future__ import annotations

import functools
import json
import os
import platform
import secrets
import subprocess
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from modelship.bundle import Environment
from modelship.bundle.remembered import todays_lock
from modelship.targets import DeployTarget, Serving
from modelship.testing import cases
from modelship.testing.bundles import script_bundle, with_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from modelship.bundle import Lock, ScoringBundle
    from modelship.targets import Deployment

__all__ = ["ContractFixtures"]

_SAMPLE = {"data": [1, 2]}
_DEPLOY = """
import json, sys
from modelship import DeployTarget, ScoringBundle, Serving
target, options, serving, folder, name = sys.argv[1:]
target = DeployTarget.open(target, **json.loads(options))
target = target.with_serving(Serving(**json.loads(serving)))
target.deploy(ScoringBundle.load(folder), name=name, overwrite=True)
"""


class ContractFixtures:
    """What a subclass of the contract declares about its target, and the fixtures based on it.

    Attributes
    ----------
    target_name : str
        The name to pass to :meth:`DeployTarget.open <modelship.targets.DeployTarget.open>`.
    options : Mapping[str, Any]
        Its options, as JSON values.
    where_options : frozenset[str]
        The constructor options that say where the place is, such as a workspace. All others affect
        an instance, and the backend returns them in its own ``options``.
    serving : Mapping[str, Any]
        The fields of :class:`~modelship.Serving` to deploy with, in all clauses that set no others.
    other_serving : Mapping[str, Any]
        Fields of :class:`~modelship.Serving` that it supports; at least one differs from `serving`.
    python : str
        The Python version of the bundles, such as ``"3.11"``; that of this process by default.
    survives_process : bool
        Whether services keep running when the process that deployed them exits.
    on_loopback : bool
        Whether services run on this machine, and so must listen only on 127.0.0.1.
    front : bool
        Whether a front of the place answers instead of the service: it requires a key, has its own
        status for what ``run()`` raises, and makes its own request ids.
    slow_timeout_s : float
        The timeout, in seconds, for a service that hangs in ``init()``; long enough for the target
        to start one.
    """

    target_name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    where_options: ClassVar[frozenset[str]] = frozenset()
    serving: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    other_serving: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    python: ClassVar[str] = ".".join(platform.python_version_tuple()[:2])
    survives_process: ClassVar[bool] = True
    on_loopback: ClassVar[bool] = True
    front: ClassVar[bool] = False
    slow_timeout_s: ClassVar[float] = 5.0

    def crash(self, deployment: Deployment) -> None:
        """Kill the program of the service from outside, like a crash; override this."""
        pytest.skip(f"the test defines no crash() for {deployment.target}")

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def home(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        """Store modelship's state on this machine in a folder of its own for this class."""
        home = tmp_path_factory.mktemp("modelship-home")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MODELSHIP_HOME", str(home))
            yield home

    @pytest.fixture(scope="class")
    @classmethod
    def lock(cls) -> Lock:
        """Return the lock that all bundles share: only the inference server."""
        return _lock_of(cls.python)

    @pytest.fixture(scope="class")
    @classmethod
    def make_bundle(
        cls, lock: Lock, tmp_path_factory: pytest.TempPathFactory
    ) -> Callable[..., ScoringBundle]:
        """Return a function that creates a bundle from the text of a script."""

        def make(script: str, **options: Any) -> ScoringBundle:
            bundle = script_bundle(
                script,
                folder=tmp_path_factory.mktemp("bundle"),
                environment=_bare(cls.python),
                model={"factor": cases.FACTOR},
                **options,
            )
            return with_lock(bundle, lock=lock)

        return make

    @pytest.fixture(scope="class")
    @classmethod
    def bundle(cls, make_bundle: Callable[..., ScoringBundle]) -> ScoringBundle:
        """Return a bundle whose service multiplies its rows."""
        return make_bundle(
            cases.SCALING,
            sample_input=_SAMPLE,
            tags={"data": "iris", "method": 'a "quoted", odd=one'},
            description="Maßstab 1:3",
        )

    @pytest.fixture(scope="class")
    @classmethod
    def other_bundle(cls, make_bundle: Callable[..., ScoringBundle]) -> ScoringBundle:
        """Return a bundle whose service returns the negated results."""
        return make_bundle(cases.SCALING.replace("factor * ", "-factor * "), sample_input=_SAMPLE)

    @pytest.fixture(scope="class")
    @classmethod
    def target(cls, home: Path) -> DeployTarget:  # noqa: ARG003 - it has to be there first
        """Return the target."""
        return cls.open_target()

    @pytest.fixture(scope="class")
    @classmethod
    def running(cls, target: DeployTarget, bundle: ScoringBundle) -> Iterator[Deployment]:
        """Return a service, shared by the clauses that do not change it."""
        name = cls.new_name("shared")
        try:
            yield target.deploy(bundle, name=name, show_output=False)
        finally:
            target.delete(name, missing_ok=True)

    @pytest.fixture
    def name(self, target: DeployTarget) -> Iterator[str]:
        """Return a free name; what is deployed under it is removed after the test."""
        name = self.new_name("clause")
        yield name
        target.delete(name, missing_ok=True)

    @staticmethod
    def new_name(kind: str) -> str:
        """Return a free name; the caller removes what it deploys under it."""
        return f"contract-{kind}-{secrets.token_hex(3)}"

    @classmethod
    def deployer(cls, folder: Path, *, name: str) -> subprocess.Popen[str]:
        """Start a process that deploys the bundle in `folder`; it writes the steps to stderr."""
        told = [json.dumps(dict(each)) for each in (cls.options, cls.serving)]
        return subprocess.Popen(
            [sys.executable, "-c", _DEPLOY, cls.target_name, *told, folder, name],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        )

    @classmethod
    def open_target(cls) -> DeployTarget:
        """Return a new object of the target, as another program would open it."""
        target = DeployTarget.open(cls.target_name, **cls.options)
        return target.with_serving(Serving(**cls.serving))


@functools.cache
def _lock_of(python: str) -> Lock:
    return todays_lock(_bare(python))


def _bare(python: str) -> Environment:
    return Environment(python=python, requirements=())
