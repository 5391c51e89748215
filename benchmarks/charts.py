"""
Charts: what the server takes to answer one of 10 million points, and what Chromium takes to draw 100 runs of 1,000 buckets each.

The floor under the server's figure is reading as many rows from the same file and doing nothing with them. Needs Debian's Chromium.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks import agents, ingest
from benchmarks.figures import Figure, median

POINTS = 10_000_000
BAR_SERVER_MS = 100.0
BAR_DRAW_MS, BAR_ZOOM_MS, BAR_HOVER_MS = 150.0, 30.0, 8.0
LINES, BUCKETS = 100, 1000
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

#: Draws lines that all look different, as if loaded; milliseconds until they are on the screen.
DRAW = """async ([lines, buckets]) => {
  const root = document.querySelector("link[href*='chart.css']").href.replace(/chart\\.css$/, "");
  const { Chart } = await import(root + "chart.js");
  const box = document.createElement("div");
  box.style.cssText = "width: 900px; height: 400px";
  document.body.prepend(box);
  const frame = () => new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)));
  const columns = (run) => {
    const x = Array.from({ length: buckets }, (_, at) => at * 10);
    const last = x.map((at) => Math.exp(-at / 3000) + Math.sin(at / 97 + run) / 10 + run / 50);
    return { x, last, min: last.map((at) => at - 0.02), max: last.map((at) => at + 0.02), bad: x.map(() => 0), odd: x.map(() => "") };
  };
  const given = Array.from({ length: lines }, (_, run) => ({ label: `run ${run}`, place: run, drawn: columns(run) }));
  const chart = new Chart(box, { whole: true, log: false }, { zoom() {}, hover() {}, pin() {} });
  const timed = async (act) => {
    await frame();
    const began = performance.now();
    act();
    await Promise.resolve();
    chart.plot.ctx.getImageData(0, 0, 1, 1);
    return performance.now() - began;
  };
  const drawn = await timed(() => chart.draw(given, null));
  const zoomed = await timed(() => chart.draw(given, [2000, 6000]));
  const moved = await timed(() => chart.plot.setCursor({ left: 300, top: 100 }));
  chart.close();
  box.remove();
  return [drawn, zoomed, moved];
}"""


def asked(home, path):
    """Seconds that a GET of the API takes, its body read."""
    where = json.loads((Path(home) / "portal.json").read_text())
    key = (Path(home) / "portal.token").read_text().strip()
    connection = http.client.HTTPConnection(where["address"], where["port"], timeout=60)
    began = time.perf_counter()
    connection.request("GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {key}"})
    response = connection.getresponse()
    body = response.read()
    took = time.perf_counter() - began
    connection.close()
    if response.status != 200 or not body:
        raise AssertionError(f"{response.status}: {body[:200]!r}")
    return took


def floor(home, rows):
    """Seconds to read so many small rows of the store, and no more."""
    connection = sqlite3.connect(Path(home) / "outrider.db")
    began = time.perf_counter()
    connection.execute("SELECT * FROM summaries WHERE level = 1 LIMIT ?", (rows,)).fetchall()
    took = time.perf_counter() - began
    connection.close()
    return took


def drawn(home, rounds):
    """Milliseconds to draw, to zoom, to move the pointer: the middle of some rounds, in a page of the portal."""
    where = json.loads((Path(home) / "portal.json").read_text())
    key = (Path(home) / "portal.token").read_text().strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=60_000)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{where['url']}?token={key}")
            page.goto(f"{where['url']}runs/bench?tab=metrics")
            page.wait_for_selector(".plot canvas")
            found = [page.evaluate(DRAW, [LINES, BUCKETS]) for _ in range(rounds + 1)][1:]
        finally:
            browser.close()
    return [median(column) for column in zip(*found, strict=True)]


def measure(short):
    points = POINTS // 10 if short else POINTS
    with tempfile.TemporaryDirectory() as folder:
        ingest.fill(folder, points, 1)
        ingest.deliver(folder)
        with agents.running(Path(folder)) as (home, _):
            agents.wait((home / "portal.json").exists)
            query = "/runs/bench/buckets?name=loss0&count=1000&format=f64"
            answered = median([asked(home, query) for _ in range(5 if short else 15)]) * 1000
            zoomed = median([asked(home, f"{query}&from={points // 4}&to={points // 2}") for _ in range(5)]) * 1000
            rows = floor(home, 1224) * 1000
            draw, zoom, hover = drawn(home, 3 if short else 9)
    return [
        Figure(f"a chart of {points // 1_000_000} million points, at the server", answered, "ms", BAR_SERVER_MS, rows, "reading its rows"),
        Figure("the same, zoomed to a quarter", zoomed, "ms", BAR_SERVER_MS),
        Figure("100 runs x 1,000 buckets, drawn", draw, "ms", BAR_DRAW_MS),
        Figure("the same, zoomed", zoom, "ms", BAR_ZOOM_MS),
        Figure("the same, the pointer moved", hover, "ms", BAR_HOVER_MS),
    ]
