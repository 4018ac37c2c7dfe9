"""Draw single samples with their predicted labels."""

from __future__ import annotations

import math
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError, PictureError
from modelship.evaluation.formatting import shortened
from modelship.evaluation.pictures import INK, RED, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from modelship.evaluation.report import Report

__all__ = ["draw_predictions", "infer_image_shape"]

_COLUMNS: Final = 10
_IMAGE_DIMENSIONS: Final = 3
_SIDES: Final = 2
_ONE_LINE: Final = 11  # characters that fit above an image
# In inches: the image, the space around it, and a line of its title.
_IMAGE_IN: Final = 0.78
_SPACE_IN: Final = 0.04
_LINE_IN: Final = 0.16


def draw_predictions(
    report: Report, *, n: int, seed: int | None, image_shape: tuple[int, int] | None
) -> Figure:
    """Draw `n` random samples in rows of ten; see ``Report.plot_predictions``."""
    import numpy as np

    if report.task == "regression":
        raise PictureError(
            problem="a regression has no labels to draw",
            advice="report.to_html() draws its predicted against its true values.",
        )
    if report.outputs:
        raise PictureError(
            problem="there are several outputs",
            advice="report.to_html() (--html FILE) shows those that were misclassified.",
        )
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise InvalidOptionError(option="n", found=n, expected="a whole number of at least 1")
    size = min(n, report.n_samples)
    chosen = np.random.default_rng(seed).choice(report.n_samples, size=size, replace=False)
    images = _images(report.X, chosen, image_shape=image_shape)
    return _draw_grid(
        images, said=report.y_pred[chosen].tolist(), true=report.y_true[chosen].tolist()
    )


def infer_image_shape(X: Any) -> tuple[int, int] | None:
    """Return the height and width that each row of `X` has as an image, or None."""
    shape = _rows(X, [0]).shape[1:]
    if len(shape) == _SIDES:
        return int(shape[0]), int(shape[1])
    if len(shape) != 1:
        return None
    side = math.isqrt(shape[0])
    return (side, side) if side and side * side == shape[0] else None


def _draw_grid(images: NDArray[Any], *, said: list[object], true: list[object]) -> Figure:
    titles = [_title(*pair) for pair in zip(said, true, strict=True)]
    lines = max(title.count("\n") for title in titles) + 1
    columns = min(len(images), _COLUMNS)
    rows = -(-len(images) // columns)
    image_in = _IMAGE_IN * images.shape[1] / images.shape[2]
    width_in = _IMAGE_IN + 2 * _SPACE_IN
    height_in = image_in + 2 * _SPACE_IN + _LINE_IN * lines
    figure = new_figure(columns * width_in, rows * height_in, layout=None)
    limits = float(images.min()), float(images.max())
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        left = (column + _SPACE_IN / width_in) / columns
        bottom = (rows - 1 - row + _SPACE_IN / height_in) / rows
        size = _IMAGE_IN / width_in / columns, image_in / height_in / rows
        ax = figure.add_axes((left, bottom, *size))
        wrong = said[place] != true[place]
        # Inverted, so that it also stands out in black and white.
        ax.imshow(image, cmap="gray" if wrong else "gray_r", interpolation="nearest", clim=limits)
        _frame(ax, titles[place], wrong=wrong)
    return figure


def _frame(ax: Axes, title: str, *, wrong: bool) -> None:
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_visible(False)  # without ticks it would still be laid out
    ax.set_title(
        title,
        color=RED if wrong else INK,
        fontsize=7.5 if "\n" in title else 9,
        fontweight="bold" if wrong else "normal",
        linespacing=1.1,
        pad=3,
        parse_math=False,
    )
    for spine in ax.spines.values():
        spine.set(color=RED if wrong else "#d0d7de", linewidth=1.2 if wrong else 0.6)


def _title(said: object, true: object) -> str:
    label = shortened(said, characters=10)
    if said == true:
        return label
    truth = f"(true {shortened(true, characters=8)})"
    return f"{label} {truth}" if len(label + truth) < _ONE_LINE else f"{label}\n{truth}"


def _images(X: Any, chosen: Any, *, image_shape: tuple[int, int] | None) -> NDArray[Any]:
    rows = _rows(X, chosen)
    shape = infer_image_shape(X) if image_shape is None else image_shape
    if shape is None:
        raise PictureError(
            problem=f"rows of the shape {rows.shape[1:]} are not images that are square",
            advice="If they are images, say how high and wide: image_shape=(h, w).",
        )
    pixels = math.prod(rows.shape[1:])
    if not _holds(shape, pixels):
        raise PictureError(
            problem=f"rows of {pixels} values are not images of the shape {shape!r}",
            advice=f"Pass image_shape=(h, w) with h * w = {pixels}.",
        )
    return rows.reshape(len(rows), *shape)


def _holds(shape: object, pixels: int) -> bool:
    if not isinstance(shape, tuple | list) or len(shape) != _SIDES:
        return False
    whole = all(isinstance(side, Integral) and int(side) > 0 for side in shape)
    return whole and math.prod(shape) == pixels


def _rows(X: Any, places: Any) -> NDArray[Any]:
    """Return some rows of `X` as an array of floats."""
    import numpy as np

    if hasattr(X, "iloc"):
        rows = X.iloc[places].to_numpy()
    else:
        rows = X[places] if hasattr(X, "shape") else [X[place] for place in places]
        rows = rows.toarray() if hasattr(rows, "toarray") else rows
    try:
        images = np.asarray(rows, dtype="float64")
    except (TypeError, ValueError) as error:
        raise PictureError(
            problem=f"the rows of X are not images: {error}",
            advice="report.to_html() (--html FILE) shows misclassified rows as a table.",
        ) from error
    if images.ndim == _IMAGE_DIMENSIONS + 1 and images.shape[-1] == 1:  # a gray channel axis
        return images[..., 0]
    return images
