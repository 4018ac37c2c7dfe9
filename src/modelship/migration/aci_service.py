"""Define AciService: the record of a service on Container Instances, as SDK v1 has left it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import DeploymentNotFoundError, InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.workspace import Workspace

__all__ = ["AciService", "SourceAsset"]

_COMPUTE: Final = "ACI"
_SCRIPT: Final = "AZUREML_ENTRY_SCRIPT"
_SOURCE: Final = "AZUREML_SOURCE_DIRECTORY"
_OURS: Final = "modelship."
_DEFAULT_RESOURCES: Final = (0.1, 0.5)  # of AciWebservice.deploy_configuration
# Fields without a counterpart on an endpoint, and the words for them.
_PLACE_FIELDS: Final = {
    "dnsNameLabel": "DNS name label",
    "cname": "domain of the certificate",
    "vnetConfiguration": "virtual network",
    "encryptionProperties": "customer-managed key",
}


@dataclass(frozen=True)
class SourceAsset:
    """One file of a service's source: its name, its artifact, and whether it is an archive."""

    name: str
    artifact: str
    is_archive: bool = False


@dataclass(frozen=True)
class AciService:
    """A service on Azure Container Instances.

    Parameters
    ----------
    name, description, location, scoring_uri : str
        What the workspace shows of it; empty if unknown.
    model_ids : tuple[str, ...]
        ``name:version`` of each registered model.
    assets : tuple[SourceAsset, ...]
        The files of its source, without the wrapper that SDK v1 adds.
    entry_script : str
        The path of the scoring script.
    conda : Mapping[str, Any]
        The content of its conda file.
    base_image : str
        The image on which the environment was built; empty if unknown.
    variables : Mapping[str, str]
        Its environment variables; not shown in the repr.
    cpu_cores, memory_gb : float
        What it requests.
    auth : str
        ``"key"``, ``"token"``, or ``""`` if a request needs neither.
    app_insights : bool
        Whether logs go to Application Insights.
    has_tls : bool
        Whether it has a certificate of its own.
    tags, properties : Mapping[str, str]
        The user's labels.
    place_settings : Mapping[str, str]
        Settings that only Container Instances have, by their names.
    """

    name: str
    entry_script: str
    model_ids: tuple[str, ...] = ()
    assets: tuple[SourceAsset, ...] = ()
    conda: Mapping[str, Any] = field(default_factory=dict)
    base_image: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    cpu_cores: float = _DEFAULT_RESOURCES[0]
    memory_gb: float = _DEFAULT_RESOURCES[1]
    auth: str = ""
    app_insights: bool = False
    has_tls: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    place_settings: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    location: str = ""
    scoring_uri: str = ""

    @classmethod
    def read(cls, workspace: Workspace, name: str) -> AciService:
        """Return the service with this name.

        Raises
        ------
        DeploymentNotFoundError
            If there is none on Container Instances.
        InvalidOptionError
            If its environment is not a conda file.
        WorkspaceError
            If the workspace refuses.
        """
        found = workspace.service(name)
        if found is None or found.get("computeType") != _COMPUTE:
            raise DeploymentNotFoundError(name, "aci")
        return cls.from_document(found)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> AciService:
        """Return the service of a workspace's record; raise InvalidOptionError without conda."""
        image = document.get("environmentImageRequest") or {}
        environment = image.get("environment") or {}
        variables = dict(environment.get("environmentVariables") or {})
        variables.pop(_SOURCE, None)  # SDK v1 sets both
        script = variables.pop(_SCRIPT, "") or image.get("driverProgram") or ""
        resources = document.get("containerResourceRequirements") or {}
        return cls(
            name=str(document["name"]),
            entry_script=script,
            model_ids=tuple(image.get("modelIds") or ()),
            assets=_assets(image, script),
            conda=_conda(str(document["name"]), environment),
            base_image=(environment.get("docker") or {}).get("baseImage") or "",
            variables=variables,
            cpu_cores=resources.get("cpu") or _DEFAULT_RESOURCES[0],
            memory_gb=resources.get("memoryInGB") or _DEFAULT_RESOURCES[1],
            auth=_auth(document),
            app_insights=bool(document.get("appInsightsEnabled")),
            has_tls=bool(document.get("sslEnabled")),
            tags=_labels(document.get("kvTags")),
            properties=_labels(document.get("properties")),
            place_settings=_place_settings(document),
            description=(document.get("description") or "").strip(),
            location=document.get("location") or "",
            scoring_uri=document.get("scoringUri") or "",
        )

    @property
    def workers(self) -> int:
        """The number of processes of its server."""
        text = self.variables.get("WORKER_COUNT", "")
        return int(text) if text.isdecimal() and int(text) else 1


def _auth(document: Mapping[str, Any]) -> str:
    if document.get("authEnabled"):
        return "key"
    return "token" if document.get("aadAuthEnabled") else ""


def _labels(given: Mapping[str, Any] | None) -> dict[str, str]:
    """Return labels without those that modelship has added, and the SDK's own."""
    own = (_OURS, "azureml.", "hasInferenceSchema", "hasHttps")
    return {key: str(it) for key, it in (given or {}).items() if not key.startswith(own)}


def _place_settings(document: Mapping[str, Any]) -> dict[str, str]:
    given = {words: document.get(name) for name, words in _PLACE_FIELDS.items()}
    found = {words: _shown(value) for words, value in given.items() if value}
    return {words: value for words, value in found.items() if value}


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(str(each) for each in value.values() if each)
    return str(value)


def _assets(image: Mapping[str, Any], script: str) -> tuple[SourceAsset, ...]:
    """Return the files of the source; the wrapper of SDK v1 is the program, but not the script."""
    found = []
    for each in image.get("assets") or ():
        is_wrapper = each["id"] == image.get("driverProgram") and each["id"] != script
        if not is_wrapper:
            artifact = str(each["url"]).removeprefix("aml://artifact/")
            found.append(SourceAsset(each["id"], artifact, is_archive=bool(each.get("unpack"))))
    return tuple(found)


def _conda(name: str, environment: Mapping[str, Any]) -> Mapping[str, Any]:
    conda: Mapping[str, Any] = (environment.get("python") or {}).get("condaDependencies") or {}
    docker = environment.get("docker") or {}
    if docker.get("baseDockerfile") or docker.get("buildContext") or not conda:
        expected = (
            "a service whose environment is a conda file: for another one, create a bundle with "
            "its packages, and deploy it"
        )
        raise InvalidOptionError("NAME", name, expected)
    return conda
