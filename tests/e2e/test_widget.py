"""RunDetails in a real JupyterLab, in what nbconvert executes, and on a console."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from browsing_rig import kept
from lab_rig import Lab, Page, converted, notebook
from portal_rig import PATIENCE_S
from waiting import until

import outrider
from outrider import control, spool

PAST = """
import logging, outrider
logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
with outrider.start_run("widgets", "parent", run_id="past-parent") as run:
    for loss in (3.0, 2.0, 1.25):
        run.log("loss", loss)
    run.tag("selected", "yes")
    logging.info("fitted")
    with run.child_run(name="first child") as child:
        child.log("accuracy", 0.75)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """One server for the file."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lab")
        patch.setenv("OUTRIDER_HOME", str(folder / "home"))
        made = Lab(folder)
        made.start()
        yield made
        made.stop()
        stop_agent(folder / "home")


def stop_agent(home):
    """Ends the home's agent, if one was started."""
    if control.agent_info(str(home)):
        control.request(str(home), "POST", "/stop")
        until(lambda: not spool.is_locked(str(home / "agent.lock")), message="the agent did not stop")


@pytest.fixture
def opened(lab, browser):
    """Opens notebooks; the test fails for an error in their pages."""
    pages = []

    def open_one(*cells):
        path = notebook(lab.notebooks / f"n{len(list(lab.notebooks.iterdir()))}.ipynb", *cells)
        pages.append(Page(browser, lab, path))
        return pages[-1]

    yield open_one
    wrong = [text for page in pages for text in page.wrong]
    for page in pages:
        page.close()
    assert wrong == []


SHOWN = """
import outrider, time, pathlib
run = outrider.start_run("widgets", "live")
outrider.RunDetails(run).show()
print("shown")
"""
BUSY = """
pathlib.Path("busy").touch()
step = 0
while pathlib.Path("busy").exists():
    run.log("loss", 1 / (1 + step), step=step)
    step += 1
    time.sleep(0.05)
"""


def points(page):
    """How many points of `loss` the widget says that there are."""
    found = re.search(r"(\d+) points", page.text())
    return int(found[1]) if found else 0


def test_a_run_is_drawn_anew_while_a_cell_runs_and_ends_with_the_run(lab, opened):
    """The kernel trains in a cell; the widget of the cell above follows, and the last state is that of the end."""
    page = opened(SHOWN, BUSY, "run.complete()")
    page.run_all()
    page.wait_text("live", "Running", "experiment widgets")
    until((lab.notebooks / "busy").exists, PATIENCE_S)
    first = until(lambda: points(page), PATIENCE_S, "no points")
    until(lambda: points(page) > first, PATIENCE_S, "the widget stands still")
    assert page.is_busy()
    (lab.notebooks / "busy").unlink()
    page.wait_text("Completed", "points")
    page.page.screenshot(path=kept("widget-live.png"))
    assert page.page.locator(".outrider-run").count() == 1
    assert page.page.locator(".outrider-run svg").count() == 1


def test_a_past_run_with_children_is_shown_in_a_notebook(lab, opened):
    """Attached by its id, in another kernel: metrics, tags, children as a table, and a link."""
    subprocess.run(
        [sys.executable, "-c", PAST], env={**os.environ, "OUTRIDER_HOME": str(lab.folder / "home")}, timeout=PATIENCE_S, check=True
    )
    assert control.start_agent(str(lab.folder / "home"), wait=120), "charts are of what an agent has taken"
    page = opened("import outrider\noutrider.RunDetails(outrider.Run(outrider.Experiment(None, 'widgets'), 'past-parent')).show()")
    page.run_all()
    text = page.wait_text("parent", "Completed")
    for expected in (
        "1.25",
        "3 points, 1.25 to 3",
        "selected: yes",
        "first child",
        "accuracy",
        "0.75",
        "details",
        "Last lines",
        "INFO root: fitted",
    ):
        assert expected in text, expected
    charts = page.page.frame_locator("iframe[title='Charts of the run']")
    charts.locator("article[aria-label='loss'] canvas").wait_for()
    assert "loss: 3 points, last 1.25" in charts.locator("article[aria-label='loss'] .plot").get_attribute("aria-label")
    page.page.screenshot(path=kept("widget-past.png"))


def outputs(path):
    """The displayed bundles of an executed notebook."""
    cells = json.loads(path.read_text())["cells"]
    return [output["data"] for cell in cells for output in cell["outputs"] if output["output_type"] == "display_data"]


def test_nbconvert_keeps_the_last_state_as_static_html(tmp_path):
    """The run ends in a later cell, at the end of the notebook: what is saved says so, without a script of ours."""
    path = notebook(tmp_path / "n.ipynb", SHOWN, "run.log('mse', 0.5)", "run.complete()")
    saved = converted(path, tmp_path, "--execute", "--to", "notebook")
    shown = outputs(saved)
    assert len(shown) == 1
    page = "".join(shown[0]["text/html"])
    assert "Completed" in page
    assert "mse" in page
    assert "<script" not in page
    assert "live: Completed" in "".join(shown[0]["text/plain"])
    assert 'class="outrider-run"' in converted(saved, tmp_path, "--to", "html").read_text()


def drawn(charts):
    """How many points of `loss` the frame has drawn."""
    label = charts.locator("article[aria-label='loss'] .plot")
    found = re.match(r"loss: (\d+) points", (label.get_attribute("aria-label") or "") if label.count() else "")
    return int(found[1]) if found else 0


def test_the_charts_of_a_run_follow_it_in_the_portals_own_renderer(lab, opened):
    """In one frame, that is told what came: it is not made anew, so what is zoomed stays so. At the end it holds the whole run."""
    assert control.start_agent(str(lab.folder / "home"), wait=120), "charts are of what an agent has taken"
    page = opened(SHOWN, BUSY, "run.complete()")
    page.run_all()
    until((lab.notebooks / "busy").exists, PATIENCE_S)
    charts = page.page.frame_locator("iframe[title='Charts of the run']")
    charts.locator("article[aria-label='loss'] canvas").wait_for()
    first = until(lambda: drawn(charts), PATIENCE_S)
    charts.locator("button:text-is('log y')").click()
    until(lambda: drawn(charts) > first, PATIENCE_S, "the charts stand still")
    assert page.is_busy()
    assert charts.locator("button:text-is('log y')").get_attribute("aria-pressed") == "true"
    page.page.screenshot(path=kept("widget-charts-live.png"))
    (lab.notebooks / "busy").unlink()
    page.wait_text("Completed", "points")
    until(lambda: drawn(charts) == points(page), PATIENCE_S, "the last points are missing")
    assert page.page.locator("iframe[title='Charts of the run']").count() == 1


SUBMITTED = """
import outrider
run = outrider.Experiment(outrider.Workspace.from_config(), "widgets").submit(outrider.ScriptRunConfig("src", script="train.py"))
outrider.RunDetails(run).show()
"""
TRAIN = """
import outrider
run = outrider.Run.get_context()
for step in range(5):
    run.log("loss", 1 / (1 + step))
    print("step", step)
"""


def test_a_submitted_run_that_a_cell_waits_for_is_shown_whole(tmp_path):
    """The cell that waits holds back nothing: its end, its metrics and its last lines are in the cell above."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text(TRAIN)
    path = notebook(tmp_path / "n.ipynb", SUBMITTED, "run.wait_for_completion()")
    shown = outputs(converted(path, tmp_path, "--execute", "--to", "notebook"))[0]
    text = "".join(shown["text/plain"])
    for expected in ("Completed", "5 points, 0.2 to 1", "step 4"):
        assert expected in text, text


CONSOLE = """
import outrider
run = outrider.start_run("widgets", "plain")
for value in (1.0, 2.0, 4.0):
    run.log("loss", value)
outrider.RunDetails(run).show()
print("after")
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_on_a_console_it_is_text_once(home, tmp_path, encoding):
    """Whatever the terminal's encoding; show() returns, and no thread stays."""
    done = subprocess.run(
        [sys.executable, "-c", CONSOLE + "import threading; print(threading.active_count())"],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        cwd=tmp_path,
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    text = done.stdout.decode(encoding)
    assert "plain: Running, experiment widgets, run " in text
    assert re.search(r"loss +4 +\S+ +3 points, 1 to 4", text)
    assert text.splitlines()[-2:] == ["after", "1"]


def test_the_data_of_the_widget(home):
    """As old scripts read it: single values in lists."""
    with outrider.start_run("widgets", "data") as run:
        run.log("alpha", 0.5)
        run.log("mse", 2.0)
        run.log("mse", 1.0)
        with run.child_run(name="child") as child:
            child.log("alpha", 3)
    data = outrider.RunDetails(run).get_widget_data()
    assert (data["status"], data["run_id"], data["graph"]) == ("Completed", run.id, None)
    assert data["run_metrics"] == {"alpha": [0.5], "mse": [2.0, 1.0]}
    assert data["children_metrics"] == {child.id: {"alpha": [3]}}
    assert [one["run_id"] for one in data["child_runs"]] == [child.id]
    assert data["run_properties"]["created_utc"].endswith("+00:00")
    assert run.id in data["workbench_run_details_uri"]
