"""
The portal as somebody meets it, in headless Chromium: how heavy and how fast its pages are, over 10,000 runs, a long log, a live run.

Figures of pages are those of a browser that has them for the first time. `usable`: the rows, or the lines, are on the screen.
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
            listed, _ = anew(page, f"{url}runs", ".virtual tbody a.main", rounds)
        with served(home) as (url, key):
            kilobytes = weight(url, key, "") / 1000
    return [
        Figure("first page: scripts and styles, gzipped", kilobytes, "kB", 60),
        Figure("first page: first contentful paint", painted, "ms", 300),
        Figure("10,000 runs of 30 columns: the slowest of four queries", slowest, "ms", 50),
        Figure("10,000 runs: the list usable", listed, "ms", 400, bare, "a page of text"),
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
        run = f"{2:08x}-many"
        with served(home) as (url, key):
            asked = [answered(f"{url}api/v1/runs/{run}/lines?limit=400", key) for _ in range(5)]
            searched = found(url, key, run)
            with window(url, key) as page:
                rounds = 3 if short else 9
                bare, _ = anew(page, f"{url}help", "main h1", rounds)
                opened, _ = anew(page, f"{url}runs/{run}?tab=logs", ".panel-logs .log .line", rounds)
    gigabytes = size / (1 << 30)
    return [
        Figure(f"a log of {gigabytes:g} GiB: its last 400 lines", median(asked), "ms", 300),
        Figure(f"a log of {gigabytes:g} GiB: the page opened at its end", opened, "ms", 300, bare, "a page of text"),
        Figure("a log searched whole, a GiB", searched / gigabytes, "s", 3),
    ]


def answered(address, key):
    """Milliseconds."""
    began = time.monotonic()
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request) as response:
        response.read()
    return (time.monotonic() - began) * 1000


def found(url, key, run):
    """Seconds to look through all of a log for what is not there."""
    began, since = time.monotonic(), ""
    while since is not None:
        request = urllib.request.Request(
            f"{url}api/v1/runs/{run}/search?text=nowhere&since={since}", headers={"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request) as response:
            since = json.load(response)["next"]
    return time.monotonic() - began


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
    return [*lists(short), *long_log(short), *heap(short)]
