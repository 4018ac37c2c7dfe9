"""List the servers that can run a scoring script, and the packages that each adds."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from modelship.errors import EnvironmentBuildError, InvalidOptionError, nearest
from modelship.process_variables import process_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelship.bundle import Lock, ScoringBundle

__all__ = ["SERVERS", "Server", "trace_variables"]

_SOURCE = Path(__file__).parent.parent / "server"
_FIRST_PYTHON = Version("3.10")
_OF_TRACES = ("OTEL_", "APPLICATIONINSIGHTS_")
# The releases that the server is tested with; other packages may have any release.
_TESTED = {"httptools": SpecifierSet(">=0.6.4,<1"), "uvloop": SpecifierSet(">=0.19,<1")}


@dataclass(frozen=True)
class Server:
    """A program that loads a scoring script and answers requests with it.

    Parameters
    ----------
    name : str
        The name in the options of a target.
    module : str
        The module for ``python -m``; its command line is that of Azure ML's server.
    """

    name: str
    module: str

    @staticmethod
    def named(name: str) -> Server:
        """Return the server named `name`.

        Raises
        ------
        InvalidOptionError
            If there is no such server.
        """
        if isinstance(name, str) and name in SERVERS:
            return SERVERS[name]
        known = " or ".join(map(repr, SERVERS))
        raise InvalidOptionError("server", name, f"{known}{nearest(str(name), SERVERS)}")

    def check_own(self, **options: object) -> None:
        """Check options that only modelship's server supports.

        Raises
        ------
        InvalidOptionError
            If one of them is set for another server.
        """
        for name, value in options.items():
            if value and not self.files:
                expected = "no value, or also server='modelship' (--server modelship)"
                raise InvalidOptionError(name, value, expected)

    def added_to(self, lock: Lock) -> Lock:
        """Return the packages to install in addition to `lock`.

        Raises
        ------
        EnvironmentBuildError
            If the Python of the bundle is too old, or its lock has an incompatible release of a
            requirement of the server.
        """
        return replace(lock, text="")

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files of the server by their path on the import path; none if a package has them."""
        return MappingProxyType({})

    @property
    def digest(self) -> str:
        """The hex sha256 digest of the server's files; empty if it is part of a package."""
        return ""

    def variables(self, bundle: ScoringBundle, *, sample_file: str) -> Mapping[str, str]:  # noqa: ARG002 - for ours
        """Return the environment variables of the server."""
        if len(bundle.models) != 1:
            return {}  # the server has its own default name
        [model] = bundle.models
        return {"SERVICE_NAME": model.name, "SERVICE_VERSION": model.version}


class _OwnServer(Server):
    """modelship's server: a copy of :mod:`modelship.server`."""

    def added_to(self, lock: Lock) -> Lock:
        if Version(lock.python) < _FIRST_PYTHON:
            raise EnvironmentBuildError(
                "the environment",
                f"the server modelship needs Python {_FIRST_PYTHON} or newer, and the bundle "
                f"has {lock.python}.",
                advice="Deploy it with server='azmlinfsrv', or use a newer Python in the bundle.",
            )
        return replace(lock, text="".join(self._added(lock)))

    def _added(self, lock: Lock) -> Iterator[str]:
        text = (_SOURCE / "requirements.lock").read_text(encoding="utf-8")
        for name, version, lines in _requirements(text):
            locked = lock.versions.get(name)
            if locked is None:
                yield lines
            elif name in _TESTED and locked not in _TESTED[name]:
                raise EnvironmentBuildError(
                    "the environment",
                    f"the bundle locks {name} {locked}, and the server modelship needs "
                    f"{name}{_TESTED[name]}.",
                    advice=f"Request {name}=={version} in the bundle's environment, or deploy it "
                    "with server='azmlinfsrv'.",
                )

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        found = sorted(path for path in _SOURCE.iterdir() if path.suffix in {".py", ".html"})
        return MappingProxyType({f"{self.module}/{path.name}": path.read_bytes() for path in found})

    @cached_property
    def digest(self) -> str:
        content = hashlib.sha256()
        for name, source in self.files.items():
            content.update(f"{name}\n{len(source)}\n".encode() + source)
        return content.hexdigest()

    def variables(self, bundle: ScoringBundle, *, sample_file: str) -> Mapping[str, str]:
        resources = bundle.resources
        return {
            "MODELSHIP_CPU_CORES": f"{resources.cpu_cores:g}",
            "MODELSHIP_MEMORY_MB": str(resources.memory_bytes // 2**20),
            **super().variables(bundle, sample_file=sample_file),
        } | ({"MODELSHIP_SAMPLE_FILE": sample_file} if bundle.sample_json is not None else {})


SERVERS = MappingProxyType(
    {
        "azmlinfsrv": Server("azmlinfsrv", "azureml_inference_server_http"),
        "modelship": _OwnServer("modelship", "modelship_server"),
    }
)
"""The servers by name: Azure ML's own, which every bundle's environment has, and modelship's."""


def trace_variables() -> Mapping[str, str]:
    """Return this process's variables with the destination of spans; they may contain secrets."""
    variables = process_variables().items()
    return {name: value for name, value in variables if name.startswith(_OF_TRACES)}


def _requirements(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the version and the lines of each requirement in a file with digests."""
    for found in re.finditer(r"^([\w.-]+)==(\S+)[^\n]*\n(?:    --hash=.*\n)*", text, re.MULTILINE):
        yield canonicalize_name(found[1]), found[2], found[0]
