"""What LightGBM's and XGBoost's estimators tell of their columns, in the booster that they hold."""

from __future__ import annotations

import re
from typing import Final

from modelship.sources._tree import Entries, Head, Items, Thing, class_of, is_label, known_text
from modelship.tables import Column

__all__ = ["booster_columns", "booster_names", "booster_width"]

_NAMES_OF_LIGHTGBM: Final = re.compile(rb"^feature_names=(.*)$", re.MULTILINE)
_KINDS_OF_XGBOOST: Final = {
    "int": "integer",
    "i": "boolean",
    "c": "category",
    "float": "number",
    "q": "number",
}
_WIDTH_OF_XGBOOST: Final = re.compile(rb"num_featureSL.{8}([0-9]{1,9})", re.DOTALL)
_LIST: Final = b"[#L"
_TEXT: Final = b"SL"
_LENGTH_BYTES: Final = 8
_MAX_NAMES: Final = 10_000


def booster_columns(thing: Thing) -> list[Column]:
    """Return what a booster tells of its columns, without their names; empty if it is none."""
    if _is_of(thing, "lightgbm."):
        return _of_lightgbm(thing)
    return _of_xgboost(thing) if _is_of(thing, "xgboost.") else []


def booster_names(thing: Thing) -> list[str]:
    """Return the names of the columns that a booster was fitted on; empty if they had none."""
    if _is_of(thing, "lightgbm."):
        return _names_of_lightgbm(thing) if thing.get("_fitted_with_feature_names") else []
    if _is_of(thing, "xgboost."):
        return _texts_after(_bytes_of_xgboost(thing), b"feature_names") or []
    return []


def booster_width(thing: Thing) -> int | None:
    """Return how many columns a booster was fitted on."""
    if _is_of(thing, "xgboost."):
        match = _WIDTH_OF_XGBOOST.search(_bytes_of_xgboost(thing))
        return int(match[1]) if match else None
    width = thing.get("_n_features_in")
    return width if _is_of(thing, "lightgbm.") and type(width) is int else None


def _is_of(thing: Thing, library: str) -> bool:
    return class_of(thing).startswith(library) and isinstance(thing.get("_Booster"), Thing)


def _of_xgboost(thing: Thing) -> list[Column]:
    kinds = _texts_after(_bytes_of_xgboost(thing), b"feature_types")
    if thing.get("feature_types") is not None:
        return []  # its user's words, not what pandas said
    if kinds == []:  # an array has none
        kinds = ["float"] * min(booster_width(thing) or 0, _MAX_NAMES)
    return [Column(kind=_KINDS_OF_XGBOOST.get(each, ""), missing=True) for each in kinds or ()]


def _of_lightgbm(thing: Thing) -> list[Column]:
    booster = thing.get("_Booster")
    width = thing.get("_n_features_in")
    if not isinstance(booster, Thing) or type(width) is not int or not 0 < width <= _MAX_NAMES:
        return []
    columns = [Column(kind="number", missing=True)] * width
    held = booster.get("pandas_categorical")
    groups = list(held) if isinstance(held, Items) else []
    if not groups:
        return columns
    params = booster.get("params")
    places = params.named.get("categorical_column") if isinstance(params, Entries) else None
    if not isinstance(places, Items) or len(places) != len(groups):
        return []  # some are categories, and nobody knows which
    for place, group in zip(places, groups, strict=True):
        if type(place) is int and 0 <= place < width:
            columns[place] = _category(group)
    return columns


def _category(group: object) -> Column:
    values = list(group) if isinstance(group, Items) and group.is_whole else []
    plain = [each for each in values if is_label(each)]
    categories = tuple(plain) if len(plain) == len(values) else ()
    dtype = "category" if categories else ""
    return Column(kind="category", dtype=dtype, categories=categories, missing=True)


def _names_of_lightgbm(thing: Thing) -> list[str]:
    booster = thing.get("_Booster")
    handle = (
        (booster.get("_handle") or booster.get("handle")) if isinstance(booster, Thing) else None
    )
    data = handle.data if isinstance(handle, Head) else str(handle or "").encode("utf-8", "replace")
    match = _NAMES_OF_LIGHTGBM.search(data)
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
    """Return the list of texts that a key has in UBJSON; None if it is not there as a whole."""
    at = data.find(key + _LIST)
    if at < 0:
        return None
    at += len(key) + len(_LIST)
    count, at = int.from_bytes(data[at : at + _LENGTH_BYTES], "big"), at + _LENGTH_BYTES
    texts: list[str] = []
    while len(texts) < min(count, _MAX_NAMES):
        size = int.from_bytes(data[at + 2 : at + 2 + _LENGTH_BYTES], "big")
        end = at + 2 + _LENGTH_BYTES + size
        if not data.startswith(_TEXT, at) or end > len(data):
            return None
        text = known_text(data[end - size : end].decode("utf-8", "replace"))
        texts.append(text or "")
        at = end
    return texts if len(texts) == count else None
