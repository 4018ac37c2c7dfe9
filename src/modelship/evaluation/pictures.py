"""Draw a report with matplotlib, without touching its global state."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from modelship.errors import PictureError
from modelship.evaluation.extras import needs_extra
from modelship.evaluation.formatting import label_text, shortened
from modelship.staging import write_atomic

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from modelship.evaluation.report import Report

__all__ = [
    "INK",
    "RED",
    "as_png",
    "draw_confusion_matrix",
    "draw_scatter",
    "new_figure",
    "save",
]

INK: Final = "#1f2328"
MUTED: Final = "#6e7781"
RED: Final = "#c1121f"
_FORMS: Final = ("png", "svg", "pdf")
_MAX_ANNOTATED: Final = 20
_MAX_TICKS: Final = 70
_LONG_LABEL: Final = 3
_LINE_CHARACTERS: Final = 22
_MAX_LINES: Final = 3
_RIGHT: Final = "#e9edf1"  # not of the scale, which is of mistakes
_MAX_MATRICES: Final = 16
_MATRICES_IN_A_ROW: Final = 4


def new_figure(
    width_in: float, height_in: float, *, layout: Literal["compressed"] | None = "compressed"
) -> Figure:
    """Return an empty figure, sizes in inches, that is not in pyplot's global state.

    Without a layout its axes stay where they are put, and drawing takes half the time.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    with needs_extra("report", purpose="Drawing a picture"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=150, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: str | os.PathLike[str]) -> Figure:
    """Write `figure` to `path` atomically, and return it.

    Raises
    ------
    PictureError
        If the suffix is not .png, .svg or .pdf, or the folder is not writable.
    """
    path = Path(path)
    form = path.suffix.lower().removeprefix(".")
    if form not in _FORMS:
        raise PictureError(
            problem=f"{path.name!r} has no supported picture format",
            advice="Use a name that ends in .png, .svg or .pdf.",
        )
    content = io.BytesIO()
    figure.savefig(content, format=form)
    try:
        write_atomic(path, content.getvalue())
    except OSError as error:
        raise PictureError(
            problem=f"the folder {path.parent} cannot be written to: {error.strerror or error}",
            advice="Choose another folder, or look at its owner and permissions.",
        ) from error
    return figure


def as_png(figure: Figure) -> bytes:
    """Return `figure`, one of :func:`new_figure`, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    content = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(content)  # savefig would draw it twice
    return content.getvalue()


def draw_confusion_matrix(report: Report, *, ax: Axes | None = None) -> Figure:
    """Draw the mistakes as shares of each true class; see ``Report.plot_confusion_matrix``."""
    if report.task == "regression":
        raise PictureError(
            problem="a regression has no confusion matrix",
            advice="report.to_html() draws its predicted against its true values.",
        )
    if report.outputs:
        return _draw_matrices(report, ax=ax)
    if ax is None:
        side_in = _side_in(report)
        ax = new_figure(side_in + 0.9, side_in).add_subplot()
    return _draw_matrix(report, ax)


def _side_in(report: Report) -> float:
    return min(max(0.5 * len(report.labels) + 1.4, 4.4), 12.0)


def _draw_matrices(report: Report, *, ax: Axes | None) -> Figure:
    """Draw the matrix of each output, with its name above."""
    outputs = report.outputs
    if ax is not None or len(outputs) > _MAX_MATRICES:
        raise PictureError(
            problem=f"there are {len(outputs)} outputs, with a matrix each",
            advice="report.to_html() (--html FILE) shows them one below the other.",
        )
    columns = min(len(outputs), _MATRICES_IN_A_ROW)
    rows = -(-len(outputs) // columns)
    side_in = max(map(_side_in, outputs.values()))
    figure = new_figure(columns * (side_in + 0.9), rows * (side_in + 0.4))
    for place, (name, each) in enumerate(outputs.items(), 1):
        ax = figure.add_subplot(rows, columns, place)
        _draw_matrix(each, ax)
        title = shortened(name, characters=30)
        ax.set_title(title, color=INK, fontsize=12, fontweight="bold", pad=10, parse_math=False)
    return figure


def _draw_matrix(report: Report, ax: Axes) -> Figure:
    k = len(report.labels)
    shares = _error_shares(report.confusion_matrix)
    most = float(shares.filled(0).max())
    image = ax.matshow(shares, cmap=_mistakes_on_gray(), vmin=0.0, vmax=most or 1.0)
    _label_axes(ax, report.labels.tolist())
    if k <= _MAX_ANNOTATED:
        _annotate(ax, report.confusion_matrix, shares)
    figure: Figure = ax.get_figure(root=True)  # type: ignore[assignment]  # a drawn axes has one
    if most:
        _add_colorbar(figure, ax, image)
    return figure


def draw_scatter(report: Report) -> Figure:
    """Draw predicted against true values; on the diagonal they are equal."""
    figure = new_figure(5.2, 5.0)
    ax = figure.add_subplot()
    low = float(min(report.y_true.min(), report.y_pred.min()))
    high = float(max(report.y_true.max(), report.y_pred.max()))
    pad = 0.04 * (high - low) or 1.0
    ends = (low - pad, high + pad)
    ax.plot(ends, ends, color=MUTED, linewidth=1, zorder=1)
    alpha = min(1.0, max(0.08, 60 / report.n_samples**0.75))
    ax.scatter(report.y_true, report.y_pred, s=16, color="#0b5fa5", alpha=alpha, linewidths=0)
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    ax.set_xlabel("true", color=INK, fontsize=11)
    ax.set_ylabel("predicted", color=INK, fontsize=11)
    ax.tick_params(colors=INK, labelsize=9, length=3, color=MUTED)
    _soften_spines(ax)
    return figure


def _error_shares(matrix: NDArray[Any]) -> Any:
    """Divide each row by its sum, rows without any sample staying zero, and mask the diagonal."""
    import numpy as np

    sums = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.where(sums == 0, 1, sums)
    return np.ma.masked_array(shares, mask=np.eye(len(matrix), dtype=bool))


def _mistakes_on_gray() -> Any:
    from matplotlib import colormaps

    return colormaps["OrRd"].with_extremes(bad=_RIGHT)


def _label_axes(ax: Axes, labels: list[object]) -> None:
    step = -(-len(labels) // _MAX_TICKS)
    places = range(0, len(labels), step)
    is_roomy = len(labels) <= _MAX_ANNOTATED
    names = [_tick_label(labels[place], is_roomy=is_roomy) for place in places]
    size = 10 if is_roomy else 7
    longest = max(len(line) for name in names for line in name.split("\n"))
    turned = longest > _LONG_LABEL and len(labels) > 2  # noqa: PLR2004 - two have room
    rotation: dict[str, Any] = (
        {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if turned else {}
    )
    ax.set_xticks(places, names, fontsize=size, color=INK, parse_math=False, **rotation)
    ax.set_yticks(places, names, fontsize=size, color=INK, parse_math=False)
    ax.tick_params(length=0, bottom=False)
    ax.set_xlabel("predicted", fontsize=11, color=INK, labelpad=8)
    ax.xaxis.set_label_position("top")
    ax.set_ylabel("true", fontsize=11, color=INK, labelpad=8)
    _soften_spines(ax)


def _tick_label(label: object, *, is_roomy: bool) -> str:
    """Return `label` on up to three lines; on one if there are many labels."""
    if not is_roomy:
        return shortened(label, characters=_LINE_CHARACTERS)
    text = shortened(label_text(label), characters=_MAX_LINES * _LINE_CHARACTERS - 8)
    return "\n".join(textwrap.wrap(text, _LINE_CHARACTERS))


def _annotate(ax: Axes, matrix: NDArray[Any], shares: NDArray[Any]) -> None:
    size = 9 if len(matrix) <= 12 and matrix.max() < 10_000 else 8  # noqa: PLR2004 - what fits
    dark = (shares > 0.55 * shares.max()).filled(fill_value=False)
    for row, counts in enumerate(matrix.tolist()):
        for column, count in enumerate(counts):
            color = "white" if dark[row, column] else INK
            if count:
                ax.text(column, row, count, ha="center", va="center", fontsize=size, color=color)


def _add_colorbar(figure: Figure, ax: Axes, image: Any) -> None:
    bar = figure.colorbar(
        image,
        ax=ax,
        format=lambda share, _: f"{round(100 * share, 4):g}%",
        fraction=0.046,
        pad=0.03,
    )
    bar.set_label("misclassified share", fontsize=10, color=INK, labelpad=8)
    bar.ax.tick_params(labelsize=9, length=0, colors=INK)
    bar.outline.set_visible(False)


def _soften_spines(ax: Axes) -> None:
    for spine in ax.spines.values():
        spine.set(color="#d0d7de", linewidth=0.8)
