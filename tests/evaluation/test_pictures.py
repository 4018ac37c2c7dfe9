"""Pictures: what is drawn, what cannot be, and what is left alone.

Tests import matplotlib themselves: each worker reads this file, and one runs it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modelship.errors import InvalidOptionError, MissingExtraError, PictureError
from modelship.evaluation import Evaluator, Report, pictures
from modelship.evaluation.pictures import RED

SIGNATURES = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


def drawn(y, found, **options):
    """Draw the confusion matrix of these labels, and return its axes."""
    y, found = np.array(y), np.array(found)
    report = Report(X=y, y_true=y, y_pred=found, task="classification")
    return report.plot_confusion_matrix(**options).axes[0]


@pytest.mark.parametrize(
    "suffix",
    [pytest.param(each, marks=[pytest.mark.long] * (each != ".png")) for each in SIGNATURES],
)
def test_suffix_decides_the_form(report, tmp_path, suffix):
    """Both pictures are written as PNG, SVG and PDF, into a folder that is made for them."""
    from matplotlib.figure import Figure

    report.plot_confusion_matrix(tmp_path / f"conf{suffix}")
    figure = report.plot_predictions(tmp_path / "new" / f"results{suffix}", n=12)
    for path in (tmp_path / f"conf{suffix}", tmp_path / "new" / f"results{suffix}"):
        assert path.read_bytes().startswith(SIGNATURES[suffix])
    assert isinstance(figure, Figure)


def test_matrix_shows_shares_of_mistakes():
    """Rows are divided by their sum, the diagonal is left out of the scale; counts are written."""
    ax = drawn([0] * 4 + [1] * 5, [0, 1, 1, 1, 1, 1, 1, 1, 0])
    assert ax.images[0].get_array().tolist() == [[None, 0.75], [0.2, None]]
    assert [text.get_text() for text in ax.texts] == ["1", "3", "1", "4"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")


@pytest.mark.filterwarnings("error")
def test_label_that_is_never_true_divides_by_nothing():
    """A row without samples stays empty, without a warning of a division by zero."""
    ax = drawn([0, 0], [0, 7])
    assert ax.images[0].get_array().tolist() == [[None, 0.5], [0.0, None]]
    assert drawn([1, 1], [1, 1]).images[0].get_array().tolist() == [[None]]


def test_correct_cells_have_a_color_of_their_own():
    """Samples that are right do not look as if they were 0 % of something, and need no scale."""
    image = drawn([0, 0, 1], [0, 1, 1]).images[0]
    right, wrong, never, _ = image.to_rgba(image.get_array()).reshape(4, 4).tolist()
    assert len({tuple(right), tuple(wrong), tuple(never)}) == 3
    assert len(drawn([0, 1], [0, 1]).figure.axes) == 1
    assert len(drawn([0, 1], [1, 1]).figure.axes) == 2


def test_many_labels_have_no_counts():
    """Above 20 labels the counts are left out, and above 70 some ticks are."""
    assert len(drawn(range(20), range(20)).texts) == 20
    assert not drawn(range(21), range(21)).texts
    assert len(drawn(range(50), range(50)).get_xticks()) == 50
    assert len(drawn(range(210), range(210)).get_xticks()) == 70


@pytest.mark.parametrize("count", [2, 30])
def test_long_labels_can_be_told_apart(count):
    """Labels that differ at their ends alone stay different, be they few or many."""
    labels = [f"Kraftfahrzeug-Haftpflicht für Gespanne, Tarif {i:02}" for i in range(count)]
    ticks = [tick.get_text() for tick in drawn(labels, labels).get_yticklabels()]
    assert len(set(ticks)) == count
    assert max(len(line) for tick in ticks for line in tick.splitlines()) <= 22


def test_matrix_can_be_drawn_on_axes_of_ones_own(report):
    """With ax= the picture goes there, and the figure is that of the axes."""
    from matplotlib.figure import Figure

    figure = Figure()
    ax = figure.add_subplot(1, 2, 1)
    assert report.plot_confusion_matrix(ax=ax) is figure
    assert ax.images


def test_dollar_signs_are_no_formulas(tmp_path):
    """Labels are text, even where matplotlib would set a formula."""
    ax = drawn(["$a", "b$", r"$\frac$"], ["b$", "b$", "b$"], path=tmp_path / "conf.png")
    assert r"$\frac$" in [tick.get_text() for tick in ax.get_yticklabels()]


def test_misclassified_samples_stand_out(report):
    """They are inverted and red with the true label beside; the others are black on white."""
    from matplotlib.colors import to_hex

    figure = report.plot_predictions(n=80, seed=1)
    chosen = np.random.default_rng(1).choice(report.n_samples, 80, replace=False)
    assert np.isin(chosen, report.misclassified).sum() > 3
    for ax, place in zip(figure.axes, chosen, strict=True):
        said, true = report.y_pred[place], report.y_true[place]
        wrong = said != true
        assert ax.images[0].get_cmap().name == ("gray" if wrong else "gray_r")
        assert ax.get_title() == (f"{said} (true {true})" if wrong else str(said))
        assert (to_hex(ax.title.get_color()) == RED) == wrong
        assert (ax.images[0].get_array() == report.X[place].reshape(8, 8)).all()


def test_small_set_is_drawn_whole(digits):
    """There are no more pictures than samples, and no empty frames beside them."""
    model, X, y = digits
    figure = Evaluator(X[:13], y[:13]).evaluate(model).plot_predictions(n=30)
    assert len(figure.axes) == 13


def test_seed_decides_which_samples(report):
    """One seed draws the same samples each time, another one others."""
    titles = [
        [ax.get_title() for ax in report.plot_predictions(n=5, seed=seed).axes]
        for seed in (0, 0, 1)
    ]
    assert titles[0] == titles[1] != titles[2]


@pytest.mark.parametrize("shape", [(600, 8, 8), (600, 8, 8, 1), (600, 64)])
def test_shape_of_images_is_found(digits, shape):
    """Images may be flat, or have height and width, or a gray channel."""
    model, X, y = digits
    report = Evaluator(X.reshape(shape), y).evaluate(lambda b: model.predict(b.reshape(-1, 64)))
    assert report.plot_predictions(n=1).axes[0].images[0].get_array().shape == (8, 8)


def test_shape_of_images_can_be_told(report):
    """image_shape= is height and width."""
    figure = report.plot_predictions(n=2, image_shape=(4, 16))
    assert figure.axes[0].images[0].get_array().shape == (4, 16)


@pytest.mark.parametrize(
    "image_shape", [(7, 9), (0, 64), (-8, -8), (64,), (4, 4, 4), (8.0, 8.0), 8]
)
def test_impossible_shape_is_refused(report, image_shape):
    """A shape that does not hold the pixels leads to one that would."""
    with pytest.raises(PictureError) as caught:
        report.plot_predictions(image_shape=image_shape)
    assert "h * w = 64" in caught.value.hint


@pytest.mark.parametrize("row", [[1, 2, 3], ["a"] * 4, [[[1, 2, 3]]]])
def test_rows_that_are_no_images_are_refused(row):
    """Tables, texts and colors are no pictures that can be drawn."""
    report = Evaluator([row] * 2, [0, 1]).evaluate(lambda batch: [0, 1])
    with pytest.raises(PictureError):
        report.plot_predictions()


def test_table_leads_to_image_shape():
    """Where the number of features is no square, the hint says what to pass."""
    report = Evaluator(np.zeros((2, 6)), [0, 1]).evaluate(lambda batch: [0, 1])
    with pytest.raises(PictureError, match=r"image_shape=\(h, w\)"):
        report.plot_predictions()


@pytest.mark.parametrize("n", [0, -1, 2.5, True])
def test_impossible_number_of_samples_is_refused(report, n):
    """There is no picture of nothing."""
    with pytest.raises(InvalidOptionError, match="n is"):
        report.plot_predictions(n=n)


@pytest.mark.parametrize("name", ["results.gif", "results", "results.png.txt"])
def test_unknown_form_is_refused(report, tmp_path, name):
    """A suffix that is not known is refused before anything is written."""
    with pytest.raises(PictureError, match=r"\.png, \.svg or \.pdf"):
        report.plot_predictions(tmp_path / name, n=1)
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written_is_named(report, tmp_path):
    """The error names the folder, and what is in its place stays as it is."""
    (tmp_path / "file").write_text("here before")
    with pytest.raises(PictureError, match=str(tmp_path / "file")):
        report.plot_predictions(tmp_path / "file" / "results.png", n=1)
    assert (tmp_path / "file").read_text() == "here before"


def test_regression_has_no_pictures_of_classes(regression_report):
    """Both pictures refuse a regression, and name the one that there is."""
    for draw in (regression_report.plot_confusion_matrix, regression_report.plot_predictions):
        with pytest.raises(PictureError, match="to_html"):
            draw()


def test_global_state_is_left_alone(report):
    """Neither pyplot nor a setting of matplotlib is touched."""
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    report.plot_confusion_matrix()
    report.plot_predictions(n=3)
    assert dict(mpl.rcParams) == before


def test_no_picture_needs_pyplot(report, monkeypatch):
    """Pictures are drawn where nothing can import it, and no module here names it."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    report.plot_confusion_matrix()
    report.plot_predictions(n=2)
    for module in Path(pictures.__file__).parent.rglob("*.py"):
        assert "import pyplot" not in module.read_text()
        assert "matplotlib.pyplot" not in module.read_text()


@pytest.mark.long
def test_pyplot_is_never_imported(tmp_path):
    """A new process that has drawn pictures has not imported pyplot, which wants a display."""
    code = """if True:
        import sys
        from modelship.evaluation import Evaluator
        report = Evaluator([[0] * 4] * 2, [0, 1]).evaluate(lambda batch: [0, 0])
        report.plot_confusion_matrix("conf.png"), report.plot_predictions("results.png")
        assert "matplotlib.pyplot" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    assert (tmp_path / "results.png").stat().st_size > 1000


def test_missing_matplotlib_names_the_extra(report, monkeypatch):
    """Without matplotlib the error says what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"modelship-ml\[report\]"):
        report.plot_confusion_matrix()
