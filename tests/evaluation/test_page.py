"""The HTML page: complete, escaped, and in need of nothing else."""

from __future__ import annotations

import base64
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from modelship.errors import MissingExtraError
from modelship.evaluation import Evaluator, Report

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Collects tags, text and addresses, and checks that each tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.addresses = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append(data.strip())


@pytest.fixture(scope="module")
def page_text(report):
    """Return the page of a report with both pictures, which take long to draw."""
    return report.to_html()


@pytest.fixture
def without_pictures(monkeypatch):
    """Leave matplotlib out of pages of which only the text is looked at."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("report", 2),
        pytest.param("flower_report", 1, marks=pytest.mark.long),
        ("regression_report", 1),
    ],
)
def test_page_is_complete_and_alone(name, pictures, request):
    """The page is well-formed, shows every metric, and embeds its pictures as PNG."""
    report = request.getfixturevalue(name)
    text = request.getfixturevalue("page_text") if name == "report" else report.to_html()
    page = Page(text)
    assert {name.replace("_", " ") for name in report.metrics} <= set(page.texts)
    assert len(page.addresses) == pictures
    for address in page.addresses:
        kind, _, data = address.partition("base64,")
        assert kind == "data:image/png;"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
    assert not re.search(r"https?://|@import|url\(|<script|<link", text)


@pytest.mark.usefixtures("without_pictures")
def test_page_is_written(flower_report, tmp_path):
    """With a path the same page is written, and nothing is returned."""
    assert flower_report.to_html(tmp_path / "report.html") is None  # a notebook would print it
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == flower_report.to_html()


@pytest.mark.usefixtures("without_pictures")
def test_page_shows_the_classes(flower_report):
    """Each class has a row with what per_class says of it."""
    shown = "|".join(Page(flower_report.to_html()).texts)
    for row in flower_report.per_class:
        shares = f"{row.precision:.4f}|{row.recall:.4f}|{row.f1:.4f}"
        assert f"|{row.label}|{shares}|{row.support}|" in shown


@pytest.mark.usefixtures("without_pictures")
def test_labels_are_escaped():
    """A label that is markup is shown as text, on the page and in a notebook."""
    evil = "<script>alert(1)</script>"
    report = Evaluator([[1], [2]], [evil, "b"]).evaluate(lambda batch: ["b", evil])
    assert "<script" not in report.to_html()
    assert evil in Page(report.to_html()).texts
    assert "<script" not in report._repr_html_()


def test_names_are_escaped_and_seen():
    """Names of columns and outputs that are markup are text; what cannot be seen is written out."""
    frame = pd.DataFrame({"<img src=x>": [1, 2], "a\nb": [3, 4]})
    y = np.array([["", "\ud800"], ["c", "d\u202e"]], dtype=object)
    options = {"task": "classification", "names": ("<b>", "x\ty")}
    text = Report(X=frame, y_true=y, y_pred=y[::-1], **options).to_html()
    page = Page(text)
    assert not {"b", "script"} & set(page.tags)
    assert page.tags.count("img") == 2  # the pictures
    assert {"<img src=x>", "a\\nb", "<b>", "x\\ty", '""', "\\ud800", "d\\u202e"} <= set(page.texts)
    assert {'<b>: "" → c', "x\\ty: \\ud800 → d\\u202e"} <= set(page.texts)


def test_page_has_both_color_schemes(page_text):
    """The page follows the reader's choice of light or dark."""
    assert "prefers-color-scheme: dark" in page_text


@pytest.mark.usefixtures("without_pictures")
def test_page_without_matplotlib_has_its_tables(report):
    """Without matplotlib the page is there, its matrix open, without pictures."""
    page = Page(report.to_html())
    assert not page.addresses
    assert str(report.confusion_matrix.max()) in page.texts


def test_missing_jinja2_names_the_extra(report, monkeypatch):
    """Without jinja2 there is no page, and the error says what to install."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"modelship-ml\[report\]"):
        report.to_html()


def test_notebook_shows_a_compact_table(report, regression_report):
    """A notebook gets the metrics and nothing heavy."""
    for one in (report, regression_report):
        text = one._repr_html_()
        assert all(name in Page(text).texts for name in one.metrics)
        assert len(text) < 4000


def test_notebook_is_never_troubled():
    """A report that was put together wrong shows nothing, and does not raise."""
    assert Report(X=[], y_true=[1], y_pred=["a"], task="classification")._repr_html_() is None


@pytest.mark.usefixtures("without_pictures")
def test_page_shows_the_rows_of_a_table_that_went_wrong():
    """Texts, dates and gaps of misclassified rows can be read, beside what was said of them."""
    frame = pd.DataFrame(
        {
            "zone": ["<a>", None, "c"],
            "size": [1.5, np.nan, 3],
            "day": pd.to_datetime(["2024-05-31", None, "2024-06-01"]),
        }
    )
    report = Evaluator(frame, ["x", "y", "x"]).evaluate(lambda batch: ["z", "z", "x"])
    shown = "|".join(Page(report.to_html()).texts)
    assert "|2 misclassified rows|row|true|predicted|zone|size|day|" in shown
    assert "|0|x|z|<a>|1.5|2024-05-31|1|y|z|\u2013|\u2013|\u2013|" in shown


@pytest.mark.usefixtures("without_pictures")
def test_page_shows_the_largest_errors_first():
    """Rows of a regression are sorted by their error, and wide ones are cut."""
    X = np.arange(60.0).reshape(3, 20)
    report = Evaluator(X, [1.5, 2, 3]).evaluate(lambda batch: [2, 9, 3])
    shown = "|".join(Page(report.to_html()).texts)
    assert "|and 8 more|1|2.0|9.0|20|21|" in shown
    assert "|…|0|1.5|2.0|0|1|" in shown
    assert "|…|2|3|3|" not in shown


def test_page_writes_the_numbers_of_a_column_alike():
    """True and predicted quantities share one format, and no number of a usual size an exponent."""
    frame = pd.DataFrame({"income": [51234.5678, 48000.0], "rate": [0.25, 0.5]})
    report = Evaluator(frame, [85000, 60500], task="regression").evaluate(
        lambda batch: [97012.34, 60499.5]
    )
    shown = "|".join(Page(report.to_html()).texts)
    assert "|0|85000|97012|51235|0.25|1|60500|60500|48000|0.50|" in shown
    assert "|mae|6006|rmse|8494|" in shown


@pytest.mark.usefixtures("without_pictures")
def test_page_names_the_wrong_outputs_of_a_row():
    """With several outputs each of the first three has a line of its own, in its own format."""
    y = np.array([[85000, 0.5, 1, 1], [85001, 0.25, 1, 1]])
    said = y + np.array([[-1000, 0.125, 1, 1], [0, 0, 0, 1]])
    report = Report(
        X=y, y_true=y, y_pred=said, task="regression", names=("price", "rate", "c", "d")
    )
    texts = Page(report.to_html()).texts
    assert {"price: 85000 → 84000", "rate: 0.500 → 0.625", "c: 1 → 2", "and 1 more"} <= set(texts)
