"""What a tracked script only prints, in the portal: its series, the line of a point, lines that nobody read, a rule made from one."""

from __future__ import annotations

import json
import re

import pytest
from portal_rig import PATIENCE_S, Portal
from waiting import until

SCRIPT = r"""
import logging
logging.basicConfig(level="INFO")
logging.info("epoch 0/5 auc=0.9")
for step in range(1, 6):
    print(f"epoch {step}/5 loss={1 / step:.3f}")
    print(f"and {'alpha beta gamma delta omega'.split()[step - 1]} quality of it is: {step / 10} as it seems")
print("filler\n" * 100 + "\r 1/2 [00:00<00:01, 1it/s, mse=0.2]\r 2/2 [00:01<00:00, 1it/s, mse=0.1]")
print("val_acc: 0.75", end="")
"""

EPOCHS = r"""
for epoch in range(1, 4):
    for batch in range(1, 21):
        print(f"Epoch {epoch} batch {batch}/20 loss={1 / (20 * epoch + batch):.4f}")
    print(f"Epoch {epoch} done, val_loss={1 / epoch:.3f}")
"""


BOTH = r"""
import outrider
run = outrider.start_run()
for step in range(3):
    run.log("loss", 1 / (step + 1), step=step)
    print(f"step {step}: loss={1 / (step + 1):.2f}, speed={step}")
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """Runs of a script that knows nothing of anybody; in two experiments, for a rule is an experiment's."""
    made = Portal(tmp_path_factory.mktemp("portal") / "home")
    made.start(OUTRIDER_PORTAL_PORT="0")
    for experiment in ("read", "ruled"):
        made.run(SCRIPT, tmp_path_factory.mktemp("prints"), experiment=experiment, name="prints")
    for name in ("one", "two"):
        made.run(EPOCHS, tmp_path_factory.mktemp("epochs"), experiment="epochs", name=name)
    made.run(BOTH, tmp_path_factory.mktemp("both"), experiment="both", name="both")
    made.flush()
    yield made
    made.stop()


def run_of(portal, experiment):
    return portal.api(f"/runs?experiment={experiment}")["runs"][0]["run_id"]


def test_the_api_tells_where_points_come_from(portal):
    """Line and rule of a point; the points of a line; how far the run is; what was not read."""
    run = run_of(portal, "read")
    series = {one["name"]: one for one in portal.api(f"/runs/{run}/metrics")}
    assert (series["loss"]["source"], series["loss"]["count"], series["val_acc"]["last"]) == ("printed", 5, 0.75)
    (one,) = portal.api(f"/runs/{run}/printed?name=loss&step=2")
    assert (one["text"], one["rule"], one["line"]) == ("epoch 2/5 loss=0.500", "kv", 4)
    back = portal.api(f"/runs/{run}/printed/at?fd={one['fd']}&from={one['offset']}&to={one['offset'] + 1}")
    assert back == [{"name": "loss", "ordinal": 1, "offset": one["offset"], "length": one["length"]}]
    progress = portal.api(f"/runs/{run}/progress")
    assert (progress["share"], progress["is_stalled"], progress["unread"]) == (1.0, False, 5)
    assert progress["lines"][-1]["text"] == "and omega quality of it is: 0.5 as it seems"
    assert portal.ask(f"/api/v1/runs/{run}/printed?name=nothing").status == 404


def test_a_rule_that_is_none_is_refused(portal):
    """With what to do; nothing is changed."""
    answer = portal.ask(f"/api/v1/runs/{run_of(portal, 'read')}/rules", "POST", body=json.dumps({"name": "q", "pattern": "no group"}))
    assert (answer.status, "brackets" in answer.text) == (400, True)
    assert portal.ask(f"/api/v1/runs/{run_of(portal, 'read')}/rules", "POST", body="[]").status == 400


def test_a_rule_is_made_on_the_page(portal, window):
    """Lines look like numbers; a rule reads them; a printed series shows its lines."""
    run = run_of(portal, "ruled")
    opened = window()
    opened.allowed = ("400",)  # a pattern that is none yet
    page = opened.page
    page.goto(f"{portal.url}/runs/{run}")
    page.get_by_text("5 lines look like numbers").click()
    page.get_by_role("button", name="0.4", exact=True).click()
    page.get_by_text("It reads 5 of these 5 lines").wait_for()
    page.get_by_text("[[metrics]]").wait_for()
    assert portal.ask(f"/api/v1/runs/{run}/printed?name=quality").status == 404  # a preview changes nothing
    page.get_by_label("Pattern, the number in brackets").fill("it is (")
    page.get_by_text("is no regular expression").wait_for()
    page.get_by_label("Pattern, the number in brackets").fill("it is: ([0-9.]+)")
    page.get_by_label("Metric", exact=True).fill("quality")
    page.get_by_role("button", name="Read by this rule").click()
    page.get_by_text("13 points read").wait_for()
    assert [one["value"] for one in portal.api(f"/runs/{run}/printed?name=quality&limit=2")] == [0.4, 0.5]
    page.get_by_role("button", name="loss", exact=True).click()
    page.get_by_text("epoch 5/5 loss=0.200").first.wait_for()


def test_a_point_leads_to_its_line_in_the_log(portal, window):
    """A link, which a reload keeps; a bar there unfolds."""
    page = window().page
    page.goto(f"{portal.url}/runs/{run_of(portal, 'read')}?tab=metrics")
    page.get_by_role("button", name="mse", exact=True).click()
    page.get_by_title("Show it in the log").first.click()
    for _ in range(2):
        found = page.locator(".log .found")
        found.get_by_text("2/2 [00:01<00:00").wait_for()
        page.reload()
    found.get_by_text("1 earlier state").click()
    found.get_by_text("1/2 [00:00<00:01").wait_for()
    until(lambda: "open=" in page.url, PATIENCE_S)
    page.reload()
    found.get_by_text("1/2 [00:00<00:01").wait_for()
    page.get_by_role("button", name="loss", exact=True).click()
    page.get_by_title("Show it in the log").first.click()
    page.locator(".log .found").get_by_text("epoch 1/5 loss=1.000").wait_for()


def test_a_line_leads_to_its_metrics(portal, window):
    """A line that points were read from is marked, as is the record whose print it is; the mark leads to the chart, and the point back."""
    page = window().page
    page.goto(f"{portal.url}/runs/{run_of(portal, 'read')}?tab=logs&find=epoch")
    line = page.locator(".log .line", has_text="epoch 2/5 loss=0.500")
    line.get_by_role("link", name="loss").click()
    chart = page.get_by_role("article", name="loss (printed)")
    chart.get_by_text("0.5", exact=True).wait_for()
    chart.get_by_role("link", name="line 4 of the log").click()
    page.locator(".log .found").get_by_text("epoch 2/5 loss=0.500").wait_for()
    page.goto(f"{portal.url}/runs/{run_of(portal, 'read')}?tab=logs&find=auc")
    page.locator(".log .log-info").get_by_role("link", name="auc").wait_for()  # of a record's print: beside the record
    page.goto(f"{portal.url}/runs/{run_of(portal, 'read')}?tab=logs&find=quality")
    page.locator(".log .line", has_text="quality").first.wait_for()
    assert page.locator(".log .readmark").count() == 0


def test_printed_series_have_an_axis_of_epochs(portal, window):
    """Batches lie within their epoch, what is printed at its end at its number; so of one run, and of two over one another."""
    runs = [one["run_id"] for one in portal.api("/runs?experiment=epochs")["runs"]]
    seen = window()
    page = seen.page
    for path in (f"runs/{runs[0]}?tab=metrics", f"compare?run={runs[0]}&run={runs[1]}&tab=charts"):
        page.goto(f"{portal.url}/{path}")
        page.get_by_role("button", name="Epoch", exact=True).click()
        for name, epochs in {"loss": ("3", "2.95"), "val_loss": ("3", "2")}.items():
            chart = page.get_by_role("article", name=f"{name} (printed)", exact=True)
            chart.locator(".plot .u-over").wait_for()
            chart.locator(".plot").focus()
            for epoch in epochs:
                page.keyboard.press("ArrowLeft")
                chart.locator(".readout").get_by_text(re.compile(rf"epoch {re.escape(epoch)}(?![.\d])")).wait_for()


def test_a_zoom_along_the_epochs_reads_what_lies_there(portal, window):
    """Finer buckets, as along steps and time, and each point stays where it was; a link shows the same."""
    run = portal.api("/runs?experiment=epochs")["runs"][0]["run_id"]
    seen = window()
    page = seen.open(f"/runs/{run}?tab=metrics#axis=epoch")
    chart = page.get_by_role("article", name="loss (printed)", exact=True)
    chart.locator(".plot .u-over").wait_for()
    seen.open("/")
    page = seen.open(f"/runs/{run}?tab=metrics#x=1.5..2.5&axis=epoch")
    chart.locator(".plot .u-over").wait_for()
    asked = seen.wait_asked("name=loss", "epochs=1", "from")
    assert len(portal.ask(asked[-1].removeprefix(portal.url).replace("f64", "json")).json()["last"]) < 30
    chart.locator(".plot").focus()
    for epoch in ("2.5", "2.45"):
        page.keyboard.press("ArrowLeft")
        chart.locator(".readout").get_by_text(re.compile(rf"epoch {re.escape(epoch)}(?![.\d])")).wait_for()


def test_what_is_logged_and_printed_is_one_key_metric(portal, window):
    """The script's own number is the key metric of its name; that which was read from its output stands beside it under Metrics."""
    run = run_of(portal, "both")
    assert sorted((one["name"], one["source"]) for one in portal.api(f"/runs/{run}/metrics") if one["name"] == "loss") == [
        ("loss", "call"), ("loss", "printed"),
    ]  # fmt: skip
    page = window().open(f"/runs/{run}")
    page.locator(".keytile h3", has_text="speed").wait_for()
    assert page.locator(".keytile h3", has_text="loss").count() == 1
