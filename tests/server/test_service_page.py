"""The page at /docs of a real server, and that of a report, in a real browser."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from page_service.colors import between, contrast, luminance
from page_service.proxy import proxy
from page_service.report import reported

from modelship.bundle.openapi import descriptions
from modelship.tables import Column, Outputs, Schema

_SCRIPT = Path(__file__).with_name("page_service") / "score.py"
_DESCRIPTION = _SCRIPT.with_name("swagger3.1.json")
_KEY = "a-key-that-nobody-may-see"
_MARKUP = "<img src=x onerror='window.harmed=1'>"
_WIDE = {"width": 1200, "height": 900}
_NARROW = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def shapes():
    """Return the service's script as a module: it draws what the samples hold."""
    spec = importlib.util.spec_from_file_location("page_service_score", _SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sample(shapes):
    """Return the sample request: a picture of each shape."""
    return {"data": [shapes.picture(name) for name in shapes.SHAPES]}


@pytest.fixture(scope="module")
def start(serving, sample):
    """Return a function that starts the service and returns its address."""

    def started(files=None, **settings):
        server = serving.running(
            "default",
            script="plain",
            settings={"MODELSHIP_HOST": "127.0.0.1", "MODELSHIP_SAMPLE_FILE": "sample.json"}
            | {"SERVICE_NAME": "shapes", "SERVICE_VERSION": "3"}
            | settings,
            files={"score.py": _SCRIPT.read_text(), "sample.json": json.dumps(sample)}
            | (files or {}),
        )
        return f"http://127.0.0.1:{server.port}"

    return started


@pytest.fixture
def service(start):
    """Return the address of a service that asks for no key."""
    return start()


@pytest.fixture
def keyed_service(start):
    """Return the address of a service with a key, and a description of its owner's."""
    return start(
        {
            "keys.json": json.dumps({"primary": _KEY}),
            "swagger3.1.json": _DESCRIPTION.read_text(),
        },
        MODELSHIP_KEYS_FILE="keys.json",
    )


@pytest.fixture(scope="module")
def window(browser):
    """Return the window that the tests share: opening one takes as long as loading the page."""
    page = browser.new_page()
    page.set_default_timeout(20_000)
    page.problems, page.asked = [], []
    page.on("console", lambda message: page.problems.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    return page


@pytest.fixture(scope="module")
def origins():
    """Return where pages came from."""
    return set()


@pytest.fixture
def visit(window, origins):
    """Return a function that opens a service's page; nothing may ever leave for another host."""

    def visited(address):
        origins.add(_origin(address))
        _look(window)
        window.goto(f"{address}/docs")
        window.wait_for_selector("main[aria-busy=false]")
        window.wait_for_selector("#state[data-state]")
        return window

    yield visited
    window.unroute_all()
    assert {_origin(url) for url in window.asked if url.startswith("http")} <= origins
    window.problems.clear()
    window.asked.clear()


@pytest.fixture
def page(visit, window, service):
    """Return the page of the service, where another test may have sent a request already.

    To load it takes longer than most tests.
    """
    if window.url != f"{service}/docs":
        return visit(service)
    _look(window)
    window.eval_on_selector("#sample", "it => it.click()")  # it is hidden now and then
    return window


@pytest.fixture
def unlocked(visit, window, keyed_service):
    """Return the page of the service with a key, which it has; another test may have been there."""
    if window.url != f"{keyed_service}/docs" or not window.is_visible("#description"):
        _unlock(visit(keyed_service))
    return window


def _look(page, *, viewport=_WIDE, scheme="light"):
    page.set_viewport_size(viewport)
    page.emulate_media(color_scheme=scheme)


def _origin(url):
    return re.match(r"https?://[^/]+", url).group()


def _send(page, body=None):
    """Write a body into the editor, send it, and wait for the answer."""
    if body is not None:
        if page.is_visible("#edit"):
            page.click("#edit")
        page.fill("#editor", body if isinstance(body, str) else json.dumps(body))
    page.click("#send")
    page.wait_for_selector("#verdict:visible")


def _unlock(page):
    """Type the key, and wait for what needed it."""
    page.fill("#key", _KEY)
    page.keyboard.press("Enter")
    page.wait_for_selector("#description:visible")
    page.wait_for_selector("#request-note:has-text('5 rows of 400 values')")


def _box(page, selector):
    return page.locator(selector).bounding_box()


def test_says_what_the_service_is(visit, service):
    """The name, the version, the state and the routes come from the service; nothing fails."""
    page = visit(service)
    assert (page.title(), page.inner_text("h1")) == ("shapes", "shapes")
    assert page.inner_text("#version") == "Version 3"
    assert page.inner_text("#state") == "Healthy"
    assert page.inner_text("#address") == f"POST {service}/score"
    assert page.locator("#routes .path").all_inner_texts() == ["/score", "/", "/swagger.json"]
    assert page.problems == []


def test_shows_letters_of_an_answer(page):
    """As the service wrote them, and as they read."""
    body = '["k\\u00fcndigt", "\\ud83d\\ude00", "a\\\\u00fc", "\\ud83d", "\\u0022"]'
    page.route("**/score", lambda route: route.fulfill(body=body, content_type="application/json"))
    _send(page)
    assert page.inner_text("#answer") == '["kündigt", "😀", "a\\\\u00fc", "\\ud83d", "\\u0022"]'


def test_tells_the_rows_of_the_sample(page):
    """Where they have no names: how many, and what they hold."""
    assert "5 rows of 400 numbers" in page.inner_text("#sample-fields")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_buttons_look_like_buttons(page, scheme):
    """Each has an edge that stands out from what lies around it, or a color of its own."""
    _look(page, scheme=scheme)
    style = "(each) => [getComputedStyle(each), getComputedStyle(each.closest('.card'))]"
    style += ".map((style) => [style.backgroundColor, style.borderTopColor])"
    for button in page.query_selector_all("button:visible, .file"):
        own, [around, _] = button.evaluate(style)
        assert max(between(around, each) for each in own) >= 3, button.inner_text()


def test_sends_the_sample(page, shapes):
    """One click shows the answer, its status, its duration and the headers of the contract."""
    _send(page)
    assert page.inner_text("#verdict") == "200 OK"
    assert re.fullmatch(r"[\d.]+ ms", page.inner_text("#duration"))
    assert json.loads(page.inner_text("#answer")) == {"shape": list(shapes.SHAPES)}
    headers = dict(
        zip(
            page.locator("#headers dt").all_inner_texts(),
            page.locator("#headers dd").all_inner_texts(),
            strict=True,
        )
    )
    assert headers["x-ms-run-function-failed"] == "False"
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-request-id"])
    assert page.problems == []


def test_draws_rows_that_are_pictures(page, shapes):
    """Each row is drawn pixel by pixel, and the answer to it comes below."""
    _send(page)
    assert page.locator("#pictures span").all_inner_texts() == list(shapes.SHAPES)
    pixels = page.eval_on_selector(
        "#pictures canvas",
        "it => [...it.getContext('2d').getImageData(0, 0, it.width, it.height).data]",
    )
    drawn = [round(each * 255) for each in shapes.picture("circle")]
    assert max(abs(a - b) for a, b in zip(pixels[::4], drawn, strict=True)) <= 1
    assert pixels[::4] == pixels[1::4] == pixels[2::4]


def test_draws_nothing_else(page):
    """Rows that are no pictures are not drawn: too short, negative, or too bright."""
    page.click("#edit")
    for row in ([0.5] * 4, [-1] + [0] * 63, [256] + [0] * 99, [0] * 65):
        page.fill("#editor", json.dumps({"data": [row]}))
        page.wait_for_selector(f"#request-note:has-text('of {len(row)} values')")
        assert page.is_hidden("#pictures")


def test_tells_a_failure_apart(page):
    """A run() that failed is red, readable, and says which request id to look for."""
    _send(page, {"fail": "no such luck"})
    assert page.inner_text("#verdict").startswith("500")
    request_id = page.inner_text("#headers dd >> nth=0")
    assert f"request id {request_id}" in page.inner_text("#problem")
    assert "no such luck" not in page.inner_text("#problem") + page.inner_text("#answer")
    red, green, blue = map(
        int,
        re.findall(r"\d+", page.eval_on_selector("#problem", "it => getComputedStyle(it).color")),
    )
    assert red > 2 * green > 0
    assert red > 2 * blue
    assert contrast(page, "#problem") >= 4.5
    assert contrast(page, "#verdict") >= 4.5


def test_says_what_is_no_json(page):
    """A request that is no JSON is told before it is sent, and is sent all the same."""
    _send(page, '{"data": [1, 2')
    assert page.inner_text("#request-note").startswith("Not JSON")
    assert page.inner_text("#verdict").startswith("500")


def test_stays_smooth_with_a_large_request(page):
    """Of a megabyte the page shows a little, and sends all, byte for byte."""
    body = json.dumps({"count": 1, "data": [[each / 7 for each in range(900)]] * 60})
    page.set_input_files(
        "#file", {"name": "large.json", "mimeType": "application/json", "buffer": body.encode()}
    )
    page.wait_for_selector("#request-note:has-text('60 rows of 900 values')")
    assert len(body) > 900_000
    assert len(page.inner_text("body")) < 10_000
    assert page.input_value("#editor") == ""
    _send(page)
    assert json.loads(page.inner_text("#answer")) == {"characters": len(body)}


def test_stays_smooth_with_a_deep_request(page):
    """Lists within lists are shown a few levels deep, however many there are."""
    body = "[" * 4000 + "]" * 4000
    page.set_input_files(
        "#file", {"name": "deep.json", "mimeType": "application/json", "buffer": body.encode()}
    )
    page.wait_for_selector("#request-note:has-text('8.00 kB')")
    assert len(page.inner_text("#preview")) < 2500
    page.click("#edit")
    assert page.input_value("#editor").count("[") == 4000


def test_shortens_a_large_answer(page):
    """A long answer is shortened until the whole is asked for."""
    back = [[each, each] for each in range(4000)]
    _send(page, {"back": back})
    assert len(page.inner_text("#answer")) < 2000
    page.click("#whole")
    assert json.loads(page.inner_text("#answer")) == back


def test_shows_numbers_as_they_came(page):
    """An integer keeps all its digits, and 1.0 its point, though JavaScript has neither."""
    _send(page, '{"back": [12345678901234567890, 1.0, "a\\"]b", {}]}')
    assert page.inner_text("#answer") == '[12345678901234567890, 1.0, "a\\"]b", {}]'


def test_gives_code_that_works(page):
    """The snippets do what the page does, quotes and all."""
    back = ['it\'s "quoted"\\ and a $HOME, ü']
    _send(page, json.dumps({"back": back}, ensure_ascii=False))
    assert _told_by(sys.executable, page.inner_text("#python")) == repr(back)
    if not (shutil.which("curl") and shutil.which("bash")):
        pytest.skip("the Python code works; the command needs curl and bash")
    assert json.loads(_told_by("bash", page.inner_text("#curl"))) == back


def _told_by(command, code):
    told = subprocess.run([command, "-c", code], capture_output=True, check=True, timeout=60)
    return told.stdout.decode().strip()


def test_can_be_cancelled(page):
    """A request that is not answered can be given up, and another one sent."""
    page.route("**/score", lambda route: None)
    page.click("#send")
    page.click("#cancel")
    page.wait_for_selector("#verdict:visible")
    assert page.inner_text("#verdict") == "Cancelled"
    page.unroute("**/score")
    _send(page)
    assert page.inner_text("#verdict") == "200 OK"


def test_says_that_there_is_no_answer(page):
    """A connection that breaks is told in a sentence."""
    page.route("**/score", lambda route: route.abort())
    _send(page)
    assert page.inner_text("#verdict") == "No answer"
    assert "did not answer" in page.inner_text("#problem")


def test_works_with_the_keyboard(page):
    """Ctrl+Enter sends from the editor, and each control can be reached and has a name."""
    page.click("#edit")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#verdict:visible")
    controls = page.locator("button:visible, input, textarea:visible, summary:visible")
    for control in controls.all():
        named = control.evaluate(
            "it => it.ariaLabel || it.innerText || (it.labels && it.labels[0]?.innerText)"
        )
        assert named, control.evaluate("it => it.outerHTML")
        assert control.evaluate("it => it.tabIndex") == 0


def test_is_laid_out_side_by_side(page, screenshot):
    """On a wide screen the request and the answer are next to each other, as the guide shows."""
    _send(page)
    screenshot(page, "docs/how-to/service-page.png", height=790)
    request, answer = _box(page, "#form"), _box(page, "#try-title ~ .pair > :nth-child(2)")
    assert abs(request["y"] - answer["y"]) < 1
    assert abs(request["width"] - answer["width"]) < 1
    assert request["width"] > 450
    assert request["x"] + request["width"] < answer["x"]
    assert page.evaluate("document.documentElement.scrollWidth") == _WIDE["width"]


def test_fits_a_narrow_screen(page):
    """At 360 pixels the parts are below each other, and nothing sticks out."""
    _look(page, viewport=_NARROW)
    _send(page)
    request, answer = _box(page, "#form"), _box(page, "#try-title ~ .pair > :nth-child(2)")
    assert request["y"] + request["height"] < answer["y"]
    assert page.evaluate("document.documentElement.scrollWidth") == _NARROW["width"]
    outside = page.evaluate(
        """[...document.querySelectorAll("main *")]
           .filter(it => it.getBoundingClientRect().right > innerWidth && !it.closest("pre"))
           .map(it => it.outerHTML.slice(0, 80))"""
    )
    assert outside == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_is_readable_in_both_schemes(page, scheme):
    """The page follows the system's scheme; its texts have the contrast that WCAG AA asks for."""
    _look(page, scheme=scheme)
    _send(page)
    ground = page.eval_on_selector("body", "it => getComputedStyle(it).backgroundColor")
    assert (luminance(ground) < 0.1) == (scheme == "dark")
    on_card = dict.fromkeys(("#request-note", "#answer .string", "#headers dt"), "#form")
    for selector, behind in {"h1": "body", "#try-note": "body", **on_card}.items():
        assert contrast(page, selector, behind=behind) >= 4.5, selector
    for selector in ("#verdict", "#send"):
        assert contrast(page, selector) >= 4.5, selector


_RECORDS = {"data": [{"größe": 1.7, "stadt": "Köln"}, {"größe": None, "stadt": "Ulm \u202e"}]}


def test_shows_a_sample_of_records_as_people_read_it(visit, start):
    """One that is written with escapes too: what cannot be seen stays one.

    Its fields are told from its values, where the description does not.
    """
    page = visit(start({"sample.json": json.dumps(_RECORDS)}))
    written = page.input_value("#editor")
    assert json.loads(written) == _RECORDS
    assert '\n    {"größe": 1.7, "stadt": "Köln"},\n' in written
    assert "Ulm \\u202e" in written
    assert '"stadt":"Köln"' in page.inner_text("#curl")
    assert "größe" in page.inner_text("#python")
    fields = page.inner_text("#sample-fields")
    assert "number or null\n1.7" in fields
    assert re.search(r'stadt\s+text\s+"Köln", "Ulm', fields)


def test_asks_for_the_key(visit, keyed_service):
    """A service with a key gets it from a password field; then the page has what it needed."""
    page = visit(keyed_service)
    assert page.get_attribute("#key", "type") == "password"
    page.fill("#key", "another")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The service did not accept this key.")
    _unlock(page)
    _send(page)
    assert page.inner_text("#verdict") == "200 OK"


def test_tells_the_key_to_nobody(visit, keyed_service):
    """The key is in no text, no address and no storage; the code to copy has a placeholder."""
    page = visit(keyed_service)
    _send(page, {"data": []})
    assert page.inner_text("#verdict").startswith("401")
    page.fill("#key", _KEY)
    _send(page)
    assert page.inner_text("#verdict") == "200 OK"
    assert _KEY not in page.content() + page.url
    assert "Bearer $SCORING_KEY" in page.inner_text("#curl")
    assert 'os.environ["SCORING_KEY"]' in page.inner_text("#python")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert page.evaluate("document.cookie") == ""


def test_tells_the_description_in_words(unlocked):
    """Schemas are told in words, also one that holds itself; the JSON is behind a disclosure.

    What the owner says of the fields is better than what the sample shows.
    """
    page = unlocked
    assert not page.is_visible("#sample-fields")
    shape = page.inner_text("#shapes .shape")
    assert "list of lists of numbers, required" in shape
    assert "One picture a row" in shape
    assert page.inner_text("#lead") == "Names drawn shapes."
    assert page.is_hidden("#raw")
    page.click("details.raw > summary")
    assert json.loads(page.inner_text("#raw")) == json.loads(_DESCRIPTION.read_text())


def test_never_runs_what_it_shows(unlocked):
    """Markup in a title, a request and an answer stays text."""
    page = unlocked
    _send(page, {"back": {_MARKUP: [_MARKUP, 1]}})
    assert page.inner_text("h1") == f"shapes {_MARKUP}"
    assert json.loads(page.inner_text("#answer")) == {_MARKUP: [_MARKUP, 1]}
    assert page.locator("img").count() == 0
    assert page.evaluate("window.harmed") is None


def test_is_titled_with_the_name_of_the_service(visit, start):
    """A service with a name has that one for its title, and tells the model and its version."""
    page = visit(start(MODELSHIP_SERVICE="drawn-shapes"))
    assert page.title() == page.inner_text("h1") == "drawn-shapes"
    assert page.inner_text("#version") == "Model shapes, version 3"


def test_never_runs_the_names_of_columns(visit, start):
    """Columns, categories and labels that are markup stay text; what cannot be seen is escaped."""
    names = (_MARKUP, "</script><script>window.harmed=1</script>", "a\nb", "__proto__", "größe")
    columns = [Column(name=name, kind="text", categories=(_MARKUP,)) for name in names]
    outputs = Outputs(task="classification", labels=((_MARKUP, "no"),))
    schema = Schema(form="table", columns=tuple(columns), outputs=outputs)
    model = SimpleNamespace(name="shapes", version="3")
    files = descriptions(model, schema=schema, key="data", has_probabilities=False)
    page = visit(start(files, MODELSHIP_SERVICE="drawn-shapes"))
    assert page.inner_text("h1") == "drawn-shapes"
    shown = page.locator("#shapes .shape >> nth=0").locator("th").all_inner_texts()
    assert shown == [name.replace("\n", "\\n") for name in names]
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("window.harmed") is None


def test_works_behind_a_path_prefix(visit, service):
    """Behind a proxy that serves it below a prefix, the page finds its sample and its service."""
    with proxy(service, prefix="/models/a") as address:
        page = visit(f"{address}/models/a")
        assert page.inner_text("#address") == f"POST {address}/models/a/score"
        _send(page)
        assert page.inner_text("#verdict") == "200 OK"
        assert page.locator("#pictures canvas").count() == 5


def test_the_guide_shows_the_report(browser, screenshot, tmp_path):
    """The page of a report fits its window, and looks as the guide shows it."""
    reported(tmp_path).to_html(tmp_path / "report.html")
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.goto((tmp_path / "report.html").as_uri())
    screenshot(page, "docs/how-to/report.png", height=1490)
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
    page.close()
