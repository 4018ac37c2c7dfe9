"""Describe the content of a model file: an estimator, a dict of parts, data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.sources import _known_estimators as known
from modelship.sources._kinds import OPAQUE
from modelship.sources._tree import Array, Entries, Items, Thing, class_of, pairs_in
from modelship.sources._values import Name

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Contents", "contents_of", "estimator_in", "with_article"]

_SHOWN: Final = 6
_MAX_KEY: Final = 40
_ABOUT: Final = frozenset(  # keys of entries that describe a model and cannot change its answers
    (
        *("author", "created", "created_at", "date", "description", "metrics", "name"),
        *("python_version", "sklearn_version", "trained_at", "version"),
    )
)
_FUNCTIONS: Final = ("._make_function", "._create_function", "functools.partial")
_METHODS: Final = ("builtins.getattr", "__main__.MethodType", "types.MethodType")
_MAPPINGS: Final = ("builtins.dict", "collections.OrderedDict", "collections.defaultdict")
_BUNCHES: Final = ("sklearn.utils._bunch.Bunch", "sklearn.utils.Bunch")
_DMATRIX_ONLY: Final = "xgboost.core.Booster"
_INNER: Final = {"GridSearchCV": "best_estimator_", "RandomizedSearchCV": "best_estimator_"}


@dataclass(frozen=True)
class Contents:
    """The content of a model file, as far as it can be read without loading it.

    Attributes
    ----------
    kind : str
        The full class name of the outermost object, such as ``"sklearn.pipeline.Pipeline"``; ``""``
        if unknown.
    title : str
        A description of the content, such as ``"a dict (keys model, threshold)"``; ``""`` if
        unknown.
    predicts : bool, optional
        Whether the content has a ``predict()``; None if unknown.
    key : str, optional
        The key of the only estimator in a dict with no other relevant entries.
    """

    kind: str = ""
    title: str = ""
    predicts: bool | None = None
    key: str | None = None

    @property
    def told(self) -> str:
        """A description of the content, and why it cannot be served directly, if so."""
        if self.predicts is not False:
            return self.title
        if self.kind == _DMATRIX_ONLY:
            return f"{self.title} of XGBoost, whose predict() takes a DMatrix, not rows"
        return f"{self.title}, which has no predict()"


def contents_of(root: object) -> Contents:
    """Return the content of a file with the tree `root`."""
    if root is OPAQUE:
        return Contents()
    found, key = estimator_in(root)
    return Contents(class_of(root), _title(root), _predicts(found), key)


def estimator_in(root: object) -> tuple[object, str | None]:
    """Return the estimator to serve, and its key if it is in a dict of parts.

    An estimator in a dict is returned only if no other entry could change the answers: it has to be
    the only estimator, and the others have to describe it, or list the columns that it stores
    itself.
    """
    named = root.named if isinstance(root, Entries) and root.is_whole and not root.others else {}
    keys = [key for key, value in named.items() if _predicts(value)]
    if len(keys) != 1 or not keys[0].isprintable():
        return root, None
    [key] = keys
    others = {name: value for name, value in named.items() if name != key}
    clear = all(name in _ABOUT or _is_known_to(named[key], value) for name, value in others.items())
    return (named[key], key) if clear else (root, None)


def _is_known_to(estimator: object, value: object) -> bool:
    """Return whether a value lists the columns that an estimator was fitted on."""
    names = estimator.get("feature_names_in_") if isinstance(estimator, Thing) else None
    array = names.state if isinstance(names, Thing) else None
    return isinstance(array, Array) and isinstance(value, Items) and array.values == tuple(value)


def _predicts(value: object) -> bool | None:
    if isinstance(value, Thing):
        return _thing_predicts(value)
    if isinstance(value, Name):
        return False
    return False if known.is_data(class_of(value)) else None


def _thing_predicts(thing: Thing) -> bool | None:
    name = class_of(thing)
    last = name.rpartition(".")[2]
    if isinstance(thing.state, Array) or name.endswith(_FUNCTIONS) or name in _METHODS + _BUNCHES:
        return False
    if last == "Pipeline" and (steps := _steps(thing)):
        return _predicts(steps[-1])
    if last in _INNER and name.startswith("sklearn."):
        inner = thing.get(_INNER[last]) or thing.get("estimator")
        return _predicts(inner) if isinstance(inner, Thing) else None
    if name == _DMATRIX_ONLY:
        return False
    return known.predicts(name)


def _steps(pipeline: Thing) -> list[object]:
    """Return the estimators in the steps of a pipeline."""
    return [step for _, step in pairs_in(pipeline.get("steps"))]


# --- descriptions --------------------------------------------------------------------------


def _title(value: object) -> str:
    if isinstance(value, Entries):
        return _mapping("dict", value)
    if isinstance(value, (Items, tuple)):
        size = value.size if isinstance(value, Items) else len(value)
        kind = value.kind if isinstance(value, Items) else "tuple"
        return f"a {kind} of {size} {'value' if size == 1 else 'values'}{_of(value)}"
    if isinstance(value, Name):
        last = _last(value.text)
        return f"the class {last} itself" if last.lstrip("_")[:1].isupper() else "a function"
    if isinstance(value, Thing):
        return _thing(value)
    plain = {"str": "a text", "NoneType": "None", "bytes": "bytes", "bool": "a truth value"}
    return plain.get(type(value).__name__, "a number")


def _thing(thing: Thing) -> str:
    name = class_of(thing)
    last = _last(name)
    if isinstance(thing.state, Array):
        return f"a NumPy array of the shape {thing.state.shape}"
    if name.endswith(_FUNCTIONS) or name in _METHODS:
        return "a method" if name in _METHODS else "a function"
    if name in _MAPPINGS + _BUNCHES:
        return _mapping(last, thing.entries or Entries())
    if last == "Pipeline" and (steps := _steps(thing)) and _predicts(steps[-1]) is False:
        return f"a {last} that ends with {with_article(_last(class_of(steps[-1])))}"
    if last.lstrip("_")[:1].islower():  # created by a function, which does not describe it
        return f"what {name} makes"
    return f"a pandas {last}" if known.is_frame(name) else with_article(last)


def _mapping(kind: str, entries: Entries) -> str:
    keys = [_shown(key) for key in (*entries.named, *(key for key, _ in entries.others))]
    if not keys:
        return f"an empty {kind}"
    more = entries.size - len(keys[:_SHOWN])
    rest = f" and {more} more" if more else ""
    word = "key" if entries.size == 1 else "keys"
    return f"{with_article(kind)} ({word} {', '.join(keys[:_SHOWN])}{rest})"


def _of(values: Iterable[object]) -> str:
    names = [_last(class_of(each)) for each in list(values)[:_SHOWN]]
    return f" ({', '.join(names)})" if names and all(names) else ""


def _shown(key: object) -> str:
    text = key if isinstance(key, str) else ascii(key) if isinstance(key, (int, float)) else "…"
    text = text if text.isprintable() and text else ascii(text)
    return text if len(text) <= _MAX_KEY else f"{text[: _MAX_KEY - 1]}…"


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def with_article(word: str) -> str:
    """Return a noun with its indefinite article."""
    is_vowel = word[:1] in "AEIOUXaeiou" and not word.startswith("One")
    return f"{'an' if is_vowel else 'a'} {word}" if word else ""
