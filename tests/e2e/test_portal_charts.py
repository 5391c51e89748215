"""Charts in a real browser over real runs: every kind of value, images, zoom and pins, files of them, exported pages."""

from __future__ import annotations

import csv
import re
from datetime import datetime

import pytest
from browsing_rig import kept, profile
from chart_rig import HARD, LOGGED, MODELS, card, downloaded, run_id, tracked


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """Two runs that log everything, a search with two candidates, and a run of numbers that are hard to draw."""
    with tracked(tmp_path_factory, LOGGED, MODELS, HARD) as made:
        yield made


def drawn(seen, count=1):
    seen.wait("count => document.querySelectorAll('.plot canvas').length >= count", count)


def test_each_kind_of_value_has_its_chart(portal, window):
    """A list, a name again, rows and a table of two columns: a line; another table: a table; a number: a tile; texts: a list; images."""
    seen = window(width=1440)
    page = seen.open(f"/runs/{run_id(portal, 'first')}?tab=metrics")
    drawn(seen, 5)
    for title in ("fibonacci", "again", "loss", "Cosine wave: cos over angle", "Sine wave: sin over angle"):
        page.wait_for_selector(f"{card(title)} canvas")
    assert page.get_attribute(f"{card('fibonacci')} .plot", "aria-label").startswith("fibonacci: 8 points, last 13, least 0, most 13")
    seen.point(f"{card('Cosine wave: cos over angle')} .u-over", 0.01, "document.querySelector('main').innerText.includes('angle 0')")
    assert page.inner_text(f"{card('people')} tbody").split() == ["Ann", "31", "Oslo", "Bo", "42", "Bonn"]
    assert page.locator(f"{card('people')} canvas").count() == 0
    assert page.inner_text(".tile:has-text('accuracy') p") == "0.9731"
    assert page.inner_text("tr:has-text('phase') .values").split("\n") == ["warm up", "done"]
    assert page.inner_text("tr:has-text('words')").endswith("to its end")
    assert page.inner_text(f"{card('numbered')} thead").split() == ["name", "10", "2"], "in the order logged"
    assert page.inner_text(f"{card('numbered')} tbody").split() == ["a", "0.1", "5", "b", "0.2", "6"]
    page.locator(card("numbered line: 3 over 7")).wait_for()
    assert "3 not a number, the first at step 900: NaN" in page.inner_text(card("loss"))
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
    plot = f"{card('loss')} .u-over"
    page.keyboard.down("Shift")
    seen.drag(plot, (0.2, 0.3), (0.6, 0.7), "/#x=[5-7]\\d\\d/.test(location.hash) && location.hash.includes('y=loss:')")
    page.keyboard.up("Shift")
    page.fill("input[aria-label=Smoothing]", "0.9")
    page.click("button:text('log y')")
    seen.wait("location.hash.includes('smooth=0.9') && location.hash.includes('log=1')")
    page.locator(card("loss"), has_text="values of 0 and below have no place on a log scale").wait_for()  # it is drawn anew
    pinned = "location.hash.includes('smooth=0.9') && location.hash.includes('log=1') && /pin=1\\d\\d\\d/.test(location.hash)"
    seen.drag(plot, (0.5, 0.5), (0.5, 0.5), pinned)  # a click
    seen.wait("document.body.innerText.includes('Unpin')")
    link = page.url
    again = window()
    page = again.open(link.removeprefix(portal.url))
    drawn(again, 3)
    assert page.input_value("input[aria-label=Smoothing]") == "0.9"
    assert page.get_attribute("button:text('log y')", "aria-pressed") == "true"
    again.wait("document.querySelector('article[aria-label=loss] .readout').innerText.includes('step 1')")
    assert page.eval_on_selector(f"{card('loss')} h3", "one => one.scrollWidth <= one.clientWidth"), "its name stays while it is read"
    again.shot("charts-zoomed")
    page.click("button:text('Whole range')")
    again.wait("!location.hash.includes('x=') && !location.hash.includes('y=')")
    page.dblclick(f"{card('loss')} .u-over")


def dragged(seen, title):
    """Zooms into the middle of a chart."""
    seen.drag(f"{card(title)} .u-over", (0.4, 0.3), (0.6, 0.3), "/[#?&](x|own)=/.test(location.href)")


def test_whatever_is_opened_typed_and_zoomed_comes_back_with_the_link(portal, window):
    """A metric that is looked for, a table's zoom, values of a text, a model's table and how to read it; the way back zooms out."""
    title = "Cosine wave: cos over angle"
    seen = window()
    page = seen.open(f"/runs/{run_id(portal, 'first')}?tab=metrics")
    page.wait_for_selector(f"{card(title)} .u-over")
    page.locator(card(title)).scroll_into_view_if_needed()
    dragged(seen, title)
    page.click("tr:has-text('phase') button")
    page.locator("tr:has-text('phase') .values").wait_for(state="detached")
    page.fill("input[aria-label='Find a metric']", "os")
    page.locator(card("fibonacci")).wait_for(state="detached")
    again = window().open(page.url.removeprefix(portal.url))
    again.wait_for_selector(f"{card(title)} canvas")
    assert again.input_value("input[aria-label='Find a metric']") == "os"
    assert again.locator(card("fibonacci")).count() == 0
    assert texts(downloaded(again, title, "SVG")[1]) == texts(downloaded(page, title, "SVG")[1])
    again.fill("input[aria-label='Find a metric']", "")
    again.locator("tr:has-text('phase') button").wait_for()
    assert again.locator("tr:has-text('phase') .values").count() == 0
    page = window(width=1440).open(f"/runs/{run_id(portal, 'strong')}?tab=charts")
    page.wait_for_selector(card("Feature importance"))
    page.click(f"{card('ROC')} button.ask")
    page.click(f"{card('Lift')} summary")
    page.click(f"{card('Lift')} .menu button:has-text('Show as table')")
    again = window(width=1440).open(page.url.removeprefix(portal.url))
    again.wait_for_selector(f"{card('ROC')} .examples")
    again.wait_for_selector(f"{card('Lift')} table.cells")
    runs = "&".join(f"run={run_id(portal, name)}" for name in ("first", "second"))
    seen = window()
    page = seen.open(f"/compare?{runs}&tab=charts")
    page.wait_for_selector(f"{card('loss')} .u-over")
    dragged(seen, "loss")
    page.locator("button:text('Whole range')").wait_for()
    while "x=" in page.url:  # it may have been dragged twice
        page.go_back()
    page.locator("button:text('Whole range')").wait_for(state="detached")


def test_what_a_chart_leaves_out_or_rounds_is_told(portal, window):
    """Rows without a place along the axis; steps that a browser has no number for, in its files too."""
    page = window().open(f"/runs/{run_id(portal, 'extremes')}?tab=metrics")
    page.locator(card("holes: found over at")).scroll_into_view_if_needed()
    page.locator(f"{card('holes: found over at')} footer", has_text="2 rows without a number for at are not drawn").wait_for()
    page.locator(card("late steps")).scroll_into_view_if_needed()
    page.locator(f"{card('late steps')} footer", has_text="steps beyond 2^53 are rounded here").wait_for()
    assert "rounded" not in page.inner_text(f"{card('huge')} footer")
    head = downloaded(page, "late steps", "CSV")[1].decode().splitlines()[0]
    assert head == "line,step_rounded,value,min,max,not_a_number"


def test_a_zoom_along_the_time_axis_reads_finer_buckets(portal, window):
    """As one along steps does: what lies within it, and no more."""
    seen = window()
    page = seen.open(f"/runs/{run_id(portal, 'first')}?tab=metrics#axis=time")
    page.wait_for_selector(f"{card('loss')} .u-over")
    dragged(seen, "loss")
    asked = seen.wait_asked("name=loss", "from_age=")
    low, high = (float(re.search(rf"{name}=([0-9.]+)", asked[0])[1]) for name in ("from_age", "to_age"))
    found = portal.ask(asked[0].removeprefix(portal.url).replace("f64", "json")).json()
    started = datetime.fromisoformat(portal.api(f"/runs/{run_id(portal, 'first')}")["started"]).timestamp() // 0.001
    low, high = started + low, started + high
    times = portal.api(f"/runs/{run_id(portal, 'first')}/points?name=loss")["times"]
    # Milliseconds in a float are exact to a quarter of a microsecond: what lies that near to a bound may be in or out.
    least, most = (sum(low - slack <= at <= high + slack for at in times) for slack in (-0.001, 0.001))
    assert least <= sum(found["count"]) <= most
    assert all(low - 0.001 <= at <= high + 0.001 for at in (*found["time_min"], *found["time_max"]))


def test_a_run_that_logs_its_epochs_has_an_axis_of_them(portal, window):
    """Each point stands at the epoch that was told at its step, in proportion between two that were."""
    seen = window()
    page = seen.open(f"/runs/{run_id(portal, 'first')}?tab=metrics")
    drawn(seen, 3)
    page.click("button:text-is('Epoch')")
    page.focus(f"{card('loss')} .plot")
    page.keyboard.press("ArrowLeft")
    seen.wait("document.querySelector('article[aria-label=loss] .readout').innerText.startsWith('epoch 29.99 ')")
    assert "axis=epoch" in page.url
    assert "the epoch of none of these points is known" in page.inner_text(card("again")), "it was logged without steps"
    page = seen.open(f"/runs/{run_id(portal, 'strong')}?tab=metrics")
    page.wait_for_selector(".tile")
    assert page.locator("button:text-is('Epoch')").count() == 0


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


def texts(drawing):
    """What is written in an SVG."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawing.decode())


@pytest.mark.parametrize(("view", "huge", "widest"), [("", "1e300", "-1e308"), ("#log=1&logx=1&smooth=0.99", "2e300", None)])
def test_numbers_of_any_size_have_an_axis_with_ticks(portal, window, view, huge, widest):
    """From 1e-300 to 1.7e308, steps up to 2^63, below 0, a single one, on both scales: nothing breaks, and the axis tells their size."""
    seen = window(width=1440, height=2200)
    page = seen.open(f"/runs/{run_id(portal, 'extremes')}?tab=metrics{view}")
    drawn(seen, 10)
    assert huge in texts(downloaded(page, "huge", "SVG")[1])
    assert re.search(r"\de-(299|300) ", " ".join(texts(downloaded(page, "tiny", "SVG")[1])))
    assert re.search(r"\de18 ", " ".join(texts(downloaded(page, "long steps", "SVG")[1])))
    if widest:
        assert widest in texts(downloaded(page, "widest", "SVG")[1])
        places = re.findall(rb'<circle cx="([^"]+)"', downloaded(page, "late steps", "SVG")[1])
        assert len(places) == 40
        assert len(set(places)) <= 2, "steps that a float does not tell apart"
    seen.shot(f"charts-extremes{'-log' if view else ''}")


def test_a_zoom_between_late_steps_comes_back_with_the_link(portal, window):
    """Its ends are told in as many digits as tell them apart."""
    seen = window(width=1440, height=2200)
    page = seen.open(f"/runs/{run_id(portal, 'extremes')}?tab=metrics#x=10000001.5..10000008")
    drawn(seen, 9)
    page.click("button:text('log y')")
    seen.wait("location.hash.includes('log=1')")
    assert "x=10000001.5..10000008" in page.url


def test_a_saved_drawing_has_all_that_is_on_the_screen(portal, window):
    """Dots, marks, bands and what is smoothed; of several lines which is which."""
    seen = window(width=1440)
    page = seen.open(f"/runs/{run_id(portal, 'extremes')}?tab=metrics")
    page.locator(card("odd: y over x")).scroll_into_view_if_needed()
    page.wait_for_selector(f"{card('odd: y over x')} canvas")
    drawing = downloaded(page, "odd: y over x", "SVG")[1].decode()
    assert drawing.count("<circle") == 2
    assert len(re.findall(r'<path d="M[^"]*z" fill="#', drawing)) == 3, "NaN, and both infinities"
    runs = "&".join(f"run={run_id(portal, name)}" for name in ("first", "second"))
    page = seen.open(f"/compare?{runs}&tab=charts#smooth=0.9")
    page.wait_for_selector(f"{card('loss')} canvas")
    name, drawing = downloaded(page, "loss", "SVG")
    assert drawing.count(b"fill-opacity") == 2, "bands"
    assert drawing.count(b"stroke-opacity") == 2, "the values as they are"
    assert texts(drawing)[-2:] == ["first", "second"]
    kept(name).write_bytes(drawing)
    name, picture = downloaded(page, "loss", "PNG")
    kept(f"compared-{name}").write_bytes(picture)


def test_runs_are_compared_in_one_chart_and_their_images_side_by_side(portal, window):
    """A line a run, a legend that hides one, what the pointer reads of all; one slider moves the pictures of both."""
    seen = window(width=1440)
    runs = "&".join(f"run={run_id(portal, name)}" for name in ("first", "second"))
    page = seen.open(f"/compare?{runs}&tab=charts")
    page.wait_for_selector(f"{card('loss')} canvas")
    seen.wait("document.querySelector('article[aria-label=loss] footer').innerText.startsWith('2 lines · 6,000 points')")
    seen.point(f"{card('loss')} .u-over", 0.5, "document.querySelectorAll('article[aria-label=loss] .tip tr').length > 1")
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
    context = profile(browser, viewport={"width": 1280, "height": 900}, offline=True)
    page, wrong, asked = context.new_page(), [], []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url[:40]))
    page.goto(path.as_uri())
    if name == "first":
        page.wait_for_selector(f"{card('loss')} canvas")
        page.wait_for_selector(f"{card('people')} tbody")
        page.locator(card("loss"), has_text="3 not a number, the first at step 900: NaN, +∞").wait_for()  # each is looked up
        assert " best " in page.inner_text(f"{card('loss')} .readout")
        assert page.evaluate("[...document.querySelectorAll('.picture img')].map(img => img.src.slice(0, 15))") == ["data:image/png;"]
        page.click("button:text('log y')")
    else:
        page.wait_for_selector(card("Feature importance"))
        assert page.locator(f"{card('ROC')} path.line").count() == 5
    page.screenshot(path=kept(f"exported-{name}.png"), full_page=True)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert wrong == []
    context.close()
    still = profile(browser, java_script_enabled=False)
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
