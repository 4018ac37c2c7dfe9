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
    """What a subclass of the contract tells about its target, and the fixtures made of it.

    Attributes
    ----------
    target_name : str
        The name that :meth:`DeployTarget.open <modelship.targets.DeployTarget.open>` takes.
    options : Mapping[str, Any]
        Its options; JSON values.
    where_options : frozenset[str]
        Those of its constructor that say where the place is, such as a workspace. All others
        shape an instance, and the backend has them in its own ``options``.
    serving : Mapping[str, Any]
        Fields of a :class:`~modelship.Serving` with which all clauses deploy that name no other.
    other_serving : Mapping[str, Any]
        Fields of a :class:`~modelship.Serving`, at least one unlike `serving`, that it can keep.
    python : str
        The Python, such as ``"3.11"``, that the bundles ask for; this one's by default.
    survives_process : bool
        Whether services go on running when the process that deployed them ends.
    on_loopback : bool
        Whether services are on this machine, and so have to be on 127.0.0.1 alone.
    slow_timeout_s : float
        Seconds after which a service that is stuck in ``init()`` is aborted; enough for the
        target to have started one.
    """

    target_name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    where_options: ClassVar[frozenset[str]] = frozenset()
    serving: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    other_serving: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    python: ClassVar[str] = ".".join(platform.python_version_tuple()[:2])
    survives_process: ClassVar[bool] = True
    on_loopback: ClassVar[bool] = True
    slow_timeout_s: ClassVar[float] = 5.0

    def crash(self, deployment: Deployment) -> None:
        """End the service's program from outside, as if it had crashed; override this."""
        pytest.skip(f"there is no crash() for {deployment.target}")

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def home(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        """Keep what modelship stores on this machine in a folder of this class alone."""
        home = tmp_path_factory.mktemp("modelship-home")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MODELSHIP_HOME", str(home))
            yield home

    @pytest.fixture(scope="class")
    @classmethod
    def lock(cls) -> Lock:
        """Return the lock that all bundles share: the inference server and nothing else."""
        return _lock_of(cls.python)

    @pytest.fixture(scope="class")
    @classmethod
    def make_bundle(
        cls, lock: Lock, tmp_path_factory: pytest.TempPathFactory
    ) -> Callable[..., ScoringBundle]:
        """Return a function from the text of a script to a bundle of it."""

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
        """Return one whose service answers the same rows negated."""
        return make_bundle(cases.SCALING.replace("factor * ", "-factor * "), sample_input=_SAMPLE)

    @pytest.fixture(scope="class")
    @classmethod
    def target(cls, home: Path) -> DeployTarget:  # noqa: ARG003 - it has to be there first
        """Return the target."""
        return cls.open_target()

    @pytest.fixture(scope="class")
    @classmethod
    def running(cls, target: DeployTarget, bundle: ScoringBundle) -> Iterator[Deployment]:
        """Return a service that is shared by the clauses that do not change it."""
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
        """Return a free name; whoever deploys under it removes that."""
        return f"contract-{kind}-{secrets.token_hex(3)}"

    @classmethod
    def deployer(cls, folder: Path, *, name: str) -> subprocess.Popen[str]:
        """Start another process that deploys the bundle in `folder`; its stderr shows the steps."""
        told = [json.dumps(dict(each)) for each in (cls.options, cls.serving)]
        return subprocess.Popen(
            [sys.executable, "-c", _DEPLOY, cls.target_name, *told, folder, name],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        )

    @classmethod
    def open_target(cls) -> DeployTarget:
        """Return a new object of the target, as another program would get it."""
        target = DeployTarget.open(cls.target_name, **cls.options)
        return target.with_serving(Serving(**cls.serving))


@functools.cache
def _lock_of(python: str) -> Lock:
    return todays_lock(_bare(python))


def _bare(python: str) -> Environment:
    return Environment(python=python, requirements=())
