"""The pages in a real browser, over a real agent and real runs: what they show, that they are live, that no run can script them."""

from __future__ import annotations

import json
import random
import statistics

import pytest
from browsing_rig import SHOTS, Window, chromium
from cli_home import START, ridge
from portal_rig import ROOT, Portal
from waiting import until

from outrider_agent.cli import journal
from outrider_agent.store import reading

RUN = "9f3c0aa1b2c4"
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
run.log("phase", "done")
run.log_row("confusion", actual="cat", predicted="dog", count=3)
"""

EVIL_RUN = f"""
import logging, os, outrider
evil = {EVIL!r}
logging.basicConfig()
run = outrider.start_run()
run.log(evil, 1.5); run.log(evil + "text", evil); run.param(evil, evil); run.tag(evil, evil); run.log_row(evil, **{{evil: evil}})
print(evil); print("</script><script>alert(3)</script>")
logging.error(evil)
logging.getLogger(evil).warning("</script>" + evil, extra={{"metrics": {{evil + "m": 1}}}})
os.makedirs("outputs", exist_ok=True)
open("outputs/" + evil.replace("/", "_") + ".txt", "w").write(evil)
raise ValueError(evil)
"""

FOLLOWED = """
import logging, os, sys, time, outrider
run = outrider.start_run()
print("begun", flush=True)
go, step = sys.argv[0].replace("train.py", "go"), 0
while os.path.exists(go):
    print(f"at {time.time():.6f}", flush=True)
    run.log("loss", 1 / (1 + step), step=step)
    step += 1
    time.sleep(0.11)
print("half a line", end="", flush=True)
"""


@pytest.fixture(scope="module")
def browser():
    """One for all tests of this file."""
    with chromium() as found:
        yield found


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


@pytest.fixture
def window(portal, browser):
    """A window; the test fails for whatever went wrong in it."""
    opened = []

    def open_one(**options):
        opened.append(Window(browser, portal.entry, **options))
        return opened[-1]

    yield open_one
    wrong = [text for one in opened for text in one.wrong]
    for one in opened:
        one.close()
    assert wrong == []


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
    with page.expect_navigation():
        page.keyboard.press("Enter")
    seen.wait("document.querySelectorAll('tbody tr').length === 1")
    page.keyboard.press("j")
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
    with page.expect_navigation():
        page.click("thead a:has-text('train/loss')")
    assert "sort=metric%3Atrain%2Floss" in page.url
    assert page.get_attribute("th:has-text('train/loss')", "aria-sort") == "descending"
    with page.expect_navigation():
        page.click(".chips a:has-text('Failed')")
    assert page.locator("tbody tr").count() == 1


@pytest.mark.parametrize("dark", [False, True])
def test_a_run_shows_its_metrics_its_log_and_its_files(portal, window, dark):
    """Everything of it on one page."""
    seen = window(dark=dark, width=1440)
    page = seen.open(f"/runs/{run_of(portal, 'vision')}")
    drawn(seen)
    assert "Completed" in page.inner_text("h1 + .pill")
    assert "2 not a number" in page.inner_text(".chart:has(h3:text('train/loss'))")
    assert page.get_attribute(".chart:has(h3:text('train/accuracy')) .plot", "aria-label").startswith("train/accuracy: 1500 points, last ")
    log = page.inner_text(".log")
    assert "epoch 14 done" in log
    assert "WARNING the gradient was clipped" in log
    assert log.count("epoch 3 done") == 1, "a record and its own print are one event"
    assert page.locator(".log .ansi-2").count() > 0
    assert "outputs/model.bin" in page.inner_text("aside")
    assert "adamw" in page.inner_text("aside")
    assert "confusion" in page.inner_text("main")
    seen.wait("[...document.querySelectorAll('aside img')].every(img => img.complete && img.naturalWidth > 0)")
    seen.shot("run-dark" if dark else "run-light")


def test_a_chart_is_read_zoomed_and_zoomed_back(portal, window):
    """The pointer reads a value; a drag zooms all charts; the browser's way back is the way back."""
    seen = window()
    page = seen.open(f"/runs/{run_of(portal, 'vision')}")
    drawn(seen)
    box = page.locator(".chart:has(h3:text('train/loss')) .u-over").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    seen.wait("document.querySelector('.readout').innerText.startsWith('step 7')")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=4)
    page.mouse.up()
    seen.wait("location.hash.startsWith('#x=7') && document.body.innerText.includes('Whole range')")
    page.go_back()
    seen.wait("!document.body.innerText.includes('Whole range')")
    page.click("button:text('Time')")
    page.click("button:text('log y')")
    seen.shot("run-log-scale")


def test_the_log_is_filtered_and_followed(portal, window):
    """By stream, level and text; every filter is undone."""
    seen = window()
    page = seen.open(f"/runs/{run_of(portal, 'vision')}")
    whole = page.locator(".log .line").count()
    page.click("button:text('Records')")
    assert page.locator(".log .line.stdout").count() == 0
    page.select_option("select", "30")
    assert page.inner_text(".log").split()[1:] == ["WARNING", "the", "gradient", "was", "clipped"]
    page.select_option("select", "0")
    page.click("button:text('Console')")
    assert page.locator(".log .line b").count() == 0
    assert "INFO:train:epoch 3 done" in page.inner_text(".log")
    page.click("button:text('All')")
    page.fill("#search", "/epoch 1[0-4]/")
    seen.wait("document.querySelectorAll('.log .line').length === 10")
    page.fill("#search", "")
    seen.wait("count => document.querySelectorAll('.log .line').length === count", whole)


def test_a_running_script_is_seen_within_a_second_without_a_reload(portal, window, tmp_path):
    """print() to screen: half of the lines within 1 s, and the chart and the status go along."""
    (tmp_path / "go").touch()
    seen = window()
    process = portal.run(FOLLOWED, tmp_path, experiment="followed", wait=False)
    try:
        run = until(lambda: next((one["run_id"] for one in portal.api("/runs?experiment=followed")["runs"]), None))
        page = seen.open(f"/runs/{run}")
        page.evaluate(WATCH)
        seen.wait("window.arrivals.length >= 25")
        late = page.evaluate("window.arrivals")
        (SHOTS.parent / "portal").mkdir(parents=True, exist_ok=True)
        (SHOTS / "latency.json").write_text(json.dumps({"p50_s": statistics.median(late), "max_s": max(late), "lines": len(late)}))
        assert statistics.median(late) <= 1.0, late
        seen.wait("Number(document.querySelector('.chart footer').innerText.split(' ')[0]) > 20")
        assert "Running" in page.inner_text("h1 + .pill")
        seen.shot("run-live")
        (tmp_path / "go").unlink()
        seen.wait("document.querySelector('h1 + .pill').innerText.includes('Completed')")
        seen.wait("document.querySelector('.log').innerText.trimEnd().endsWith('half a line')")
        assert page.locator("button:has-text('Stop')").count() == 0
    finally:
        (tmp_path / "go").unlink(missing_ok=True)
        process.wait(timeout=30)


#: How late each line is: its own time against the time at which it stands in the page.
WATCH = """() => {
  window.arrivals = [];
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) {
      const found = /at (\\d+\\.\\d+)/.exec(node.innerText ?? "");
      if (found && node.className.includes("stdout")) window.arrivals.push(Date.now() / 1000 - Number(found[1]));
    }
  }).observe(document.querySelector(".log"), { childList: true, subtree: true });
}"""


def test_the_list_shows_a_run_that_begins_and_ends_without_a_reload(portal, window, tmp_path):
    """The row comes by itself, and its status changes by itself."""
    (tmp_path / "go").touch()
    seen = window()
    page = seen.open("/runs?experiment=appears")
    process = portal.run(FOLLOWED, tmp_path, experiment="appears", wait=False)
    try:
        seen.wait("document.querySelector('tbody')?.innerText.includes('Running')")
        (tmp_path / "go").unlink()
        seen.wait("document.querySelector('tbody').innerText.includes('Completed')")
        assert page.locator("tbody tr").count() == 1
    finally:
        (tmp_path / "go").unlink(missing_ok=True)
        process.wait(timeout=30)


def test_a_run_is_stopped_from_its_page(portal, window, tmp_path):
    """The button asks first; the write carries our own origin."""
    (tmp_path / "go").touch()
    seen = window()
    process = portal.run(FOLLOWED, tmp_path, experiment="stopped", wait=False)
    try:
        run = until(lambda: next((one["run_id"] for one in portal.api("/runs?experiment=stopped")["runs"]), None))
        page = seen.open(f"/runs/{run}")
        page.click("button:has-text('Stop')")  # dismissed: nothing happens
        assert [text for text in seen.wrong if text.startswith("dialog: Stop this run?")]
        seen.wrong.clear()
        assert process.poll() is None
        page.remove_listener("dialog", seen._dialog)
        page.on("dialog", lambda dialog: dialog.accept())
        page.click("button:has-text('Stop')")
        seen.wait("document.querySelector('h1 + .pill').innerText.includes('Canceled')")
        assert "by portal" in page.inner_text("h1 + .pill")
    finally:
        (tmp_path / "go").unlink(missing_ok=True)
        process.wait(timeout=30)


def test_a_page_goes_on_after_the_agent_was_restarted(home, browser, tmp_path):
    """The cookie is good for the next agent too, and nothing comes twice."""
    portal = Portal(home)
    ridge(portal.home)
    portal.home.ingest()
    portal.start(OUTRIDER_PORTAL_PORT="0")
    seen = Window(browser, portal.entry)
    try:
        page = seen.open(f"/runs/{RUN}")
        seen.wait("document.getElementById('live').dataset.state === 'live'")
        lines, port = page.locator(".log .line").count(), portal.port
        portal.stop()
        seen.wait("document.getElementById('live').innerText.includes('outrider ui')")
        portal.home.write(RUN, "late-1-cccccccc", {"k": "l", "t": START, "lv": 20, "msg": "came late"}, own=False)
        portal.start(OUTRIDER_PORTAL_PORT=str(port))
        seen.wait("document.querySelector('.log').innerText.includes('came late')")
        assert page.locator(".log .line").count() == lines + 1
    finally:
        seen.close()
        portal.stop()


def test_nothing_in_a_run_can_script_a_page(portal, window):
    """Names, values, lines, records and paths are text everywhere; the policy has nothing to refuse, for nothing is tried."""
    seen = window()
    for path in ("/", "/runs"):
        seen.open(path)
        assert "<script>alert(1)</script>" in seen.page.inner_text("main")
    found = next(one for one in portal.home.json("experiments") if "alert" in one["name"])
    page = seen.open(f"/runs/{found['last_run']['run_id']}")
    drawn(seen, 2)
    text = page.inner_text("main")
    for part in ("aside", ".log", "h1", ".traceback", ".charts"):
        assert "<img src=x onerror=alert(2)>" in page.inner_text(part), part
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert page.locator("main img").count() == 0
    page.fill("#search", "<img")
    page.click("button:text('Records')")
    page.click("button:text('log y')")
    seen.shot("hostile")
    assert [url for url in seen.asked if not url.startswith((portal.url, "data:"))] == []


def test_a_runs_html_cannot_script_the_portal(portal, window):
    """As a download it is no page; looked at, it is plain text; as a picture it has no scripts."""
    seen = window()
    run = run_of(portal, "vision")
    files = {one["path"]: one["url"] for one in portal.api(f"/runs/{run}/artifacts")}
    page = seen.open(f"{files['outputs/report.html']}&view=1")
    assert "<script>" in page.inner_text("body")
    assert page.title() == ""
    seen.open(f"{files['outputs/picture.svg']}&view=1")
    assert page.evaluate("window.origin") == "null"
    assert page.title() != "pwned"
    # Chromium says what it did not do: that is what is wanted here, and all that may be said.
    refusals = ("sandboxed", "Content Security Policy", "NotSameOrigin")
    assert [text for text in seen.wrong if not any(word in text for word in refusals)] == []
    seen.wrong.clear()
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
    seen.open(f"/runs/{run_of(portal, 'vision')}" if path == "run" else path)
    if path == "run":
        drawn(seen, 1)
    assert not seen.is_too_wide()
    seen.shot(f"phone-{path.strip('/').partition('?')[0] or 'experiments'}")


def test_without_scripts_a_run_is_still_told(portal, browser):
    """What the server makes is complete: status, metrics, log, files."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(portal.entry)
    page.goto(f"{portal.url}/runs/{run_of(portal, 'vision')}")
    text = page.inner_text("main")
    for expected in ("Completed", "train/loss", "epoch 14 done", "outputs/model.bin", "adamw"):
        assert expected in text
    page.screenshot(path=SHOTS / "no-scripts.png", full_page=True)
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
    (SHOTS / "weights.json").write_text(json.dumps({"first": first, "run": run}))
    assert first <= 60_000
    assert run <= 120_000


def test_the_scripts_weave_the_log_as_the_command_line_does(portal, window, home):
    """Lines, records and echoes: for the same chunks and records both tell the same, in the same order."""
    seen = window()
    root = seen.page.get_attribute("link[rel=stylesheet]", "href").rpartition("/")[0]
    choose = random.Random(7)
    for number in range(12):
        home_ = Portal(home / str(number)).home
        told(home_, choose)
        home_.ingest()
        with reading.Reader(home_.path / "outrider.db") as store:
            entries = journal.tail(store, "woven", 10_000, echoes=True)
            logs, chunks = store.logs("woven"), store.console("woven")
        news = {
            "logs": [json.loads(shaped(one, "log")) for one in logs],
            "console": [json.loads(shaped(one, "chunk")) for one in chunks],
            "skipped": False,
        }
        lines, rest = seen.page.evaluate(WEAVE, [root, news])
        whole = [[one.stream, one.text, one.echo] for one in entries if one.line is None or one.line.whole]
        assert sorted(lines) == sorted(whole)
        assert [one for one in lines if one[0] == "log"] == [one for one in whole if one[0] == "log"]
        # The first byte of a sign that is not there yet is nothing in a browser, and a replacement sign on a terminal.
        open_ = [one.text.rstrip("\ufffd") for one in entries if one.line is not None and not one.line.whole]
        assert [text.rstrip("\ufffd") for text in rest if text.rstrip("\ufffd")] == [text for text in open_ if text]


WEAVE = """async ([root, news]) => {
  const { Transcript } = await import(`${root}/transcript.js`);
  const all = new Transcript();
  all.add(news);
  return [all.entries.map((one) => [one.stream, one.text, one.echo]), all.rest().map((one) => one.text)];
}"""


def shaped(one, kind):
    """As the API spells it."""
    from outrider_agent.portal import shapes

    return shapes.encoded(getattr(shapes, kind)(one))


def told(home, choose):
    """A run with records, their prints in several formats, other lines, cut anywhere, and what is no UTF-8."""
    text, lines, offset = b"", [], 0
    formats = ["INFO:train:{}\n", "{}\n", "2026-01-01 10:00:00,123 INFO train {}\n", "x{}\n"]
    for number in range(30):
        at = START + number * 20_000_000
        message = f"said {number}" + ("\nmore" if number % 7 == 3 else "")
        if choose.random() < 0.6:
            lines.append({"k": "l", "t": at, "lv": 20, "lg": "train", "msg": message})
            if choose.random() < 0.7:
                text += choose.choice(formats).format(message).encode()
        if choose.random() < 0.6:
            text += choose.choice([b"plain\n", "späß \U0001f680\n".encode(), b"bar 1\rbar 2\r", b"\xff\xfe\n", b"no end"])
        cut = choose.randint(0, len(text))
        if cut:
            piece = text[:cut]
            import base64

            home.write(
                "woven", "keeper-1-bbbbbbbb", {"k": "c", "t": at + 5_000_000, "f": 1, "o": offset, "b": base64.b64encode(piece).decode()}
            )
            offset, text = offset + cut, text[cut:]
    home.write("woven", "py-1-aaaaaaaa", *lines, own=False)


def test_the_static_files_are_the_sources(portal):
    """What is served is what is in portal/: where this fails, run: make portal."""
    folder = ROOT / "agent" / "outrider_agent" / "portal" / "static"
    sources = {path.name: path.read_text() for kind in ("*.js", "*.css") for path in (ROOT / "portal").glob(kind)}
    assert {path.name: path.read_text() for path in folder.iterdir() if path.is_file()} == sources
    assert {"preact.js", "preact.LICENSE", "uplot.js", "uplot.LICENSE"} <= {path.name for path in (folder / "vendor").iterdir()}
