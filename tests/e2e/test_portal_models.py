"""Charts of models in a real browser over a real search: each kind, one threshold for all, examples, iterations, broken data."""

from __future__ import annotations

import csv
import re

import pytest
from browsing_rig import kept
from chart_rig import MODELS, card, downloaded, run_id, tracked
from test_portal_axe import RULES, RUN, source

import outrider.sklearn as charts


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A search with two candidates, ten classes, a run whose charts are broken."""
    with tracked(tmp_path_factory, MODELS) as made:
        yield made


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


def test_the_area_that_is_told_is_that_of_the_scores(portal, window):
    """Of a model that is sure of itself, too: its scores are near 0 and 1, and hardly one lies between evenly spaced thresholds."""
    run = run_id(portal, "strong")
    exact = next(one["last"] for one in portal.api(f"/runs/{run}/metrics") if one["name"] == "AUC_macro")
    page = window(width=1440).open(f"/runs/{run}?tab=charts")
    page.wait_for_selector(card("ROC"))
    words = page.inner_text(f"{card('ROC')} .said")
    assert float(re.search(r"macro .*?area about ([0-9.]+)", words)[1].rstrip(".")) == pytest.approx(exact, abs=2e-3)


#: Texts of a drawing that lie over one another, or that its edge cuts off. A box has some room around its letters.
LAID = """drawing => {
    const {width, height} = drawing.viewBox.baseVal;
    const texts = [...drawing.querySelectorAll('text:not([transform])')].map(one => ({words: one.textContent, box: one.getBBox()}));
    const cut = texts.filter(({box}) => box.x < 0 || box.x + box.width > width || box.y + box.height > height + 2);
    const meets = (one, other) => Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x) > 2 &&
        Math.min(one.y + one.height, other.y + other.height) - Math.max(one.y, other.y) > 5;
    const over = texts.flatMap((one, at) => texts.slice(at + 1).filter(other => meets(one.box, other.box))
        .map(other => `${one.words} over ${other.words}`));
    return [...cut.map(({words}) => `${words} is cut`), ...over];
}"""


def test_no_number_of_a_confusion_matrix_is_hidden_by_a_circle(portal, window):
    """It stands on a circle that is wider, or beside it."""
    page = window(width=1440).open(f"/runs/{run_id(portal, 'ten classes')}?tab=charts")
    page.wait_for_selector(f"{card('Confusion matrix')} circle.incorrect")
    hidden = """cells => cells.flatMap(cell => {
        const [circle, text] = [cell.querySelector('circle'), cell.querySelector('text')].map(one => one?.getBBox());
        if (!circle || !text) return [];
        const isOn = circle.x <= text.x && text.x + text.width <= circle.x + circle.width;
        const isBelow = text.y + 3 >= circle.y + circle.height;  // a digit is lower than its box
        return isOn || isBelow ? [] : [`${cell.querySelector('text').textContent} at ${text.x}, ${text.y}`];
    })"""
    assert page.eval_on_selector_all(f"{card('Confusion matrix')} svg g", hidden) == []
    assert page.locator(f"{card('Confusion matrix')} text:text-is('number 7')").count() == 2, "labels of both sides"
    page.click("button:text('Percent')")
    page.wait_for_selector(f"{card('Confusion matrix')} text:has-text('%')")
    assert page.eval_on_selector(f"{card('Confusion matrix')} .matrices svg", LAID) == []


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
    seen.wait("document.querySelectorAll('.examples figure svg').length === 18")
    assert page.locator(".examples figcaption").count() == 18
    assert "y = x" in page.inner_text(f"{card('Calibration')} .examples")
    seen.shot("charts-examples")


def test_iterations_lie_over_one_another(portal, window):
    """A parent's candidates in the same charts: which, is chosen, and in the address."""
    seen = window(width=1440)
    page = seen.open(f"/runs/{run_id(portal, 'parent')}?tab=charts")
    page.wait_for_selector(card("Feature importance"))
    assert page.get_attribute("[role=tab]:has-text('Charts')", "class") == "", "its tab is not grey as one that is empty"
    assert page.locator(f"{card('Confusion matrix')} .matrices svg").count() == 2
    assert page.locator(f"{card('Predicted against true')} path.line.average").count() == 2
    assert page.locator(f"{card('ROC')} path.line").count() == 10
    seen.shot("charts-iterations")
    page.click(".iterations label:has-text('weak')")
    seen.wait("document.querySelectorAll('.matrices svg').length === 1 && location.hash.startsWith('#with=')")


LOOKS = """all => all.map(one => {
    const style = getComputedStyle(one);
    return [style.stroke, style.strokeDasharray, style.strokeWidth].join(" ");
})"""


def test_more_runs_than_colours_are_told_apart(portal, window):
    """No two lines look alike; the legend shows each as it is drawn; one that is pointed at stands out and says which it is."""
    runs = "&".join(f"run={run_id(portal, f'candidate {number}')}" for number in range(10))
    seen = window(width=1440)
    page = seen.open(f"/compare?{runs}&tab=charts")
    page.locator(f"{card('ROC')} path.line").nth(19).wait_for(state="attached")
    looks = page.eval_on_selector_all(f"{card('ROC')} path.line", LOOKS)
    assert len(looks) == len(set(looks)) == 20, "macro and micro of ten runs"
    keys = page.eval_on_selector_all(".legend.bound .key", LOOKS.replace("stroke, style.strokeDasharray", "color, style.borderTopStyle"))
    assert len(set(keys)) == 10
    page.hover(".legend.bound li:has-text('candidate 9')")
    seen.wait("document.querySelectorAll('.model-charts .one:not(.far)').length === 2 * 5")
    page.hover("h1")
    seen.wait("document.querySelectorAll('.model-charts .far').length === 0")
    page.hover(".automl-tools .legend li:has-text('macro')")
    seen.wait("document.querySelectorAll('.model-charts .one:not(.far)').length === 10 * 5")
    page.hover("h1")
    seen.shot("charts-ten-runs")
    line = page.locator(f"{card('Cumulative gains')} .one").last
    line.scroll_into_view_if_needed()
    where = line.evaluate("""one => {
        const path = one.querySelector(".near"), at = path.getPointAtLength(path.getTotalLength() * 0.3), on = path.getScreenCTM();
        return [at.x * on.a + on.e, at.y * on.d + on.f];
    }""")
    page.mouse.move(*where)
    seen.wait("[...document.querySelectorAll('.who')].filter(one => getComputedStyle(one).display === 'block').length === 1")
    assert page.locator(".one:hover .who").text_content().startswith("candidate ")


def test_a_macro_curve_goes_one_way_and_its_area_is_told(portal, window):
    """Recall does not turn back along it; what is told of a threshold is had at that threshold."""
    run = run_id(portal, "strong")
    page = window(width=1440).open(f"/runs/{run}?tab=charts")
    page.wait_for_selector(card("Precision-recall"))
    rows = list(csv.reader(downloaded(page, "Precision-recall", "CSV")[1].decode().splitlines()))[1:]
    recalls = [float(row[3]) for row in rows if row[1] == "macro average"]
    assert recalls == sorted(recalls, reverse=True)
    assert {row[2] for row in rows if row[1] == "macro average"} == {""}, "each class has its own threshold there"
    words = page.inner_text(f"{card('Precision-recall')} .said")
    table = document(portal, run, "accuracy_table")["data"]
    place = max(at for at, threshold in enumerate(table["probability_thresholds"]) if threshold <= 0.5)
    points = [(tp / (tp + fn), tp / (tp + fp)) for tp, fp, _, fn in (rows[place] for rows in table["probability_tables"])]
    recall, precision = (sum(column) / len(column) for column in zip(*points, strict=True))
    told = re.search(r"macro ([0-9.]+) / ([0-9.]+),", words)
    assert [float(one) for one in told.groups()] == pytest.approx([recall, precision], abs=0.02)


def test_broken_chart_data_says_what_is_wrong_with_it(portal, window):
    """And whoever wrote it scripts nothing."""
    seen = window()
    page = seen.open(f"/runs/{run_id(portal, 'broken')}?tab=charts")
    page.wait_for_selector(".broken >> nth=3")
    text = page.inner_text(".model-charts")
    assert "ragged cannot be drawn as confusion matrix: data.matrix[1] has 1 entries, not 2" in text
    assert "few cannot be drawn as residuals: data.bin_counts has 1 entries, not 2" in text
    assert "whoever made it says: <b>no score</b>" in text
    assert 'nan cannot be drawn as accuracy table: data.probability_tables[0][0][2] is "NaN", not a number. It is kept' in text
    assert page.locator(".broken b b").count() == 0


def pressed(page):
    """The lines that are drawn, by their names in the legend."""
    return page.eval_on_selector_all(".legend button[aria-pressed=true]", "all => all.map(one => one.textContent)")


def test_classes_may_be_called_anything(portal, window):
    """Hostile, empty, one name twice, that of an average, long: each is a line of its own, on a phone too."""
    seen = window(width=360, height=740)
    page = seen.open(f"/runs/{run_id(portal, 'hostile')}?tab=charts")
    page.wait_for_selector(card("ROC"))
    assert not seen.is_too_wide()
    names = ["(empty)", "\\u202eevil", "dup", "dup (2)", "macro average (2)"]
    assert pressed(page)[3:8] == names
    widths = page.eval_on_selector_all(".automl-tools .legend .key", "all => all.map(one => one.getBoundingClientRect().width)")
    assert min(widths) > 10, "the sample of a line stays beside a long name"
    page.click(".legend bdi:text-is('dup')")
    assert page.locator(f"{card('ROC')} path.line").count() == 8
    seen.shot("charts-hostile-phone")
    page = window(width=1280).open(page.url.removeprefix(portal.url) + "&matrix=dup%20(2)")
    page.wait_for_selector(card("ROC"))
    assert page.locator(f"{card('ROC')} path.line").count() == 8, "which lines are drawn is in the address"
    assert "not dup (2)" in page.text_content(f"{card('Confusion matrix')} svg")


@pytest.mark.full  # a page of two hundred classes: five seconds
def test_two_hundred_classes_begin_with_the_averages(portal, window):
    """They are found by name, alone with Alt, and all of them on demand; an empty cell is nothing to point at."""
    seen = window(width=1440)
    page = seen.open(f"/runs/{run_id(portal, 'two hundred')}?tab=charts")
    page.wait_for_selector(card("ROC"))
    assert pressed(page) == ["macro average", "micro average"]
    assert page.locator(f"{card('Confusion matrix')} svg g").count() < 2001
    page.fill("input[aria-label='Find a class']", "class 19")
    assert page.locator(".legend button").count() == 11
    page.click(".legend bdi:text-is('class 199')")
    assert "lines=macro%20average,micro%20average,class%20199" in page.url
    page.click(".legend bdi:text-is('class 191')", modifiers=["Alt"])
    assert pressed(page) == ["class 191"]
    page.click("button:text-is('Averages')")
    assert "lines=" not in page.url
    seen.shot("charts-two-hundred")


def test_what_cannot_be_known_of_one_sample_is_not_drawn(portal, window):
    """A class without negatives has no ROC curve and no area; a gain is read off the line that is drawn; one true value has a place."""
    page = window(width=1440).open(f"/runs/{run_id(portal, 'one sample')}?tab=charts")
    page.wait_for_selector(card("Predicted against true"))
    assert "area about -" in page.inner_text(f"{card('ROC')} .said")
    drawn = page.eval_on_selector_all(f"{card('ROC')} path.line", "all => all.map(one => one.getAttribute('d') !== '')")
    assert drawn == [False, True, False, False], "only the micro average has both"
    assert "macro 0.2; micro 0.4" in page.inner_text(f"{card('Cumulative gains')} .said")
    assert float(page.get_attribute(f"{card('Predicted against true')} circle", "cx")) > 100


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.full)])
def test_a_models_chart_is_saved_as_it_is_seen(portal, window, dark):
    """All its drawings on their ground, with a title and which line is which; as picture, drawing and link."""
    seen = window(width=1440, dark=dark)
    page = seen.open(f"/runs/{run_id(portal, 'parent')}?tab=charts")
    page.wait_for_selector(card("Feature importance"))
    look = "dark" if dark else "light"
    for title, words in [("ROC", "weak: macro average"), ("Confusion matrix", "strong"), ("Feature importance", "weak")]:
        name, drawing = downloaded(page, title, "SVG")
        kept(f"{look}-{name}").write_bytes(drawing)
        text = drawing.decode()
        assert text.count(f">{words}<") >= 1
        assert f">{title}<" in text
        assert ('fill="#ffffff"' in text or 'fill="#fff"' in text) == (not dark)
        assert "class=" not in text
        name, picture = downloaded(page, title, "PNG")
        assert picture[:4] == b"\x89PNG"
        kept(f"{look}-{name}").write_bytes(picture)
    assert text.count("<rect") > 20
    assert page.locator(f"{card('ROC')} .menu button:has-text('Copy a link')").count() == 1


def test_two_runs_of_one_name_are_told_apart(portal, window):
    """By their numbers; and what is hidden of a chart is in the address."""
    found = [run["run_id"] for run in portal.home.json("runs") if run["name"] in ("weak", "strong")]
    for run in found:
        assert portal.ask(f"/api/v1/runs/{run}", "PATCH", body='{"name": "same"}', content_type="application/json").status == 200
    try:
        page = window(width=1440).open(f"/compare?run={found[0]}&run={found[1]}&tab=charts")
        page.wait_for_selector(card("ROC"))
        names = page.locator(".legend.bound a").all_inner_texts()
        assert len(set(names)) == 2
        assert all(name.startswith("same #") for name in names)
    finally:
        for run, name in zip(found, [("weak", "strong")[portal.api(f"/runs/{run}")["number"] != 2] for run in found], strict=True):
            portal.ask(f"/api/v1/runs/{run}", "PATCH", body=f'{{"name": "{name}"}}', content_type="application/json")


@pytest.mark.full  # ten seconds each: axe looks at every line of two hundred classes
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious_in_charts_of_models(portal, window, dark):
    """Lines that are not drawn, broken documents, a comparison, an open example and menu."""
    seen, axe, found = window(width=1280, dark=dark), source(), {}
    both = "&".join(f"run={run_id(portal, name)}" for name in ("weak", "strong"))
    for path in (
        f"/runs/{run_id(portal, 'two hundred')}?tab=charts",
        f"/runs/{run_id(portal, 'broken')}?tab=charts",
        f"/compare?{both}&tab=charts",
    ):
        page = seen.open(path)
        page.wait_for_selector(".model-charts > *")
        if "compare" in path:
            page.locator("button.ask").first.click()
            page.click(f"{card('ROC')} summary")
        page.evaluate(axe)
        if wrong := page.evaluate(RUN, RULES):
            found[path] = wrong
    assert found == {}
