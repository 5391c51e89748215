"""
From run.log() and from a flushed print() to visible in the store, as somebody sees it who looks every 10 ms; and from a flushed print() to
told by the portal's live stream, as a page gets it, and to on the screen of headless Chromium, which has the run's log open.
"""

from __future__ import annotations

import bisect
import http.client
import json
import sqlite3
import subprocess
import sys
import threading
import time

from benchmarks import agents, portal
from benchmarks.figures import Figure, percentile

# Values and lines are the moments of the calls; the pauses do not beat with the agent's own.
SCRIPT = """
import outrider, random, sys, time
run = outrider.start_run("latency")
for i in range(int(sys.argv[1])):
    run.log("sent", time.time_ns(), step=i)
    print(time.time_ns(), flush=True)
    time.sleep(random.uniform(0.0, 0.06))
print(sys.argv[2], flush=True)
"""
#: What it prints last.
ENDED = "that was all"

#: Notes how late each line is when the frame that shows it has been made.
NOTE = """() => {
  window.late = [];
  const lines = () => [...document.querySelectorAll(".panel-logs .log .line .words")].map((row) => row.textContent);
  const known = new Set(lines());
  const look = () => {
    const came = lines().filter((text) => /^[0-9]{19}$/.test(text) && !known.has(text));
    for (const text of came) known.add(text);
    const sent = came.map((text) => Number(text.slice(0, 16)) / 1e3);
    if (sent.length) requestAnimationFrame(() => setTimeout(() => {
      const now = performance.timeOrigin + performance.now();
      window.late.push(...sent.map((at) => (now - at) / 1e3));
    }));
  };
  new MutationObserver(look).observe(document.querySelector(".panel-logs .log"), { childList: true, subtree: true });
}"""

SEEN = """SELECT (SELECT count FROM series WHERE name = 'sent'), (SELECT max("offset" + length(data)) FROM console WHERE fd = 1)"""


def is_known(home, run):
    """Has the store the run?"""
    connection = sqlite3.connect(f"file:{home}/outrider.db?mode=ro", uri=True)
    try:
        return connection.execute("SELECT 1 FROM runs WHERE run_id = ?", (run,)).fetchone() is not None
    except sqlite3.OperationalError:  # the store is being made
        return False
    finally:
        connection.close()


def watch(home, process):
    """How many points and console bytes were there, and when: until the script has ended and all of it is there."""
    connection = sqlite3.connect(f"file:{home}/outrider.db?mode=ro", uri=True, isolation_level=None)
    seen = []
    patience = None
    while patience is None or time.monotonic() < patience:
        points, size = connection.execute(SEEN).fetchone()
        seen.append((time.time_ns(), points or 0, size or 0))
        if process.poll() is not None and patience is None:
            patience = time.monotonic() + 3
        time.sleep(0.01)
    return connection, seen


def delays(seen, column, sent):
    """For each (sent at, count or offset it ends at): seconds until that much was first there."""
    levels = [row[column] for row in seen]
    return [(seen[bisect.bisect_left(levels, end)][0] - at) / 1e9 for at, end in sent]


def printed(connection):
    """The lines' moments and where each ends in stdout."""
    text = b"".join(bytes(data) for (data,) in connection.execute('SELECT data FROM console WHERE fd = 1 ORDER BY "offset"'))
    end, found = 0, []
    for line in text.splitlines(keepends=True):
        end += len(line)
        if line.strip().isdigit():
            found.append((int(line), end))
    return found


def told(home, run, calls, late):
    """How late each line comes by the stream of the run."""
    where = json.loads((home / "portal.json").read_text())
    key = (home / "portal.token").read_text().strip()
    connection = http.client.HTTPConnection(where["address"], where["port"], timeout=60)
    connection.request("GET", f"/api/v1/runs/{run}/events?lines=1", headers={"Authorization": f"Bearer {key}"})
    for line in connection.getresponse():
        if line.startswith(b'data: {"first"'):
            now = time.time_ns()
            late += [(now - int(one["message"])) / 1e9 for one in json.loads(line[6:])["lines"] if one["message"].isdigit()]
            if len(late) >= calls:
                break
    connection.close()


def shown(home, run, late):
    """How late each line is on the screen of a page that shows the run's log."""
    where = json.loads((home / "portal.json").read_text())
    with portal.window(where["url"], (home / "portal.token").read_text().strip()) as page:
        page.goto(f"{where['url']}runs/{run}?tab=logs")
        page.locator(".panel-logs .log").wait_for()
        page.evaluate(NOTE)
        until = time.monotonic() + 120
        while time.monotonic() < until and not page.evaluate(
            "(last) => document.querySelector('.panel-logs .log').innerText.includes(last)", ENDED
        ):
            page.wait_for_timeout(500)
        late += page.evaluate("window.late")


def measure(short):
    calls = 150 if short else 1000
    with agents.running() as (home, _):
        agents.wait((home / "outrider.db").exists)
        agents.wait((home / "portal.json").exists)
        command = [
            sys.executable,
            "-m",
            "outrider",
            "run",
            "--no-agent",
            "--run-id",
            "latency",
            "--",
            sys.executable,
            "-c",
            SCRIPT,
            str(calls),
            ENDED,
        ]
        process = subprocess.Popen(command, env=agents.environment(home), stdout=subprocess.DEVNULL)
        agents.wait(lambda: is_known(home, "latency"))
        late, on_screen = [], []
        listener = threading.Thread(target=told, args=(home, "latency", calls, late))
        looker = threading.Thread(target=shown, args=(home, "latency", on_screen))
        listener.start()
        looker.start()
        connection, seen = watch(home, process)
        listener.join()
        looker.join()
        agents.flush(home)
        values = [int(value) for (value,) in connection.execute("SELECT value FROM points_view WHERE name = 'sent' ORDER BY ordinal")]
        late = late[10:]  # the first ones were there before anybody listened
        found = [
            Figure("flushed print() to told by the portal, p50", percentile(late, 50), "s", 1.0),
            Figure("flushed print() to told by the portal, p99", percentile(late, 99), "s", 2.5),
            Figure("flushed print() to on the screen, p50", percentile(on_screen, 50), "s", 1.0),
            Figure("flushed print() to on the screen, p99", percentile(on_screen, 99), "s", 2.0),
        ]
        for what, times in [
            ("run.log() to visible in the store", delays(seen, 1, [(at, index + 1) for index, at in enumerate(values)])),
            ("flushed print() to visible in the store", delays(seen, 2, printed(connection))),
        ]:
            if len(times) != calls:
                raise AssertionError(f"{what}: {len(times)} of {calls} came")
            found += [Figure(f"{what}, p50", percentile(times, 50), "s", 0.5), Figure(f"{what}, p99", percentile(times, 99), "s", 2.0)]
        connection.close()
    return found
