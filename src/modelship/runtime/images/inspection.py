"""Read facts about images, containers and volumes from the responses of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Container", "Image", "Volume", "unix_time"]


_NAMELESS = "<none>:<none>"


@dataclass(frozen=True)
class Image:
    """An image as the engine describes it; ``names`` are empty if another image took its name.

    ``layers`` are the digests of all its layers, from the lowest; ``created_at`` is in seconds
    since 1970. Its containers have a volume at each path in ``volumes``. A build on it begins with
    the instructions ``on_build``. A listing does not contain the fields with a default.
    """

    image_id: str
    names: tuple[str, ...]
    architecture: str
    labels: Mapping[str, str]
    layers: tuple[str, ...] = ()
    size_bytes: int = 0
    created_at: float = 0.0
    volumes: tuple[str, ...] = ()
    on_build: tuple[str, ...] = ()

    @classmethod
    def from_inspection(cls, found: Mapping[str, Any]) -> Image:
        """Parse the engine's response to an inspection."""
        return cls(
            image_id=found["Id"],
            names=tuple(found.get("RepoTags") or ()),
            architecture=found.get("Architecture", ""),
            labels=found["Config"].get("Labels") or {},
            layers=tuple(found.get("RootFS", {}).get("Layers") or ()),
            size_bytes=found.get("Size", 0),
            created_at=float(unix_time(found["Created"])) if found.get("Created") else 0.0,
            volumes=tuple(found["Config"].get("Volumes") or ()),
            on_build=tuple(found["Config"].get("OnBuild") or ()),
        )

    @classmethod
    def from_listing(cls, listed: Mapping[str, Any]) -> Image:
        """Parse one row of a listing, which does not contain the architecture."""
        names = [each for each in listed.get("RepoTags") or () if each != _NAMELESS]
        return cls(listed["Id"], tuple(names), "", listed.get("Labels") or {})


@dataclass(frozen=True)
class Container:
    """A container as the engine describes it.

    ``port`` is the port of this machine that is mapped to its only port; None unless it is running.
    A listing does not contain the fields with a default.
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
        """Parse one row of a listing."""
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
        """Parse the engine's response to an inspection."""
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


@dataclass(frozen=True)
class Volume:
    """A volume as the engine describes it."""

    name: str
    labels: Mapping[str, str]

    @classmethod
    def from_listing(cls, listed: Mapping[str, Any]) -> Volume:
        """Parse one row of a listing."""
        return cls(listed["Name"], listed["Labels"] or {})


def unix_time(written: str) -> str:
    """Convert a time of the engine (RFC 3339) to seconds since 1970, as the engine parses it."""
    whole, offset = written[:19], written[19:].lstrip(".0123456789")
    fraction = written[19 : len(written) - len(offset)]
    moment = datetime.fromisoformat(whole + offset.replace("Z", "+00:00"))
    return f"{int(moment.timestamp())}{fraction}"
