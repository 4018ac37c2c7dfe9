"""Define AciOptions: the options of Azure Container Instances."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from modelship.checks.target_rules import as_module_name, is_module_name
from modelship.errors import InvalidOptionError
from modelship.runtime.variables import Secret
from modelship.targets.aci.option_rules import (
    WORDS,
    check_certificate,
    checked_labels,
    refuse_bad_address,
    refuse_bad_switch,
    refuse_bad_word,
)
from modelship.targets.aci.service_records import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelship.bundle.resources import Resources
    from modelship.targets.release import Serving

__all__ = ["AciOptions", "check_resources", "check_script", "check_tags"]

LARGEST_CPU_CORES: Final = 4.0
LARGEST_MEMORY_GB: Final = 16.0

_SWITCHES: Final = ("auth_enabled", "ssl_enabled", "enable_app_insights", "collect_model_data")

_KEYS: Final = ("primary_key", "secondary_key")
_SSL: Final = ("ssl_cert_pem_file", "ssl_key_pem_file", "ssl_cname")
_VNET: Final = ("vnet_name", "subnet_name")
_CMK: Final = ("cmk_vault_base_url", "cmk_key_name", "cmk_key_version")
_FILES: Final = ("ssl_cert_pem_file", "ssl_key_pem_file")
_SECRETS: Final = (*_KEYS, "ssl_key_pem_file")
_CHANGEABLE: Final = ("auth_enabled", "ssl_enabled", *_SSL, "enable_app_insights")


@dataclass(frozen=True)
class AciOptions:
    """The options of ``AciWebservice.deploy_configuration`` that are not part of a bundle.

    An option that is None is omitted, so that Azure ML's own default applies. All of them are
    validated here, before anything is sent: what the SDK validates (whole groups of ``ssl_*``,
    ``cmk_*`` and of a network) and what it would drop silently (a secondary key alone, certificates
    without ``ssl_enabled``).

    Parameters
    ----------
    location : str, optional
        The short name of a region. Default: the region of the workspace.
    auth_enabled : bool, optional
        Whether a request needs a key; part of the serving, see :meth:`serving`.
    primary_key, secondary_key : str, optional
        The keys of the service; without them Azure ML generates both. They need
        ``Serving(auth=True)``, and are in no repr, message or log.
    dns_name_label : str, optional
        The first part of the service's host name, 5 to 63 characters.
    ssl_enabled : bool, optional
        Serve over HTTPS. Requires the three parameters that follow, and they require it.
    ssl_cert_pem_file, ssl_key_pem_file : str or Path, optional
        The certificate (with its chain) and its private key without a passphrase, as PEM.
    ssl_cname : str, optional
        The domain name of the certificate.
    vnet_name, subnet_name : str, optional
        The network to run in; both or neither.
    cmk_vault_base_url, cmk_key_name, cmk_key_version : str, optional
        Your own key, which encrypts the container group; all or none.
    enable_app_insights : bool, optional
        Send logs to Application Insights. Azure ML's default is False.
    collect_model_data : bool, optional
        Whether Azure ML keeps what the script sends to its data collector. The default is False.
    properties : Mapping[str, str], optional
        Labels that cannot be changed after the deployment, unlike tags.

    Raises
    ------
    InvalidOptionError
        If an option has an invalid value, or requires another one.
    """

    location: str | None = None
    auth_enabled: bool | None = None
    primary_key: str | None = field(default=None, repr=False)
    secondary_key: str | None = field(default=None, repr=False)
    dns_name_label: str | None = None
    ssl_enabled: bool | None = None
    ssl_cert_pem_file: str | Path | None = None
    ssl_key_pem_file: str | Path | None = None
    ssl_cname: str | None = None
    vnet_name: str | None = None
    subnet_name: str | None = None
    cmk_vault_base_url: str | None = None
    cmk_key_name: str | None = None
    cmk_key_version: str | None = None
    enable_app_insights: bool | None = None
    collect_model_data: bool | None = None
    properties: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for option in _SWITCHES:
            refuse_bad_switch(option, getattr(self, option))
        for option in WORDS:
            refuse_bad_word(option, getattr(self, option))
        refuse_bad_address("cmk_vault_base_url", self.cmk_vault_base_url)
        if self.secondary_key and not self.primary_key:
            expected = "a key, since secondary_key is given: Azure ML ignores it alone"
            raise InvalidOptionError("primary_key", None, expected)
        self._check_group(_VNET)
        self._check_group(_CMK)
        self._check_ssl()
        object.__setattr__(self, "properties", _checked_properties(self.properties))

    def serving(self, serving: Serving) -> AciOptions:
        """Return these options for a bundle with this serving.

        Raises
        ------
        InvalidOptionError
            If there are keys, but the serving does not require one.
        """
        keys = [option for option in _KEYS if getattr(self, option)]
        if keys and not serving.auth:
            raise InvalidOptionError("auth", serving.auth, f"True, since {keys[0]} is given")
        return replace(self, auth_enabled=serving.auth)

    @property
    def keys(self) -> dict[str, str]:
        """The given keys, by ``"primary"`` and ``"secondary"``."""
        given = {"primary": self.primary_key, "secondary": self.secondary_key}
        return {which: key for which, key in given.items() if key}

    def configuration(self) -> dict[str, Any]:
        """Return the given options in the form of ``deploy_configuration``.

        The dict and its values belong to the caller: the SDK writes into `properties`.
        """
        return self._given([each.name for each in fields(self)])

    def changes(self) -> dict[str, Any]:
        """Return the given options that can be updated, in the form of ``update``."""
        return self._given(_CHANGEABLE)

    def recorded(self) -> dict[str, object]:
        """Return all options by name in their recorded form; keys as secrets."""
        given: dict[str, object] = dict.fromkeys(each.name for each in fields(self))
        for name, value in self.configuration().items():
            content = Path(value).read_text() if name in _FILES else value
            given[name] = Secret(content) if name in _SECRETS else content
        return given

    def _given(self, options: Iterable[str]) -> dict[str, Any]:
        given = {option: getattr(self, option) for option in options}
        given["properties"] = dict(self.properties) or None
        return {
            option: str(value) if isinstance(value, Path) else value
            for option, value in given.items()
            if value is not None
        }

    def _check_ssl(self) -> None:
        given = [option for option in _SSL if getattr(self, option) is not None]
        if given and not self.ssl_enabled:
            expected = f"True, since {given[0]} is given"
            raise InvalidOptionError("ssl_enabled", self.ssl_enabled, expected)
        if not self.ssl_enabled:
            return
        self._check_group(_SSL, because="ssl_enabled is True")
        certificate, key = check_certificate(self.ssl_cert_pem_file, self.ssl_key_pem_file)
        object.__setattr__(self, "ssl_cert_pem_file", certificate)
        object.__setattr__(self, "ssl_key_pem_file", key)

    def _check_group(self, group: tuple[str, ...], *, because: str = "") -> None:
        """Refuse a group of options of which only some are given."""
        missing = [option for option in group if getattr(self, option) is None]
        given = [option for option in group if option not in missing]
        if not missing or not (given or because):
            return
        because = because or f"{_listed(given)} {'is' if len(given) == 1 else 'are'} given"
        also = f" (and one for {_listed(missing[1:])})" if missing[1:] else ""
        raise InvalidOptionError(missing[0], None, f"a value{also}, since {because}")


def check_resources(resources: Resources) -> None:
    """Refuse resources that a container group cannot have.

    Microsoft documents at most 4 cores and 16 GiB in most regions ("Resource availability and quota
    limits for Azure Container Instances"). Azure ML adds containers of its own to the group, so
    that the service may still refuse values close to these limits.

    Raises
    ------
    InvalidOptionError
        If more is requested.
    """
    bounds = (
        ("cpu_cores", resources.cpu_cores, LARGEST_CPU_CORES, "cores"),
        ("memory_gb", resources.memory_gb, LARGEST_MEMORY_GB, "GiB"),
    )
    for option, found, largest, unit in bounds:
        if found > largest:
            expected = (
                f"at most {largest:g} {unit}, the most that Azure Container Instances "
                "gives to a container group in most regions"
            )
            raise InvalidOptionError(option, found, expected)


def check_script(entry_script: str) -> None:
    """Check that Azure ML's SDK accepts a script with this name.

    Raises
    ------
    InvalidOptionError
        If its name is not a valid module name.
    """
    name = PurePosixPath(entry_script).name
    if not is_module_name(name):
        expected = f"the name of a Python module, such as {as_module_name(name)}"
        raise InvalidOptionError("entry_script", entry_script, expected)


def check_tags(tags: object) -> dict[str, str]:
    """Return a copy of `tags` if they are valid tags of a service.

    Raises
    ------
    InvalidOptionError
        If a key or a value is not a str, or a key is blank or reserved by modelship.
    """
    checked = dict(checked_labels("tags", tags))
    for key, value in checked.items():
        if key.startswith(PREFIX):
            expected = (
                f"keys that do not begin with {PREFIX!r}: the target uses them for its own record"
            )
            raise InvalidOptionError("tags", {key: value}, expected)
    return checked


def _checked_properties(given: object) -> Mapping[str, str]:
    properties = checked_labels("properties", {} if given is None else given)
    for key, value in properties.items():
        if "/" in key or "~" in key:
            # The SDK puts a key unescaped into a JSON pointer (RFC 6901) when it updates.
            raise InvalidOptionError("properties", {key: value}, "keys without '/' and '~'")
    return properties


def _listed(options: list[str]) -> str:
    return " and ".join([", ".join(options[:-1]), options[-1]] if len(options) > 1 else options)
