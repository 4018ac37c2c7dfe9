"""Encode the record of an instance as the tags of its deployment, and read it back.

A value of a tag has at most 256 characters, and a resource at most 50 tags. So the record is packed
and cut into pieces; what people look for is next to it in plain words, with the user's own tags.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError
from modelship.targets.change import this_user
from modelship.targets.instance import Instance
from modelship.targets.online_endpoint.endpoint_names import deployment_of
from modelship.targets.online_endpoint.endpoint_place import MADE_BY
from modelship.targets.online_endpoint.endpoint_traffic import BY, CREATED
from modelship.targets.packed_tags import MOST_CHARACTERS, as_tags, from_tags
from modelship.targets.release import ReleaseRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PREFIX", "check_tags", "deployment_name", "instance_id", "read_instance", "record_tags"]

PREFIX: Final = "modelship."
"""The prefix of the tags of a record."""

_RECORD: Final = f"{PREFIX}record"
_INSTANCE: Final = f"{PREFIX}instance"
_MOST_TAGS: Final = 30  # of 50; the others are the record's
_MOST_OF_ALL: Final = 50
_FORBIDDEN: Final = frozenset("<>%&\\?/")  # "Use tags to organize your Azure resources"
_MOST_TAG_NAME: Final = 512
_MOST_TAG_VALUE: Final = 256


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse tags that Azure does not accept on a deployment.

    Raises
    ------
    InvalidOptionError
        If there are too many, or one is too long or has a reserved name.
    """
    if len(tags) > _MOST_TAGS:
        raise InvalidOptionError("tags", f"{len(tags)} tags", f"at most {_MOST_TAGS} tags")
    for key, value in tags.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidOptionError("tags", {key: value}, "a mapping of str to str")
        if key.startswith(PREFIX) or set(key) & _FORBIDDEN or not 0 < len(key) <= _MOST_TAG_NAME:
            expected = (
                f"names of 1 to {_MOST_TAG_NAME} characters, without any of "
                f"{' '.join(sorted(_FORBIDDEN))}, that do not begin with {PREFIX!r}"
            )
            raise InvalidOptionError("tags", {key: value}, expected)
        if len(value) > _MOST_TAG_VALUE:
            expected = f"values of at most {_MOST_TAG_VALUE} characters; a bundle keeps longer text"
            raise InvalidOptionError("tags", {key: value[:40]}, f"{expected} in its description")


def record_tags(instance: Instance) -> dict[str, str]:
    """Return the tags of a deployment that runs this instance.

    Raises
    ------
    InvalidOptionError
        If there are more than a resource may have.
    """
    release = instance.release
    bare = replace(release, tags={}, description="")  # the deployment has both already
    tags = {
        **release.tags,
        MADE_BY: "deployment",
        CREATED: instance.created_at,
        BY: this_user()[:MOST_CHARACTERS],
        _INSTANCE: instance.instance_id,
        f"{PREFIX}release": release.digest,
        f"{PREFIX}model": release.model[:MOST_CHARACTERS],
        **as_tags(_RECORD, replace(instance, release=bare, scoring_uri="").to_json()),
    }
    if len(tags) > _MOST_OF_ALL:
        found = f"a release whose record takes {len(tags)} tags"
        expected = f"fewer variables or tags: a deployment has at most {_MOST_OF_ALL} tags"
        raise InvalidOptionError("variables", found, expected)
    return tags


def instance_id(document: Mapping[str, Any], *, endpoint: str) -> str:
    """Return the id of the instance that a deployment runs; made of its name if it is not ours."""
    tags = document.get("tags") or {}
    return str(tags.get(_INSTANCE) or f"{endpoint}-{document['name']}")


def deployment_name(instance: Instance) -> str:
    """Return the name of the deployment of an instance."""
    digest = instance.release.digest
    if digest:
        return deployment_of(digest)
    return instance.instance_id.removeprefix(f"{instance.name}-")


def read_instance(
    document: Mapping[str, Any], *, endpoint: Mapping[str, Any], routed: bool
) -> Instance:
    """Return the record of a deployment; a partial one if it was deployed by other means.

    Parameters
    ----------
    document : Mapping
        The deployment, as Azure Resource Manager has it.
    endpoint : Mapping
        Its endpoint.
    routed : bool
        Whether requests to the endpoint reach it.
    """
    properties = document.get("properties") or {}
    tags = dict(document.get("tags") or {})
    own = {key: value for key, value in tags.items() if not key.startswith(PREFIX)}
    description = properties.get("description") or ""
    name = str(endpoint["name"])
    uri = str(endpoint.get("properties", {}).get("scoringUri") or "")
    try:
        found = _recorded(tags)
    except (ValueError, KeyError) as error:
        unique = instance_id(document, endpoint=name)
        return Instance(unique, name, "", broken=f"its tags are not a record ({error})")
    if found is None:
        found = Instance(
            instance_id=instance_id(document, endpoint=name),
            name=name,
            created_at=str((document.get("systemData") or {}).get("createdAt") or ""),
            release=ReleaseRecord(model=_model_of(properties)),
        )
    release = replace(found.release, tags=own, description=description)
    return replace(found, name=name, release=release, routed=routed).at(uri)


def _recorded(tags: Mapping[str, str]) -> Instance | None:
    if _RECORD not in tags:
        return None
    return Instance.from_json(from_tags(_RECORD, tags))


def _model_of(properties: Mapping[str, Any]) -> str:
    """Return ``<name>:<version>`` of a deployment's model, from its id."""
    parts = str(properties.get("model") or "").split("/")
    return f"{parts[-3]}:{parts[-1]}" if parts[-2:-1] == ["versions"] else ""
