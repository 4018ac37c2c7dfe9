"""Read the columns of LightGBM and XGBoost estimators from their booster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._budget import Budget
from modelship.sources._lightgbm_groups import matched_groups, may_have_categories
from modelship.sources._outlines import read_ubjson_at
from modelship.sources._stream import ReadingError
from modelship.sources._tree import Entries, Head, Items, Thing, class_of, is_label
from modelship.sources._xgboost import KEPT_OF_CATS, KINDS, categories_of
from modelship.tables import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.tables.schema import Label

__all__ = ["booster_columns", "booster_groups", "booster_names", "booster_width"]

_NAMES_OF_LIGHTGBM: Final = re.compile(rb"^feature_names=(.*)$", re.MULTILINE)
_INFOS_OF_LIGHTGBM: Final = re.compile(rb"^feature_infos=(.*)$", re.MULTILINE)
_ANYTHING: Final = "none"
_CATS: Final = b"L\0\0\0\0\0\0\0\x05model{L\0\0\0\0\0\0\0\x04cats"
_WIDTH_OF_XGBOOST: Final = re.compile(rb"num_featureSL.{8}([0-9]{1,9})", re.DOTALL)
_LIST: Final = b"[#L"
_MAX_NAMES: Final = 10_000


def booster_columns(thing: Thing) -> list[Column]:
    """Return the columns of a booster without their names; empty if it is not a booster."""
    if _is_of(thing, "lightgbm."):
        return _of_lightgbm(thing)
    return _of_xgboost(thing) if _is_of(thing, "xgboost.") else []


def booster_names(thing: Thing) -> list[str]:
    """Return the column names that a booster was fitted on; empty if there were none."""
    if _is_of(thing, "lightgbm."):
        is_named = thing.get("_fitted_with_feature_names")
        return _words_after(thing.get("_Booster"), _NAMES_OF_LIGHTGBM) if is_named else []
    if _is_of(thing, "xgboost."):
        return _texts_after(_bytes_of_xgboost(thing), b"feature_names") or []
    return []


def booster_width(thing: Thing) -> int | None:
    """Return the number of columns that a booster was fitted on."""
    if _is_of(thing, "xgboost."):
        match = _WIDTH_OF_XGBOOST.search(_bytes_of_xgboost(thing))
        return int(match[1]) if match else None
    width = thing.get("_n_features_in")
    return width if _is_of(thing, "lightgbm.") and type(width) is int else None


def _is_of(thing: Thing, library: str) -> bool:
    return class_of(thing).startswith(library) and isinstance(thing.get("_Booster"), Thing)


def _of_xgboost(thing: Thing) -> list[Column]:
    data = _bytes_of_xgboost(thing)
    kinds = _texts_after(data, b"feature_types")
    if thing.get("feature_types") is not None:
        return []  # set by the user, not derived from pandas
    if kinds == []:  # fitted on an array, which has no types
        kinds = ["float"] * min(booster_width(thing) or 0, _MAX_NAMES)
    cats = _cats_of_xgboost(data) if kinds and "c" in kinds else {}
    categories = categories_of(cats, len(kinds or ()))
    return [
        _column_of_xgboost(kind, values, is_known=bool(cats))
        for kind, values in zip(kinds or (), categories, strict=True)
    ]


def _column_of_xgboost(kind: str, values: tuple[Label, ...], *, is_known: bool) -> Column:
    """Return a column; before XGBoost 3.1, the values of category codes are unknown."""
    if kind != "c":
        return Column(kind=KINDS.get(kind, ""), missing=True)
    kind = "category" if is_known else ""
    return Column(kind=kind, dtype=kind, categories=values, missing=True)


def _cats_of_xgboost(data: bytes) -> Mapping[str, Any]:
    """Return the categories of a booster in the format of its own files; empty if it has none."""
    found = _value_after(data, _CATS, begins=b"{", keep=KEPT_OF_CATS)
    return found if isinstance(found, dict) and found.get("enc") else {}


def _of_lightgbm(thing: Thing) -> list[Column]:
    booster = thing.get("_Booster")
    width = thing.get("_n_features_in")
    if not isinstance(booster, Thing) or type(width) is not int or not 0 < width <= _MAX_NAMES:
        return []
    columns = [Column(kind="number", missing=True)] * width
    groups = _groups_of(booster)
    matched = _matched(booster, groups)
    if matched is None:  # some are categories, and which ones is unknown
        infos = _infos(booster) or [_ANYTHING] * width
        is_open = [may_have_categories(info, _sizes(groups)) for info in infos]
        return [Column(kind="" if each else "number", missing=True) for each in is_open]
    for place, group in matched.items():
        if 0 <= place < width:
            columns[place] = _category(groups[group])
    return columns


def booster_groups(thing: Thing) -> tuple[tuple[Label, ...], ...]:
    """Return the categories of LightGBM's columns if it is unknown which columns have them."""
    booster = thing.get("_Booster")
    if not _is_of(thing, "lightgbm.") or not isinstance(booster, Thing):
        return ()
    groups = _groups_of(booster)
    values = tuple(_category(group).categories for group in groups)
    return values if _matched(booster, groups) is None and all(values) else ()


def _groups_of(booster: Thing) -> list[object]:
    held = booster.get("pandas_categorical")
    return list(held) if isinstance(held, Items) else []


def _matched(booster: Thing, groups: list[object]) -> Mapping[int, int] | None:
    """Return the group of categories of each LightGBM column; None if it is unknown."""
    if not groups:
        return {}
    params = booster.get("params")
    held = params.named.get("categorical_column") if isinstance(params, Entries) else None
    places = [each for each in held if type(each) is int] if isinstance(held, Items) else []
    return matched_groups(_infos(booster), _sizes(groups), declared=places)


def _sizes(groups: list[object]) -> list[int]:
    return [group.size if isinstance(group, Items) else 0 for group in groups]


def _category(group: object) -> Column:
    values = list(group) if isinstance(group, Items) and group.is_whole else []
    plain = [each for each in values if is_label(each)]
    categories = tuple(plain) if len(plain) == len(values) else ()
    dtype = "category" if categories else ""
    return Column(kind="category", dtype=dtype, categories=categories, missing=True)


def _infos(booster: Thing) -> list[str]:
    """Return the ``feature_infos`` of each column, from the training data."""
    return _words_after(booster, _INFOS_OF_LIGHTGBM)


def _words_after(booster: object, line: re.Pattern[bytes]) -> list[str]:
    """Return the words of a line in LightGBM's text format of a booster."""
    held = booster if isinstance(booster, Thing) else Thing(None)
    handle = held.get("_handle") or held.get("handle")
    data = handle.data if isinstance(handle, Head) else str(handle or "").encode("utf-8", "replace")
    match = line.search(data)
    return match[1].decode("utf-8", "replace").split() if match else []


def _bytes_of_xgboost(thing: Thing) -> bytes:
    booster = thing.get("_Booster")
    handle = booster.get("handle") if isinstance(booster, Thing) else None
    if isinstance(handle, Thing) and handle.args:
        handle = handle.args[0]  # of a bytearray
    if isinstance(handle, Head):
        return handle.data
    return handle if isinstance(handle, bytes) else b""


def _texts_after(data: bytes, key: bytes) -> list[str] | None:
    """Return the list of texts of a key in UBJSON; None if it is missing or incomplete."""
    found = _value_after(data, key, begins=_LIST)
    is_short = isinstance(found, list) and len(found) <= _MAX_NAMES
    return found if is_short and all(isinstance(each, str) for each in found) else None


def _value_after(data: bytes, key: bytes, *, begins: bytes, keep: tuple[str, ...] = ()) -> Any:
    """Return the value of a key in UBJSON; None if it is missing or incomplete."""
    at = data.find(key + begins)
    if at < 0:
        return None
    try:
        return read_ubjson_at(data, at + len(key), Budget(len(data)), keep=keep)
    except ReadingError:
        return None
