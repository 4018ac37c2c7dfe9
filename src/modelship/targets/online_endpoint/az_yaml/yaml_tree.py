"""Parse a YAML file into values that know their line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import DocumentError
from modelship.errors import DeploymentFileError
from modelship.texts import SAVE_AS_UTF8, read_text

if TYPE_CHECKING:
    from pathlib import Path

    import yaml

__all__ = ["YamlValue", "read_tree"]

_MOST_BYTES: Final = 2**20
_MOST_VALUES: Final = 100_000  # with what aliases stand for
_MERGE: Final = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class YamlValue:
    """A value of a YAML file.

    Parameters
    ----------
    path : Path
        The file.
    line : int
        The line of the value; lines count from 1.
    content : object
        The value: a mapping of key to YamlValue, a tuple of YamlValue, or a scalar.
    written : str
        The text of a scalar, as it is written.
    size : int
        The number of values in it and below, with what aliases stand for.
    """

    path: Path
    line: int
    content: Any
    written: str = ""
    size: int = 1

    def error(self, problem: str) -> DeploymentFileError:
        """Return the error for a problem with this value."""
        return DeploymentFileError(str(self.path), self.line, problem)

    @property
    def keys(self) -> Mapping[str, YamlValue]:
        """The keys of a mapping; empty for other values."""
        return self.content if isinstance(self.content, Mapping) else {}

    @property
    def plain(self) -> Any:
        """The value without lines: dicts, lists and scalars."""
        if isinstance(self.content, Mapping):
            return {key: each.plain for key, each in self.content.items()}
        if isinstance(self.content, tuple):
            return [each.plain for each in self.content]
        return self.content


def read_tree(path: Path) -> YamlValue:
    """Return the mapping in a YAML file.

    Raises
    ------
    DeploymentFileError
        If it cannot be read, is not YAML, has a key twice, or is not a mapping.
    """
    import yaml

    try:
        text = read_text(path, most_bytes=_MOST_BYTES)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = _Reader(path).value(root) if root is not None else None
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}."
        raise DeploymentFileError(str(path), 1, problem) from error
    except DocumentError as error:
        raise DeploymentFileError(str(path), 1, f"{error}. {SAVE_AS_UTF8}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DeploymentFileError(str(path), line, f"{error.problem}.") from error
    except RecursionError:
        raise DeploymentFileError(str(path), 1, "it is nested too deeply.") from None
    except (yaml.YAMLError, ValueError) as error:  # such as an impossible date
        raise DeploymentFileError(str(path), 1, f"it is not YAML: {error}.") from error
    if tree is None or not isinstance(tree.content, Mapping):
        problem = "it is not a mapping of keys to values."
        raise DeploymentFileError(str(path), 1, problem)
    return tree


class _Reader:
    """Converts the nodes of one file; an alias is the same value as its anchor."""

    def __init__(self, path: Path) -> None:
        import yaml

        self._path = path
        self._scalars = yaml.SafeLoader("")
        self._done: dict[int, YamlValue] = {}
        self._open: set[int] = set()

    def value(self, node: yaml.Node) -> YamlValue:
        if id(node) in self._open:
            raise self._at(node, None).error("it contains itself.")
        if id(node) not in self._done:
            self._open.add(id(node))
            self._done[id(node)] = self._at(node, self._content(node))
            self._open.remove(id(node))
        found = self._done[id(node)]
        if found.size > _MOST_VALUES:
            raise found.error(f"it stands for more than {_MOST_VALUES} values.")
        return found

    def _at(self, node: yaml.Node, content: Any) -> YamlValue:
        written = node.value if isinstance(node.value, str) else ""
        inner = content.values() if isinstance(content, Mapping) else content
        below = inner if isinstance(content, (Mapping, tuple)) else ()
        size = 1 + sum(each.size for each in below)
        return YamlValue(self._path, node.start_mark.line + 1, content, written, size)

    def _content(self, node: yaml.Node) -> Any:
        import yaml

        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return tuple(self.value(each) for each in node.value)
        return self._scalars.construct_object(node, deep=True)

    def _mapping(self, node: yaml.MappingNode) -> Mapping[str, YamlValue]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key.value, str):
                raise self._at(key, None).error("a key is not text.")
            if key.value in seen and key.tag != _MERGE:
                raise self._at(key, None).error(f"{key.value} is given twice.")
            seen.add(key.value)
        self._scalars.flatten_mapping(node)  # merges what << names
        return MappingProxyType({key.value: self.value(each) for key, each in node.value})
