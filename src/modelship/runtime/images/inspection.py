"""Read the relevant facts about an image or a container from the engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Container", "Image", "unix_time"]


_NAMELESS = "<none>:<none>"


@dataclass(frozen=True)
class Image:
    """What an engine says about an image; ``names`` are empty once another image took its name.

    ``layers`` are the digests of all its layers, the lowest first; ``created_at`` is in seconds
    since 1970.
    """

    image_id: str
    names: tuple[str, ...]
    architecture: str
    labels: Mapping[str, str]
    layers: tuple[str, ...] = ()
    size_bytes: int = 0
    created_at: float = 0.0

    @classmethod
    def from_inspection(cls, found: Mapping[str, Any]) -> Image:
        """Read what the engine answers to an inspection."""
        return cls(
            image_id=found["Id"],
            names=tuple(found.get("RepoTags") or ()),
            architecture=found.get("Architecture", ""),
            labels=found["Config"].get("Labels") or {},
            layers=tuple(found.get("RootFS", {}).get("Layers") or ()),
            size_bytes=found.get("Size", 0),
            created_at=float(unix_time(found["Created"])) if found.get("Created") else 0.0,
        )

    @classmethod
    def from_listing(cls, listed: Mapping[str, Any]) -> Image:
        """Read one row of a listing, which does not tell the architecture."""
        names = [each for each in listed.get("RepoTags") or () if each != _NAMELESS]
        return cls(listed["Id"], tuple(names), "", listed.get("Labels") or {})


@dataclass(frozen=True)
class Container:
    """What an engine says about a container.

    ``port`` is that of this machine which its only port is published on, None unless it runs.
    The fields with a default are not known from a listing.
    """

    name: str
    image_id: str
    status: str
    labels: Mapping[str, str]
    port: int | None
    health: str = ""
    exit_code: int = 0
    out_of_memory: bool = False
    memory_bytes: int = 0
    restarts: int = 0
    problem: str = ""

    @classmethod
    def from_listing(cls, listed: Mapping[str, Any]) -> Container:
        """Read one row of a listing."""
        ports = [port["PublicPort"] for port in listed["Ports"] or () if "PublicPort" in port]
        return cls(
            name=listed["Names"][0].removeprefix("/") if listed["Names"] else listed["Id"],
            image_id=listed["ImageID"],
            status=listed["State"],
            labels=listed["Labels"] or {},
            port=ports[0] if ports else None,
        )

    @classmethod
    def from_inspection(cls, found: Mapping[str, Any]) -> Container:
        """Read what the engine answers to an inspection."""
        state = found["State"]
        published = [each for each in (found["NetworkSettings"]["Ports"] or {}).values() if each]
        return cls(
            name=found["Name"].removeprefix("/"),
            image_id=found["Image"],
            status=state["Status"],
            labels=found["Config"]["Labels"] or {},
            port=int(published[0][0]["HostPort"]) if published else None,
            health=(state.get("Health") or {}).get("Status", ""),
            exit_code=state["ExitCode"],
            out_of_memory=state["OOMKilled"],
            memory_bytes=found["HostConfig"]["Memory"],
            restarts=found.get("RestartCount", 0),
            problem=state.get("Error") or "",
        )


def unix_time(written: str) -> str:
    """Return a time that an engine wrote (RFC 3339) as it reads one: in Unix seconds."""
    whole, offset = written[:19], written[19:].lstrip(".0123456789")
    fraction = written[19 : len(written) - len(offset)]
    moment = datetime.fromisoformat(whole + offset.replace("Z", "+00:00"))
    return f"{int(moment.timestamp())}{fraction}"
