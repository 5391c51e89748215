"""The pages in a real browser, over a real agent and real runs: what they show, that they are live, that no run can script them."""

from __future__ import annotations

import json

import pytest
from browsing_rig import kept, profile
from cli_home import ridge
from portal_rig import Portal

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[31m'

TRAINS = """
import logging, math, os, random, outrider
logging.basicConfig(level="INFO")
log = logging.getLogger("train")
random.seed(5)
os.makedirs("outputs", exist_ok=True)
open("outputs/model.bin", "wb").write(bytes(5000))
box = '<rect width="9" height="3" fill="teal"/><script>parent.document.title="pwned"</script>'
open("outputs/picture.svg", "w").write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 3">{box}</svg>')
script = 'document.title="pwned"; fetch("/api/v1/runs").then(r => r.text()).then(t => document.title = t)'
open("outputs/report.html", "w").write(f"<script>{script}</script><h1>hello</h1>")
run = outrider.start_run()
for name, value in {"lr": 3e-4, "batch": 64, "optimizer": "adamw"}.items():
    run.param(name, value)
run.tag("team", "vision")
for step in range(1500):
    loss = 2 * math.exp(-step / 300) + 0.2 + random.gauss(0, 0.03)
    run.log("train/loss", float("nan") if step in (400, 401) else loss, step=step)
    run.log("train/accuracy", 1 - math.exp(-step / 250) + random.gauss(0, 0.01), step=step)
    if step % 100 == 0:
        log.info("epoch %d done", step // 100, extra={"metrics": {"val_loss": loss * 1.1}, "step": step})
        print(f"\\x1b[32mepoch\\x1b[0m {step // 100}")
log.warning("the gradient was clipped")
open("outputs/table.csv", "w").write("epoch,loss,name\\n" + '0,0.5,"a, b"\\n' * 300)
run.log("phase", "done")
run.log_row("confusion", actual="cat", predicted="dog", count=3)
"""

EVIL_RUN = f"""
import logging, os, outrider
evil = {EVIL!r}
logging.basicConfig()
run = outrider.start_run()
run.log(evil, 1.5); run.log(evil, 2.5); run.log(evil + "text", evil)
run.param(evil, evil); run.tag(evil, evil); run.log_row(evil, **{{evil: evil}})
run.param("batch", "x" * 300)
for value in range(4): run.log("constructor", value); run.log("__proto__", value)
print(evil); print("</script><script>alert(3)</script>")
logging.error(evil)
logging.getLogger(evil).warning("</script>" + evil, extra={{"metrics": {{evil + "m": 1}}}})
os.makedirs("outputs", exist_ok=True)
open("outputs/" + evil.replace("/", "_") + ".txt", "w").write(evil)
raise ValueError(evil)
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """Runs that ended in several ways, and one that is hostile wherever it can be; everything captured."""
    made = Portal(tmp_path_factory.mktemp("portal") / "home")
    ridge(made.home)
    made.home.ingest()
    made.start(OUTRIDER_PORTAL_PORT="0")
    made.run(TRAINS, tmp_path_factory.mktemp("train"), experiment="vision", name="resnet")
    made.flush()
    made.run("print('hello')\nraise SystemExit(3)", tmp_path_factory.mktemp("fails"), experiment="vision")
    made.flush()
    made.run(EVIL_RUN, tmp_path_factory.mktemp("evil"), experiment=EVIL, name=EVIL)
    made.flush()
    yield made
    made.stop()


def run_of(portal, experiment, number=1):
    """The id of a run."""
    found = portal.home.json("runs", "--experiment", experiment)
    return next(run["run_id"] for run in found if run["number"] == number)


def drawn(seen, charts=3):
    """Waits until every chart has its points."""
    seen.wait("count => document.querySelectorAll('.plot canvas').length >= count", charts)


def test_one_finds_the_way_from_experiments_to_a_run_by_keys(portal, window):
    """j, k and Enter; nothing but the keyboard."""
    seen = window()
    page = seen.page
    assert page.url == f"{portal.url}/"
    assert "vision" in page.inner_text("main")
    while page.evaluate("document.querySelector('tr.chosen')?.innerText.startsWith('vision')") is not True:
        page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.inner_text("h1") == "vision"
    page.keyboard.press("/")
    page.keyboard.type("resnet")
    page.keyboard.press("Enter")
    seen.wait("document.querySelectorAll('tbody tr').length === 1")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    seen.wait("document.activeElement.matches('tr.chosen a.main')")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "resnet" in page.inner_text("h1")


def test_the_lists_show_how_runs_ended_and_their_metrics(portal, window):
    """Status with its reason, and of a metric the last and the best."""
    seen = window()
    seen.shot("experiments")
    page = seen.open("/runs?experiment=vision")
    text = page.inner_text("tbody")
    assert "exit 3" in text
    assert "best " in text
    assert "train/accuracy" in page.inner_text("thead")
    seen.shot("runs")
    page.click("thead a:has-text('train/loss')")
    seen.wait("location.search.includes('sort=metric%3Atrain%2Floss')")
    page.locator("th[aria-sort=descending]:has-text('train/loss')").wait_for()
    page.click(".chips a:has-text('Failed')")
    seen.wait("document.querySelectorAll('tbody tr').length === 1")
    page.go_back()
    seen.wait("document.querySelectorAll('tbody tr').length === 2")


@pytest.mark.parametrize("dark", [False, True])
def test_a_run_shows_its_metrics_its_log_and_its_files(portal, window, dark):
    """Each under its tab, the most important first."""
    seen = window(dark=dark, width=1440)
    page = seen.open(f"/runs/{run_of(portal, 'vision')}")
    assert "Completed" in page.inner_text("h1 + .pill")
    assert "1 warning, 0 errors" in page.inner_text(".happened")
    assert "train/loss" in page.inner_text(".keytiles")
    assert "WARNING the gradient was clipped" in page.inner_text(".log")
    assert "adamw" in page.inner_text("aside")
    seen.wait("document.querySelectorAll('.keytile .spark path').length === 3")
    seen.shot(f"run-{'dark' if dark else 'light'}")
    tab(page, "Metrics")
    drawn(seen)
    assert page.inner_text(".group summary").split() == ["train", "2"]
    assert "2 not a number" in page.inner_text(".chart:has(h3:text('train/loss'))")
    assert page.get_attribute(".chart:has(h3:text('train/accuracy')) .plot", "aria-label").startswith("train/accuracy: 1500 points, last ")
    assert "confusion" in page.inner_text("main")
    page.click("button:text('Table')")
    page.locator(".values tbody tr").nth(3).wait_for()
    assert page.locator(".values tbody tr").count() == 4
    page.click("button:text('Charts')")
    drawn(seen)
    seen.shot(f"run-metrics-{'dark' if dark else 'light'}")
    tab(page, "Logs")
    page.locator(".log .line", has_text="the gradient was clipped").wait_for()
    log = page.inner_text(".log")
    assert "epoch 14 done" in log
    assert log.count("epoch 3 done") == 1, "a record and its own print are one event"
    assert page.locator(".log .ansi-2").count() > 0
    seen.shot(f"run-logs-{'dark' if dark else 'light'}")


def tab(page, name):
    """Goes to a tab."""
    page.click(f"[role=tab]:has-text('{name}')")
    page.locator(f"[role=tab][aria-selected=true]:has-text('{name}')").wait_for()


def test_files_are_looked_into_and_downloaded(portal, window):
    """As text, as a table, as a picture; what is none of these is downloaded."""
    seen = window(width=1440)
    run = run_of(portal, "vision")
    page = seen.open(f"/runs/{run}?tab=files")
    page.click(".tree button:has-text('table.csv')")
    page.locator(".sheet td", has_text="a, b").first.wait_for()
    assert page.locator(".sheet th").all_inner_texts() == ["epoch", "loss", "name"]
    seen.shot("run-files")
    page.click(".tree button:has-text('report.html')")
    page.locator(".content", has_text="<h1>hello</h1>").wait_for()
    page.click(".tree button:has-text('picture.svg')")
    seen.wait("document.querySelector('.picture img')?.naturalWidth > 0")
    page.click(".tree button:has-text('model.bin')")
    page.locator(".looked", has_text="Not a text").wait_for()
    page.click(".tree button:has-text('stdout.txt')")
    page.locator(".content", has_text="epoch").wait_for()
    assert "file=logs%2Fstdout.txt" in page.url
    page.click(".tree button:has-text('table.csv')")
    page.locator(".looked h2", has_text="table.csv").wait_for()
    with page.expect_download() as download:
        page.click(".looked a:has-text('Download')")
    assert download.value.suggested_filename == "table.csv"


def test_tabs_are_walked_by_keys_and_stand_in_the_address(portal, window):
    """Digits and arrows; the way back is the browser's."""
    seen = window()
    page = seen.open(f"/runs/{run_of(portal, 'vision')}")
    page.keyboard.press("3")
    seen.wait("location.search === '?tab=logs'")
    page.focus("[role=tab][aria-selected=true]")
    page.keyboard.press("ArrowLeft")
    seen.wait("location.search === '?tab=metrics' && document.activeElement.innerText.startsWith('Metrics')")
    page.go_back()
    page.locator("[role=tab][aria-selected=true]:has-text('Logs')").wait_for()


def test_a_tag_is_set_on_a_runs_page(portal, window):
    """And taken away, without a reload."""
    seen = window()
    page = seen.open(f"/runs/{run_of(portal, 'vision', 2)}")
    page.fill("[name=tag]", "checked=by ada")
    page.keyboard.press("Enter")
    page.locator(".taglist .chip", has_text="checked=by ada").wait_for()
    page.click(".taglist .chip button")
    page.locator(".taglist .chip").wait_for(state="detached")
    assert portal.api(f"/runs/{run_of(portal, 'vision', 2)}")["tags"] == {}


def test_a_chart_is_read_zoomed_and_zoomed_back(portal, window):
    """The pointer reads a value; a drag zooms all charts; the browser's way back is the way back."""
    seen = window()
    page = seen.open(f"/runs/{run_of(portal, 'vision')}?tab=metrics")
    drawn(seen)
    plot = ".chart:has(h3:text('train/loss')) .u-over"
    reads = "text => document.querySelector('.readout').innerText.startsWith(text)"
    seen.point(plot, 0.5, reads, "step 7")
    seen.drag(plot, (0.5, 0.5), (0.7, 0.5), "location.hash.startsWith('#x=7') && document.body.innerText.includes('Whole range')")
    page.go_back()
    seen.wait("!document.body.innerText.includes('Whole range')")
    for part, beginning in ((0.002, "step 0"), (0.998, "step 149")):
        seen.point(plot, part, reads, beginning)
    page.click("button:text('Time')")
    page.click("button:text('log y')")
    seen.shot("run-log-scale")


def test_the_log_is_filtered_and_followed(portal, window):
    """By stream, level and text; every filter is undone."""
    seen = window()
    page = seen.open(f"/runs/{run_of(portal, 'vision')}?tab=logs")
    seen.wait("document.getElementById('live').dataset.state === 'live'")
    whole = page.locator(".log .line").count()
    page.click("button:text('Records')")
    seen.wait("document.querySelectorAll('.log .line.stdout').length === 0")
    page.select_option("select", "30")
    seen.wait("document.querySelectorAll('.log .line').length === 1")
    assert page.inner_text(".log").split()[1:] == ["WARNING", "the", "gradient", "was", "clipped"]
    page.select_option("select", "0")
    page.click("button:text('Console')")
    page.locator(".log .line", has_text="INFO:train:epoch 3 done").wait_for()
    seen.wait("document.querySelectorAll('.log .line b').length === 0")
    page.click("button:text('All')")
    page.fill("#search", "/epoch 1[0-4]/")
    seen.wait("document.querySelectorAll('.log .line').length === 10")
    again = window()  # what is looked for stands in the address
    again.open(page.url.removeprefix(portal.url))
    again.wait("document.getElementById('search')?.value === '/epoch 1[0-4]/' && document.querySelectorAll('.log .line').length === 10")
    page.fill("#search", "")
    seen.wait("count => document.querySelectorAll('.log .line').length === count", whole)


#: Where a hostile run's texts are seen.
HOSTILE = {
    "Overview": ("h1", "aside", ".traceback", ".log", ".keytiles"),
    "Metrics": (".charts", ".tablecard"),
    "Logs": (".log",),
    "Files": (".tree",),
    "Details": (".content",),
}


def test_nothing_in_a_run_can_script_a_page(portal, window):
    """Names, values, lines, records and paths are text everywhere; the policy has nothing to refuse, for nothing is tried."""
    seen = window()
    for path in ("/", "/runs"):
        seen.open(path)
        assert "<script>alert(1)</script>" in seen.page.inner_text("main")
    found = next(one for one in portal.home.json("experiments") if "alert" in one["name"])
    page = seen.open(f"/runs/{found['last_run']['run_id']}")
    for name, parts in HOSTILE.items():
        tab(page, name)
        if name == "Metrics":
            drawn(seen, 1)
        for part in parts:
            page.locator(part, has_text="<img src=x onerror=alert(2)>").first.wait_for()
        text = page.inner_text("main")
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert page.locator("main img").count() == 0
        seen.shot(f"hostile-{name.lower().partition(' ')[0]}")
    tab(page, "Logs")
    page.fill("#search", "<img")
    page.click("button:text('Records')")
    assert [url for url in seen.asked if not url.startswith((portal.url, "data:"))] == []


#: Has anything been drawn in colour, and not only the axes?
IS_DRAWN = """name => [...document.querySelectorAll("article.chart")].filter((card) => card.querySelector("h3")?.textContent === name)
    .some((card) => [...card.querySelectorAll("canvas")].some((canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.some((_, at) => at % 4 === 0 && data[at + 3] > 200 && data[at + 2] - data[at] > 80);
    }))"""


def test_a_metric_may_be_called_as_what_every_object_has(portal, window):
    """`constructor` and `__proto__` are names like others: in tiles, in charts, and in the table beside runs that have none such."""
    seen = window()
    found = next(one for one in portal.home.json("experiments") if "alert" in one["name"])
    page = seen.open(f"/runs/{found['last_run']['run_id']}")
    for name in ("constructor", "__proto__"):
        page.locator(".keytile", has_text=name).wait_for()
    tab(page, "Metrics")
    for name in ("constructor", "__proto__"):
        page.locator("article.chart", has_text=name).scroll_into_view_if_needed()
        seen.wait(IS_DRAWN, name)
    page = seen.open("/runs?cols=metrics.constructor,params.constructor")
    seen.wait("() => document.querySelectorAll('.metric').length === 1")


def test_a_long_value_leaves_its_name_whole(portal, window):
    """Beside a value of many lines a short name is still a word on one line."""
    found = next(one for one in portal.home.json("experiments") if "alert" in one["name"])
    page = window().open(f"/runs/{found['last_run']['run_id']}")
    name = page.locator(".pairs th bdi", has_text="batch")
    name.wait_for()
    assert name.evaluate("name => name.getClientRects().length") == 1


def test_a_runs_html_cannot_script_the_portal(portal, window):
    """As a download it is no page; looked at, it is plain text; as a picture it has no scripts."""
    seen = window()
    # Chromium says what it did not do: that is what is wanted here.
    seen.allowed = ("sandboxed", "Content Security Policy", "NotSameOrigin")
    run = run_of(portal, "vision")
    files = {one["path"]: one["url"] for one in portal.api(f"/runs/{run}/artifacts")}
    page = seen.open(f"{files['outputs/report.html']}&view=1")
    assert "<script>" in page.inner_text("body")
    assert page.title() == ""
    seen.open(f"{files['outputs/picture.svg']}&view=1")
    assert page.evaluate("window.origin") == "null"
    assert page.title() != "pwned"
    page = seen.open("/")
    with page.expect_download() as download:
        page.evaluate(
            "url => { const a = document.createElement('a'); a.href = url; document.body.append(a); a.click(); }",
            files["outputs/report.html"],
        )
    assert download.value.suggested_filename == "report.html"


@pytest.mark.parametrize("path", ["/", "/runs?experiment=vision", "run"])
def test_a_phone_shows_every_page_without_scrolling_sideways(portal, window, path):
    """360 pixels wide."""
    seen = window(width=360, height=740)
    page = seen.open(f"/runs/{run_of(portal, 'vision')}" if path == "run" else path)
    assert not seen.is_too_wide()
    if path == "/":
        assert page.eval_on_selector(".scroll", "one => one.scrollWidth <= one.clientWidth"), "nor does the list within it"
        assert page.locator("tbody time:visible").count() == page.locator("tbody tr").count(), "when the last run began is told"
    seen.shot(f"phone-{path.strip('/').partition('?')[0] or 'experiments'}")
    for name in ("Metrics", "Logs", "Files", "Child runs", "Details") if path == "run" else ():
        tab(page, name)
        if name == "Metrics":
            drawn(seen, 1)
        assert not seen.is_too_wide(), name
        seen.shot(f"phone-run-{name.lower().partition(' ')[0]}")


def test_without_scripts_a_run_is_still_told(portal, browser):
    """What the server makes is complete: status, metrics, log, files."""
    context = profile(browser, java_script_enabled=False)
    page = context.new_page()
    page.goto(portal.entry)
    page.goto(f"{portal.url}/runs/{run_of(portal, 'vision')}")
    text = page.inner_text("main")
    for expected in ("Completed", "train/loss", "epoch 14 done", "outputs/model.bin", "adamw"):
        assert expected in text
    page.screenshot(path=kept("no-scripts.png"), full_page=True)
    context.close()


def test_the_first_page_and_all_pages_are_light(portal, window):
    """At most 60 kB of scripts and styles for the first page, 120 kB for all, as they are sent."""
    weights = {}
    for path in ("/", f"/runs/{run_of(portal, 'vision')}"):
        text = portal.ask(path).text
        seen = window()
        seen.asked.clear()
        seen.open(path)
        seen.wait("document.getElementById('live').dataset.state === 'live'")
        static = {url for url in seen.asked if "/static/" in url}
        weights[path] = sum(len(portal.ask(url.removeprefix(portal.url), Accept_Encoding="gzip").body) for url in static)
        assert "/static/" in text
    first, run = weights.values()
    kept("weights.json").write_text(json.dumps({"first": first, "run": run}))
    assert first <= 60_000
    assert run <= 120_000
