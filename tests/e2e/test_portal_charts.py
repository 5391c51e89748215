"""Charts in a real browser over real runs: every kind of value, charts of models, images, zoom and pins, files of them, exported pages."""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest
from browsing_rig import kept
from portal_rig import PATIENCE_S, ROOT, Portal

import outrider.sklearn as charts

LOGGED = """
import math, random, struct, zlib, outrider
def png(path, red):
    def part(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\\0" + b"".join(bytes([red, x * 4, y * 4]) for x in range(60)) for y in range(40))
    head = part(b"IHDR", struct.pack(">IIBBBBB", 60, 40, 8, 2, 0, 0, 0))
    open(path, "wb").write(b"\\x89PNG\\r\\n\\x1a\\n" + head + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b""))
for name, scale in (("first", 1.0), ("second", 0.6)):
    with outrider.start_run("wave", name) as run:
        run.log_list("fibonacci", [0, 1, 1, 2, 3, 5, 8, 13])
        for i in range(30): run.log("again", scale * math.sin(i / 5))
        for i in range(40): run.log_row("Cosine wave", angle=i / 10, cos=scale * math.cos(i / 10))
        run.log_table("Sine wave", {"angle": [i / 10 for i in range(40)], "sin": [math.sin(i / 10) for i in range(40)]})
        run.log_table("people", {"name": ["Ann", "Bo"], "age": [31, 42], "city": ["Oslo", "Bonn"]})
        run.log("accuracy", 0.9731)
        run.log("phase", "warm up"); run.log("phase", "done")
        random.seed(3)
        for step in range(3000):
            noisy = scale * math.exp(-step / 700) + random.gauss(0, 0.05)
            run.log("loss", math.nan if step in (900, 901) else math.inf if step == 1500 else noisy, step=step)
        for number in range(3):
            png("picture.png", 80 * number)
            run.log_image("picture", path="picture.png")
"""

MODELS = """
import json, numpy as np, outrider, outrider.sklearn as charts
draw = np.random.default_rng(5)
labels = np.array(["ant", "bee", "cat"])
true = draw.integers(0, 3, 300)
with outrider.start_run("search", "parent") as parent:
    for name, strength in (("weak", 0.8), ("strong", 2.5)):
        with parent.child_run(name=name) as run:
            raw = draw.normal(size=(300, 3)) + strength * np.eye(3)[true]
            scores = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
            charts.log_classification(run, labels[true], labels[scores.argmax(axis=1)], scores, labels=labels)
            y = draw.normal(50, 20, 400)
            charts.log_regression(run, y, y * 0.9 + 5 + draw.normal(0, 12 / strength, 400))
            explained = {f"feature {i}": strength / (i + 1) for i in range(12)}
            outrider.ExplanationClient.from_run(run).upload_model_explanation(explained)
with outrider.start_run("search", "broken") as run:
    ragged = {"class_labels": ["a", "b"], "matrix": [[1, 2], [3]]}
    run.log_confusion_matrix("ragged", {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": ragged})
    run.log_residuals("few", {"schema_type": "residuals", "schema_version": "1.0.0", "data": {"bin_edges": [0, 1, 2], "bin_counts": [1]}})
    run.log_accuracy_table("none", {"errors": ["<b>no score</b>"]})
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """Two runs that log everything, a search with two candidates, a run whose charts are broken."""
    made = Portal(tmp_path_factory.mktemp("charts") / "home")
    for code in (LOGGED, MODELS):
        folder = tmp_path_factory.mktemp("script")
        (folder / "train.py").write_text(code)
        environ = {
            "OUTRIDER_HOME": str(made.path),
            "OUTRIDER_AGENT_AUTOSTART": "0",
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{ROOT / 'handler'}:{ROOT / 'agent'}",
        }
        subprocess.run([sys.executable, "train.py"], cwd=folder, env=environ, timeout=PATIENCE_S, check=True)
    made.start(OUTRIDER_PORTAL_PORT="0")
    made.flush()
    yield made
    made.stop()


def run_id(portal, name):
    return next(run["run_id"] for run in portal.home.json("runs") if run["name"] == name)


def card(title):
    return f"article[aria-label='{title}']"


def drawn(seen, count=1):
    seen.wait("count => document.querySelectorAll('.plot canvas').length >= count", count)


def downloaded(page, title, item):
    """The bytes of what a chart's menu gives."""
    page.click(f"{card(title)} summary")
    with page.expect_download() as download:
        page.click(f"{card(title)} .menu button:has-text('{item}')")
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_each_kind_of_value_has_its_chart(portal, window):
    """A list, a name again, rows and a table of two columns: a line; another table: a table; a number: a tile; texts: a list; images."""
    seen = window(width=1440)
    page = seen.open(f"/runs/{run_id(portal, 'first')}?tab=metrics")
    drawn(seen, 5)
    for title in ("fibonacci", "again", "loss", "Cosine wave: cos over angle", "Sine wave: sin over angle"):
        assert page.locator(f"{card(title)} canvas").count() == 1, title
    assert page.get_attribute(f"{card('fibonacci')} .plot", "aria-label").startswith("fibonacci: 8 points, last 13, least 0, most 13")
    page.hover(f"{card('Cosine wave: cos over angle')} .u-over", position={"x": 3, "y": 40})
    seen.wait("document.querySelector('.main, main').innerText.includes('angle 0')")
    assert page.inner_text(f"{card('people')} tbody").split() == ["Ann", "31", "Oslo", "Bo", "42", "Bonn"]
    assert page.locator(f"{card('people')} canvas").count() == 0
    assert page.inner_text(".tile:has-text('accuracy') p") == "0.9731"
    assert page.inner_text("tr:has-text('phase') .values").split("\n") == ["warm up", "done"]
    assert "3 not a number, the first at step 9" in page.inner_text(card("loss"))
    assert ": NaN, +∞" in page.inner_text(card("loss"))
    seen.shot("charts-every-kind")
    page = seen.open(f"/runs/{run_id(portal, 'first')}?tab=images")
    seen.wait("[...document.querySelectorAll('.picture img')].some(img => img.complete && img.naturalWidth === 60)")
    assert "3 of 3 pictures" in page.inner_text(".picture")
    before = page.get_attribute(".picture img", "src")
    page.fill(".picture input[type=range]", "0")
    seen.wait("before => document.querySelector('.picture img').getAttribute('src') !== before", before)


def test_a_chart_is_zoomed_by_a_box_pinned_and_all_of_it_is_in_the_address(portal, window):
    """Shift and a drag zoom both ways; a click pins every chart; smoothing, scales and zoom come back with the link."""
    seen = window()
    page = seen.open(f"/runs/{run_id(portal, 'first')}?tab=metrics")
    drawn(seen, 3)
    box = page.locator(f"{card('loss')} .u-over").bounding_box()
    left, top, wide, high = box["x"], box["y"], box["width"], box["height"]
    page.keyboard.down("Shift")
    page.mouse.move(left + wide * 0.2, top + high * 0.3)
    page.mouse.down()
    page.mouse.move(left + wide * 0.6, top + high * 0.7, steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")
    seen.wait("/#x=[5-7]\\d\\d/.test(location.hash) && location.hash.includes('y=loss:')")
    page.fill("input[aria-label=Smoothing]", "0.9")
    page.click("button:text('log y')")
    seen.wait("location.hash.includes('smooth=0.9') && location.hash.includes('log=1')")
    box = page.locator(f"{card('loss')} .u-over").bounding_box()  # the toolbar may have become higher
    left, top, wide, high = box["x"], box["y"], box["width"], box["height"]
    page.mouse.click(left + wide * 0.5, top + high * 0.5)
    seen.wait("location.hash.includes('smooth=0.9') && location.hash.includes('log=1') && /pin=1\\d\\d\\d/.test(location.hash)")
    seen.wait("document.body.innerText.includes('Unpin')")
    assert "values of 0 and below have no place on a log scale" in page.inner_text(card("loss"))
    link = page.url
    again = window()
    page = again.open(link.removeprefix(portal.url))
    drawn(again, 3)
    assert page.input_value("input[aria-label=Smoothing]") == "0.9"
    assert page.get_attribute("button:text('log y')", "aria-pressed") == "true"
    again.wait("document.querySelector('article[aria-label=loss] .readout').innerText.includes('step 1')")
    again.shot("charts-zoomed")
    page.click("button:text('Whole range')")
    again.wait("!location.hash.includes('x=') && !location.hash.includes('y=')")
    page.dblclick(f"{card('loss')} .u-over")


def test_a_chart_is_read_by_keys_and_as_a_table(portal, window):
    """Arrows move the crosshair and the value is told; the table has the same numbers."""
    seen = window()
    page = seen.open(f"/runs/{run_id(portal, 'first')}?tab=metrics")
    drawn(seen, 3)
    page.focus(f"{card('fibonacci')} .plot")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    seen.wait("[...document.querySelectorAll('.readout')].some(one => one.innerText === 'step 2 1')")
    assert page.get_attribute(f"{card('fibonacci')} .readout", "aria-live") == "polite"
    page.click(f"{card('fibonacci')} summary")
    page.click(f"{card('fibonacci')} .menu button:has-text('Show as table')")
    assert page.inner_text(f"{card('fibonacci')} tbody").split()[-4:] == ["7", "13", "13", "13"]


def test_a_chart_is_a_picture_a_drawing_and_numbers(portal, window):
    """From its menu."""
    seen = window()
    page = seen.open(f"/runs/{run_id(portal, 'first')}?tab=metrics")
    drawn(seen, 3)
    name, picture = downloaded(page, "again", "PNG")
    assert (name, picture[:4]) == ("again.png", b"\x89PNG")
    name, drawing = downloaded(page, "again", "SVG")
    assert name == "again.svg"
    assert drawing.startswith(b"<svg xmlns")
    assert b'<path d="M' in drawing
    kept("again.svg").write_bytes(drawing)
    name, numbers = downloaded(page, "again", "CSV")
    rows = list(csv.DictReader(numbers.decode().splitlines()))
    assert (name, len(rows), rows[0]["value"], rows[0]["step"]) == ("again.csv", 30, "0", "0")


def document(portal, run, name):
    """A chart's document as it was logged."""
    found = next(one for one in portal.api(f"/runs/{run}")["figures"] if one["name"] == name)
    return portal.ask(found["url"]).json()


CURVES = {
    "ROC": (charts.roc_curve, "false_positive_rate", "true_positive_rate"),
    "Precision-recall": (charts.precision_recall_curve, "recall", "precision"),
    "Cumulative gains": (charts.cumulative_gains_curve, "share", "gain"),
    "Lift": (charts.lift_curve, "share", "lift"),
}


def test_the_curves_are_those_of_the_accuracy_table(portal, window):
    """What is drawn, as numbers, is what outrider.sklearn makes of the same document: macro, micro and every class."""
    run = run_id(portal, "strong")
    table = document(portal, run, "accuracy_table")
    page = window(width=1440).open(f"/runs/{run}?tab=charts")
    page.wait_for_selector(card("ROC"))
    for title, (curve, x, y) in CURVES.items():
        rows = list(csv.reader(downloaded(page, title, "CSV")[1].decode().splitlines()))[1:]
        for line, given in [("macro average", {"average": "macro"}), ("micro average", {"average": "micro"}), ("bee", {"label": "bee"})]:
            found = curve(table, **given)
            drawn_there = [tuple(map(float, row[3:])) for row in rows if row[1] == line]
            assert drawn_there == [pytest.approx(pair) for pair in zip(found[x], found[y], strict=True)], (title, line)


def point(page, title, at):
    """Clicks in a curve's chart, at that place of its axis from 0 to 1."""
    drawing = page.locator(f"{card(title)} .drawing svg")
    size = drawing.bounding_box()
    drawing.click(position={"x": size["width"] * (48 + 380 * at) / 440, "y": size["height"] * 0.4})


@pytest.mark.parametrize("dark", [False, True])
def test_a_models_charts_share_a_threshold_and_a_cut_off(portal, window, dark):
    """Moved in one, it is moved in all; counts or percent; each says itself in words."""
    seen = window(width=1440, dark=dark)
    page = seen.open(f"/runs/{run_id(portal, 'strong')}?tab=charts")
    page.wait_for_selector(card("Feature importance"))
    titles = [
        "Confusion matrix",
        "Precision-recall",
        "ROC",
        "Calibration",
        "Lift",
        "Cumulative gains",
        "Predicted against true",
        "Residuals",
    ]
    for title in titles:
        assert page.locator(f"{card(title)} .drawing svg").count() == 1, title
    assert page.locator(f"{card('ROC')} path.line").count() == 5, "macro, micro and three classes"
    assert page.locator(f"{card('Confusion matrix')} circle.correct").count() == 3
    assert "of 300 samples are right" in page.inner_text(f"{card('Confusion matrix')} .said")
    assert "mean" in page.inner_text(f"{card('Residuals')} .said")
    seen.shot(f"charts-models-{'dark' if dark else 'light'}")
    page.click("button:text('Percent')")
    assert "%" in page.text_content(f"{card('Confusion matrix')} svg")
    point(page, "Calibration", 0.8)
    for title in ("ROC", "Precision-recall"):
        assert "At threshold 0.8 " in page.inner_text(f"{card(title)} .said")
    point(page, "Cumulative gains", 0.4)
    for title in ("Lift", "Cumulative gains"):
        assert "At 40 % of the samples" in page.inner_text(f"{card(title)} .said")
    assert "threshold=0.8" in page.url
    assert "cutoff=0.4" in page.url
    page.select_option("select[aria-label='Which predictions']", label="bee at the threshold")
    assert "not bee" in page.text_content(f"{card('Confusion matrix')} svg")


def test_a_question_mark_shows_a_poor_and_an_ideal_example(portal, window):
    """Drawn by the same code, with a sentence on how to read it."""
    seen = window(width=1440)
    page = seen.open(f"/runs/{run_id(portal, 'strong')}?tab=charts")
    page.wait_for_selector(card("Feature importance"))
    buttons = page.locator("button.ask")
    assert buttons.count() == 9
    for place in range(9):
        buttons.nth(place).click()
    assert page.locator(".examples figure svg").count() == 18
    assert page.locator(".examples figcaption").count() == 18
    assert "y = x" in page.inner_text(f"{card('Calibration')} .examples")
    seen.shot("charts-examples")


def test_iterations_lie_over_one_another(portal, window):
    """A parent's candidates in the same charts: which, is chosen, and in the address."""
    seen = window(width=1440)
    page = seen.open(f"/runs/{run_id(portal, 'parent')}?tab=charts")
    page.wait_for_selector(card("Feature importance"))
    assert page.locator(f"{card('Confusion matrix')} .matrices svg").count() == 2
    assert page.locator(f"{card('Predicted against true')} path.line.average").count() == 2
    assert page.locator(f"{card('ROC')} path.line").count() == 10
    seen.shot("charts-iterations")
    page.click(".iterations label:has-text('weak')")
    seen.wait("document.querySelectorAll('.matrices svg').length === 1 && location.hash.startsWith('#with=')")


def test_runs_are_compared_in_one_chart_and_their_images_side_by_side(portal, window):
    """A line a run, a legend that hides one, what the pointer reads of all; one slider moves the pictures of both."""
    seen = window(width=1440)
    runs = "&".join(f"run={run_id(portal, name)}" for name in ("first", "second"))
    page = seen.open(f"/compare?{runs}&tab=charts")
    page.wait_for_selector(f"{card('loss')} canvas")
    seen.wait("document.querySelector('article[aria-label=loss] footer').innerText.startsWith('2 lines · 6,000 points')")
    page.hover(f"{card('loss')} .u-over", position={"x": 200, "y": 60})
    page.wait_for_selector(f"{card('loss')} .tip tr >> nth=1")
    assert sorted(page.inner_text(f"{card('loss')} .tip").split()[::2]) == ["first", "second"]
    assert page.locator(f"{card('fibonacci')} .tip").count() == 0, "its eight steps are not where the pointer is"
    assert page.locator(f"{card('Cosine wave: cos over angle')} .legend li").count() == 2
    assert page.inner_text(".tile:has-text('accuracy')").split() == ["accuracy", "first", "0.9731", "second", "0.9731"]
    seen.shot("charts-compared")
    page.click(f"{card('loss')} .legend button:has-text('second')")
    seen.wait("document.querySelector('article[aria-label=loss] footer').innerText.startsWith('3,000 points')")
    page = seen.open(f"/compare?{runs}&tab=images")
    page.wait_for_selector(".gallery.beside img >> nth=1")
    before = [image.get_attribute("src") for image in page.locator(".gallery.beside img").all()]
    page.fill("section[aria-label=picture] input[type=range]", "0")
    seen.wait(
        "before => [...document.querySelectorAll('.gallery.beside img')].every((img, place) => !img.src.endsWith(before[place]))", before
    )
    seen.shot("images-compared")
    page = seen.open(f"/compare?{runs}&tab=logs")
    page.wait_for_selector(".logs-beside p:text('Nothing was logged or printed.') >> nth=1")


def test_broken_chart_data_says_what_is_wrong_with_it(portal, window):
    """And whoever wrote it scripts nothing."""
    seen = window()
    page = seen.open(f"/runs/{run_id(portal, 'broken')}?tab=charts")
    page.wait_for_selector(".broken >> nth=2")
    text = page.inner_text(".model-charts")
    assert "ragged cannot be drawn as confusion matrix: data.matrix[1] has 1 entries, not 2" in text
    assert "few cannot be drawn as residuals: data.bin_counts has 1 entries, not 2" in text
    assert "whoever made it says: <b>no score</b>" in text
    assert page.locator(".broken b b").count() == 0


@pytest.mark.parametrize("name", ["first", "strong"])
def test_charts_fit_a_phone(portal, window, name):
    """360 pixels wide, nothing scrolls sideways."""
    seen = window(width=360, height=740)
    page = seen.open(f"/runs/{run_id(portal, name)}?tab={'charts' if name == 'strong' else 'metrics'}")
    page.wait_for_selector(card("Feature importance") if name == "strong" else card("people"))
    assert not seen.is_too_wide()
    seen.shot(f"phone-charts-{name}")


@pytest.mark.parametrize("name", ["first", "strong"])
def test_an_exported_page_opens_from_a_file_without_a_network(portal, browser, tmp_path, name):
    """The same charts, from file://, offline; it asks nobody for anything."""
    path = tmp_path / "run.html"
    code, said = portal.home.run("export", run_id(portal, name), "--html", "-o", str(path))[:2]
    assert code == 0, said
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page, wrong, asked = context.new_page(), [], []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url[:40]))
    page.goto(path.as_uri())
    if name == "first":
        page.wait_for_selector(f"{card('loss')} canvas")
        page.wait_for_selector(f"{card('people')} tbody")
        assert "3 not a number, the first at step 900" in page.inner_text(card("loss"))
        assert page.evaluate("[...document.querySelectorAll('.picture img')].map(img => img.src.slice(0, 15))") == ["data:image/png;"]
        page.click("button:text('log y')")
    else:
        page.wait_for_selector(card("Feature importance"))
        assert page.locator(f"{card('ROC')} path.line").count() == 5
    page.screenshot(path=kept(f"exported-{name}.png"), full_page=True)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert wrong == []
    context.close()
    still = browser.new_context(java_script_enabled=False)
    page = still.new_page()
    page.goto(path.as_uri())
    assert ("loss" if name == "first" else "AUC_macro") in page.inner_text("main")
    still.close()


def test_all_scripts_and_styles_together_are_light(portal, window):
    """At most 120 kB for everything that charts load, as sent."""
    seen = window()
    page = seen.open(f"/runs/{run_id(portal, 'strong')}?tab=charts")
    page.wait_for_selector(card("Feature importance"))
    static = {url for url in seen.asked if "/static/" in url}
    assert sum(len(portal.ask(url.removeprefix(portal.url), Accept_Encoding="gzip").body) for url in static) <= 120_000
