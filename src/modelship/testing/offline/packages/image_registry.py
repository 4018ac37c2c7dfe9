"""A container registry for images that the local Docker engine already has.

``docker pull``, and builds that pull their base image, query a registry even for local images. This
one answers, by the protocol of https://distribution.github.io/distribution/spec/api/, which image a
name refers to; an engine that has that image requests nothing else from it.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from werkzeug.wrappers import Response

from modelship.errors import ModelshipError
from modelship.runtime.images import labels
from modelship.runtime.images.engine import connected
from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.request_guard import Door

if TYPE_CHECKING:
    from modelship.runtime.images.engine import Engine

__all__ = ["Registry"]

USER: Final = "offline"

_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
_VERSION: Final = {"Docker-Distribution-Api-Version": "registry/2.0"}


class RegistryRefusalError(RefusalError):
    """An error in the shape of a container registry."""

    def response(self) -> Response:
        body = {"errors": [{"code": self.code, "message": self.message}]}
        challenge = {"WWW-Authenticate": 'Basic realm="offline"'} if self.status == 401 else {}
        return Response(
            json.dumps(body),
            status=self.status,
            mimetype="application/json",
            headers=_VERSION | challenge,
        )


_registry_answers = partial(answers, door=Door.REGISTRY, refusal=RegistryRefusalError)


class Registry(Part):
    """Names images of the local engine, for clients with its password.

    Parameters
    ----------
    address : str
        Its address, such as ``"127.0.0.1:41233"``. Engines use a registry on 127.0.0.1 without TLS.
    password : str
        The password for the user name ``offline``.
    """

    def __init__(self, address: str, *, password: str) -> None:
        self.address = address
        self._password = password
        self._given: set[str] = set()
        self.label = f"{labels.PACKAGE}={hashlib.sha256(password.encode()).hexdigest()[:16]}"
        """The label of everything that is built on its images."""

    def __repr__(self) -> str:
        return f"<Registry {self.address}>"

    @property
    def credentials(self) -> dict[str, str]:
        """Its address, user name and password, in the SDK's format."""
        return {"address": self.address, "username": USER, "password": self._password}

    def add(self, engine: Engine, image: str, *, name: str, label: str = "") -> str:
        """Give an image of the engine a name in this registry, and return the name."""
        full = self.name(name, label=label or image.rpartition(":")[2])
        engine.tag(image, full)
        return full

    def name(self, name: str, *, label: str) -> str:
        """Return the full name of an image that the engine has, or is about to have."""
        full = f"{self.address}/{name}:{label}"
        self._given.add(full)
        return full

    def close(self, *, forget: bool) -> None:
        """Remove what builds on its images left in the engine.

        Parameters
        ----------
        forget : bool
            Whether to remove the given names too; images without another name are removed with
            them.
        """
        with suppress(ModelshipError):
            if self._given:
                with connected() as engine:
                    engine.sweep_steps(self.label)
                    for name in self._given if forget else ():
                        engine.remove_image(name)

    @answers("registry.keys", "POST", f"{WS}/listKeys")
    def _keys(self) -> dict[str, Any]:
        """Answer with the credentials of the registry, in the shape of a workspace's keys."""
        passwords = [{"name": "password", "value": self._password}]
        credentials = {"location": self.address, "username": USER, "passwords": passwords}
        return {"containerRegistryCredentials": credentials}

    @staticmethod
    @_registry_answers("registry.ping", "GET", "/v2/")
    def _ping() -> Response:
        return Response("{}", mimetype="application/json", headers=_VERSION)

    @_registry_answers("registry.manifest", "GET", "/v2/<path:name>/manifests/<reference>")
    def _manifest(self, name: str, reference: str) -> Response:
        separator = "@" if reference.startswith("sha256:") else ":"
        try:
            with connected() as engine:
                image = engine.image(f"{self.address}/{name}{separator}{reference}")
        except ModelshipError as error:  # no engine responds, or this is not a valid image name
            raise RegistryRefusalError(404, "MANIFEST_UNKNOWN", str(error)) from error
        if image is None:
            raise RegistryRefusalError(404, "MANIFEST_UNKNOWN", f"there is no {name}:{reference}")
        # The digest of an image's configuration is its id.
        config = {"mediaType": _CONFIG, "size": 0, "digest": image.image_id}
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": []}
        content = json.dumps(manifest).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        headers = _VERSION | {"Docker-Content-Digest": digest}
        return Response(content, mimetype=_MANIFEST, headers=headers)

    @staticmethod
    @_registry_answers("registry.blob", "GET", "/v2/<path:name>/blobs/<digest>")
    def _blob(name: str, digest: str) -> Response:
        message = (
            f"{name} is only in the Docker engine that built it, and this engine asks for "
            f"{digest}: build without --pull there, or deploy with modelship's docker target."
        )
        raise RegistryRefusalError(404, "BLOB_UNKNOWN", message)
