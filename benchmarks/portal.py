"""
The portal as somebody meets it, in headless Chromium: how heavy and how fast its pages are, over 10,000 runs, a long log, a live run.

Figures of pages are those of a browser that has them for the first time. `rows on the screen`: as the server made them, to be read and
clicked. `usable`: what the scripts made is there, the boxes to choose runs by, the charts, the lines of the log.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from benchmarks import agents, many
from benchmarks.figures import Figure, median

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
QUERIES = [
    ("", "started"),
    ("", "metric:val/loss"),
    ("metrics.val/loss < 0.3 and params.lr < 1e-3 and status = failed", "started"),
    ("min(metrics.train/loss) < 0.2 and params.optimizer in (adamw, lion)", "param:lr"),
]
CHUNK = 64 << 10
#: When the element is there and the frame that shows it is made; the page has begun when this is asked, so it looks at once too.
SHOWN = """(selector) => new Promise((shown) => {
  const look = () => {
    if (!document.querySelector(selector)) return false;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => shown(performance.now())));
    return true;
  };
  const watch = new MutationObserver(look);
  if (!look()) watch.observe(document, { childList: true, subtree: true });
})"""
#: The first paint is told a little after it was made.
PAINTED = """() => new Promise((told) => {
  const first = (list) => list.getEntriesByName("first-contentful-paint")[0]?.startTime;
  new PerformanceObserver((list) => first(list) && told(first(list))).observe({ type: "paint", buffered: true });
})"""
LIVE = """
import outrider, sys, time
run = outrider.start_run("live")
end = time.monotonic() + float(sys.argv[1])
step = 0
while time.monotonic() < end:
    step += 1
    run.log("loss", 1 / step, step=step)
    print("line", step, "of a run that goes on", flush=True)
    time.sleep(0.004)
"""


@contextlib.contextmanager
def served(home):
    """An agent over that home; where its portal is, and its key."""
    command = [sys.executable, "-m", "outrider_agent", "--home", str(home), "--foreground", "--set", "portal.port=0"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=agents.environment(home), **quiet)
    try:
        agents.wait((Path(home) / "portal.json").exists)
        yield json.loads((Path(home) / "portal.json").read_text())["url"], (Path(home) / "portal.token").read_text().strip()
    finally:
        process.terminate()
        process.wait(60)


@contextlib.contextmanager
def window(url, key):
    """A page of a new browser, let in."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(f"{url}help?token={key}")
        yield page
        browser.close()


def usable(page, address, selector):
    """Milliseconds from asking for a page to the first such element, by the page's own clock, and to the first paint."""
    page.goto(address, wait_until="commit")
    return page.evaluate(SHOWN, selector), page.evaluate(PAINTED)


def anew(page, address, selector, rounds):
    """That of some rounds, the median of each: every round has a browser's first look, with nothing kept."""
    found = []
    for _ in range(rounds):
        session = page.context.new_cdp_session(page)
        session.send("Network.clearBrowserCache")
        session.detach()
        found.append(usable(page, address, selector))
    return [median(column) for column in zip(*found, strict=True)]


def weight(url, key, path):
    """Bytes of scripts and styles that a page asks for, as they are sent."""
    sizes = {}

    def seen(response):
        if "/static/" in response.url:
            sizes[response.url] = len(gzip.compress(response.body(), 9, mtime=0))

    with window(url, key) as page:
        page.on("response", seen)
        page.goto(url + path, wait_until="load")
        page.locator("#live[data-state=live]").wait_for()
    return sum(sizes.values())


def queried(home):
    """The slowest query of the list, in milliseconds: its page of 100 rows and its counts."""
    from outrider_agent.store import browsing

    times = []
    with browsing.Browser(Path(home) / "outrider.db") as store:
        for query, order in QUERIES:
            sort, _, by = order.partition(":")
            wanted = browsing.Wanted(query=query, sort=sort, by=by or None, limit=100, metrics=("val/loss", "train/loss"))
            taken = []
            for _ in range(5):
                began = time.monotonic()
                store.page(wanted, time.time_ns())
                taken.append((time.monotonic() - began) * 1000)
            times.append(median(taken))
    return max(times)


def lists(short):
    with tempfile.TemporaryDirectory() as home:
        many.fill(f"{home}/outrider.db")
        slowest = queried(home)
        with served(home) as (url, key), window(url, key) as page:
            rounds = 3 if short else 9
            bare, _ = anew(page, f"{url}help", "main h1", rounds)
            _, painted = anew(page, url, "main h1", rounds)
            rows, _ = anew(page, f"{url}runs", ".virtual tbody a.main", rounds)
            listed, _ = anew(page, f"{url}runs", ".virtual tbody input", rounds)
            opened, _ = anew(page, f"{url}runs/{many.run_id(2)}", ".keytile", rounds)
            frames, longest = scrolled(page, url, 120 if short else 300)
            still, least = still_scrolled(page, 120 if short else 300)
        with served(home) as (url, key):
            kilobytes = weight(url, key, "") / 1000
    return [
        Figure("first page: scripts and styles, gzipped", kilobytes, "kB", 60),
        Figure("first page: first contentful paint", painted, "ms", 300),
        Figure("10,000 runs of 30 columns: the slowest of four queries", slowest, "ms", 50),
        Figure("10,000 runs: the first rows on the screen", rows, "ms", 400, bare, "a page of text"),
        Figure("10,000 runs: the list usable", listed, "ms", 400, bare, "a page of text"),
        Figure(
            "10,000 runs of 30 columns: scrolled, frames a second",
            frames,
            "",
            55,
            still,
            "a still table of these cells",
            higher_is_better=True,
        ),
        Figure("the same, the longest frame", longest, "ms", 50, least, "that table"),
        Figure("one of these runs: its page usable", opened, "ms", 600, bare, "a page of text"),
    ]


#: Scrolls three rows a frame and notes when each frame is made; rows are read on the way.
SCROLL = """async (count) => {
  const box = document.querySelector(".runs");
  const frame = () => new Promise((shown) => requestAnimationFrame(shown));
  const times = [];
  for (let at = 0; at < count; at++) {
    box.scrollTop += 138;
    times.push(await frame());
  }
  return times.slice(1).map((time, place) => time - times[place]);
}"""


#: Puts a table without scripts into the list's place: its rows as they are drawn now, over and over, as many as will be scrolled through.
STILL = """(count) => {
  const box = document.querySelector(".runs").cloneNode(true);
  const rows = [...box.querySelectorAll("tbody tr:not(.space)")].map((row) => row.cloneNode(true));
  const body = box.querySelector("tbody");
  body.replaceChildren(...Array.from({ length: count }, (_, at) => rows[at % rows.length].cloneNode(true)));
  document.querySelector(".runs").replaceWith(box);
}"""


def still_scrolled(page, count):
    """The same of a table that no script draws: what this browser makes of such cells."""
    page.evaluate(STILL, 3 * count + 150)
    page.evaluate(SCROLL, 30)
    took = page.evaluate(SCROLL, count)
    return 1000 * len(took) / sum(took), max(took)


def scrolled(page, url, count):
    """Frames a second while the list of 30 columns is scrolled, and milliseconds of the longest."""
    columns = ["status", *(f"metrics.{name}" for name in many.METRICS[:20]), *(f"params.{name}" for name in many.PARAMS[:9])]
    page.goto(f"{url}runs?{urllib.parse.urlencode({'cols': ','.join(map(urllib.parse.quote, columns))})}")
    page.locator(".virtual tbody input").first.wait_for()
    page.evaluate(SCROLL, 30)
    took = page.evaluate(SCROLL, count)
    return 1000 * len(took) / sum(took), max(took)


def charts(short):
    """A comparison of ten runs in 60 charts: until the first is drawn, the heap when all have been looked at; what differs in 100 runs."""
    with tempfile.TemporaryDirectory() as home:
        many.fill(f"{home}/outrider.db", runs=100, metrics=60)
        drawn = "#panel .chart canvas, .panel .chart canvas"
        ten, hundred = (urllib.parse.urlencode([("run", many.run_id(key)) for key in range(1, count + 1)]) for count in (10, 100))
        with served(home) as (url, key), window(url, key) as page:
            rounds = 3 if short else 9
            bare, _ = anew(page, f"{url}help", "main h1", rounds)
            several, _ = anew(page, f"{url}compare?{hundred}", "main table", rounds)
            usable_at, _ = anew(page, f"{url}compare?{ten}&tab=charts", drawn, rounds)
            for place in range(page.locator(".chart").count()):
                page.locator(".chart").nth(place).scroll_into_view_if_needed()
            page.wait_for_timeout(1000)
            heap = used(page) / 1e6
    return [
        Figure("100 runs compared: what differs", several, "ms", 600, bare, "a page of text"),
        Figure("60 charts of 10 runs: the first on the screen", usable_at, "ms", 1500, bare, "a page of text"),
        Figure("the same, its heap when all were looked at", heap, "MB", 150),
    ]


def long_log(short):
    """A console of a gigabyte (short: a quarter of it), opened at its end by the API and by the page."""
    size = (1 << 30) // (4 if short else 1)
    with tempfile.TemporaryDirectory() as home:
        many.fill(f"{home}/outrider.db", runs=4, metrics=1)
        line = b"epoch 12 step 34567: loss 0.12345, 1234 images/s, and so on and so forth until the line is as long as lines are\n"
        data = (line * (CHUNK // len(line) + 1))[:CHUNK]
        connection = sqlite3.connect(f"{home}/outrider.db", isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        rows = ((2, 1, 1, 1, offset, many.START + offset, data) for offset in range(0, size, CHUNK))
        connection.executemany(
            'INSERT INTO console (run_key, stream_key, attempt, fd, "offset", time, data) VALUES (?, ?, ?, ?, ?, ?, ?)', rows
        )
        connection.execute("COMMIT")
        connection.close()
        run = many.run_id(2)
        with served(home) as (url, key):
            asked = [answered(f"{url}api/v1/runs/{run}/lines?limit=400", key) for _ in range(5)]
            searched, first = found(url, key, run)
            by_pattern, _ = found(url, key, run, text=r"nowhe.e \d+", regex=1)
            by_choice, _ = found(url, key, run, text="nowhere|(nothing|never) there", regex=1)
            by_digits, _ = found(url, key, run, text=r"\d{9}", regex=1)
            with window(url, key) as page:
                rounds = 3 if short else 9
                bare, _ = anew(page, f"{url}help", "main h1", rounds)
                told, _ = anew(page, f"{url}runs/{run}?tab=logs", ".log .line:last-child", rounds)
                opened, _ = anew(page, f"{url}runs/{run}?tab=logs", ".panel-logs .log .line", rounds)
    gigabytes = size / (1 << 30)
    return [
        Figure(f"a log of {gigabytes:g} GiB: its last 400 lines", median(asked), "ms", 300),
        Figure(f"a log of {gigabytes:g} GiB: its last lines on the screen", told, "ms", 300, bare, "a page of text"),
        Figure(f"a log of {gigabytes:g} GiB: the page opened at its end", opened, "ms", 300, bare, "a page of text"),
        Figure("a log searched whole, a GiB", searched / gigabytes, "s", 3),
        Figure("the same, until its first part is told", first * 1000, "ms", 300),
        Figure("a log searched whole by a regular expression, a GiB", by_pattern / gigabytes, "s", 3),
        Figure("the same, by one of several words", by_choice / gigabytes, "s", 3),
        Figure("the same, by an expression without a word", by_digits / gigabytes, "s", 4),
    ]


def answered(address, key):
    """Milliseconds."""
    began = time.monotonic()
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request) as response:
        response.read()
    return (time.monotonic() - began) * 1000


def found(url, key, run, **wanted):
    """Seconds to look through all of a log for what is not there, and until the first part of it is told."""
    asked = urllib.parse.urlencode({"text": "nowhere"} | wanted)
    began, since, first = time.monotonic(), "", None
    while since is not None:
        request = urllib.request.Request(f"{url}api/v1/runs/{run}/search?{asked}&since={since}", headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request) as response:
            since = json.load(response)["next"]
        first = first or time.monotonic() - began
    return time.monotonic() - began, first


def heap(short):
    """How much the heap of a live page grows while lines and points come, once it has what it keeps."""
    seconds = 20 if short else 120
    with tempfile.TemporaryDirectory() as home, served(home) as (url, key):
        command = [
            sys.executable,
            "-m",
            "outrider",
            "run",
            "--no-agent",
            "--run-id",
            "live",
            "--",
            sys.executable,
            "-c",
            LIVE,
            str(seconds + 20),
        ]
        process = subprocess.Popen(command, env=agents.environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with window(url, key) as page:
                agents.wait(lambda: page.goto(f"{url}runs/live?tab=metrics").status == 200)
                page.locator(".chart canvas").first.wait_for()
                page.wait_for_timeout(10_000 if short else 20_000)
                before = used(page)
                page.wait_for_timeout(seconds * 1000 - 10_000)
                grown = used(page) - before
        finally:
            process.terminate()
            process.wait(60)
    return [Figure(f"a live page: its heap grows, in {seconds - 10} s of 250 lines and points a second", grown / 1e6, "MB", 10)]


def used(page):
    """Bytes of the heap that are still needed."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    size = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return size


def measure(short):
    return [*lists(short), *charts(short), *long_log(short), *heap(short)]
