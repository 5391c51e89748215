"""
What `RunDetails` shows where front ends differ from JupyterLab: sandboxed frames as of Colab and VS Code, a policy that lets no script
run, GitHub's page of a notebook, which has neither scripts nor styles nor drawings, a notebook that is not trusted, Notebook 7.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

import pytest
from browsing_rig import kept, profile
from chart_rig import card, run_id, tracked
from lab_rig import Lab, Page, converted, notebook

import outrider
from outrider import widget

RUN = """
import outrider
with outrider.start_run("widgets", "shown") as run:
    for step in range(40):
        run.log("loss", 4.0 / (1 + step), step=step)
    run.log("accuracy", 0.75)
    run.tag("selected", "yes")
    print("the last line")
"""
#: What a page around an output may be. VS Code's webview allows scripts in the page, but no modules of data: addresses.
VSCODE = (
    "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; child-src https: data:"
)
NOTHING = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
COLAB = "allow-downloads allow-forms allow-modals allow-popups allow-scripts"


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A home with one run, that an agent has taken in."""
    with tracked(tmp_path_factory, RUN) as made:
        yield made


@pytest.fixture(scope="module")
def fragment(portal):
    """The text/html of a run that has ended, with its charts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTRIDER_HOME", str(portal.path))
        run = outrider.Run(outrider.Experiment(None, "widgets"), run_id(portal, "shown"))
        look = widget._Look(run, has_charts=True)
        look.draw_charts()
        return look.bundle()["text/html"]


@pytest.fixture
def page(browser, fragment):
    """Opens the fragment as the output of a notebook: in a sandboxed frame of another origin, under a policy."""
    contexts = []

    def open_one(policy=None, sandbox=None, html=fragment):
        contexts.append(profile(browser, viewport={"width": 1000, "height": 1200}))
        made = contexts[-1].new_page()
        headers = {"Content-Security-Policy": policy} if policy else {}
        inner = f"<!doctype html><meta charset='utf-8'><body>{html}"
        outer = "<!doctype html><iframe src='https://outputs.test/' style='width:960px;height:1150px;border:0' "
        outer += f"sandbox='{escape(sandbox)}'></iframe>" if sandbox else "></iframe>"
        made.route("https://notebook.test/", lambda route: route.fulfill(body=outer, content_type="text/html"))
        made.route("https://outputs.test/", lambda route: route.fulfill(body=inner, content_type="text/html", headers=headers))
        made.goto("https://notebook.test/")
        return made, made.frame_locator("iframe")

    yield open_one
    for one in contexts:
        one.close()


CHARTS = "iframe[title='Charts of the run']"
WHOLE = ("shown", "Completed", "loss", "0.1", "40 points, 0.1 to 4", "selected: yes", "details")


def test_in_a_sandbox_of_another_origin_the_charts_are_drawn(page):
    """As Colab has it: scripts, but no origin of its own. Above them stands the fragment; their own head is not shown a second time."""
    shown, output = page(sandbox=COLAB)
    charts = output.frame_locator(CHARTS)
    charts.locator(f"{card('loss')} canvas").wait_for()
    text = output.locator(".outrider-run").inner_text()
    assert [word for word in WHOLE if word not in text] == []
    assert charts.locator("h1").count() == 1
    assert not charts.locator("h1").is_visible()
    assert not output.locator(".outrider-charts > p").is_visible()
    shown.screenshot(path=kept("widget-sandbox.png"))


def test_where_no_module_may_come_from_the_page_it_is_read_without(page):
    """As VS Code has it: the page in the frame opens, and is whole without its scripts."""
    shown, output = page(policy=VSCODE, sandbox=f"{COLAB} allow-same-origin")
    output.frame_locator(CHARTS).locator("table:has-text('loss')").wait_for()
    shown.screenshot(path=kept("widget-vscode.png"))


def test_where_no_script_may_run_a_sentence_says_so(page):
    """The fragment is whole; in the frame stands why there are no charts."""
    shown, output = page(policy=NOTHING)
    text = output.locator(".outrider-run").inner_text()
    assert [word for word in WHOLE if word not in text] == []
    output.frame_locator(CHARTS).locator("p:has-text('none may run here')").wait_for()
    shown.screenshot(path=kept("widget-no-scripts.png"))


class Cleaned(HTMLParser):
    """What GitHub leaves of an output: words, tables, links and what is open; no style, no script, no frame, no drawing."""

    KEPT = frozenset(["a", "b", "code", "details", "div", "h4", "h5", "p", "pre", "span", "summary", "table", "tbody", "td", "th", "tr"])

    def __init__(self, text):
        super().__init__()
        self.html, self._inside = "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "style", "iframe"):
            self._inside = tag
        elif tag in self.KEPT:
            self.html += f"<{tag}{''.join(f' {name}={value!r}' for name, value in attrs if name in ('href', 'open'))}>"

    def handle_endtag(self, tag):
        if tag == self._inside:
            self._inside = ""
        elif tag in self.KEPT:
            self.html += f"</{tag}>"

    def handle_data(self, data):
        if not self._inside:
            self.html += escape(data)


def test_on_github_it_is_whole_without_scripts_styles_and_drawings(page, fragment):
    """The course of a metric is there as block characters, and a sentence in the place of the charts."""
    cleaned = Cleaned(fragment).html
    assert not re.search(r"style|script|svg|iframe|outrider-run", cleaned.replace("by scripts", ""))
    shown, output = page(policy="default-src 'none'", html=cleaned)
    text = output.locator("body").inner_text()
    assert [word for word in (*WHOLE, "█▃▂", "none may run here") if word not in text] == []
    shown.screenshot(path=kept("widget-github.png"))


PAST = "import outrider\noutrider.RunDetails(outrider.Run(outrider.Experiment(None, 'widgets'), {run!r})).show()"


@pytest.mark.full  # a server of its own, and a notebook that is executed: half a minute
def test_a_notebook_that_is_not_trusted_and_one_in_notebook_7(portal, browser, tmp_path, monkeypatch):
    """The first is what JupyterLab leaves of an output; in the second, run there, the charts are drawn."""
    monkeypatch.setenv("OUTRIDER_HOME", str(portal.path))
    for name, kind in (("seven", "notebook"), ("lab", "jupyterlab")):
        folder = tmp_path / name
        folder.mkdir()
        lab = Lab(folder, kind=kind)
        path = notebook(lab.notebooks / "n.ipynb", PAST.format(run=run_id(portal, "shown")))
        saved = converted(path, folder, "--execute", "--to", "notebook") if name == "lab" else path
        opened = None
        try:
            lab.start()
            opened = Page(browser, lab, saved)
            if name == "lab":
                opened.page.wait_for_selector("table:has-text('loss')")
                text = opened.page.inner_text(".jp-OutputArea-output")
                assert [word for word in (*WHOLE, "█▃▂") if word not in text] == []
            else:
                opened.run_all()
                opened.wait_text("shown", "Completed")
                charts = opened.page.frame_locator(CHARTS)
                charts.locator(f"{card('loss')} canvas").wait_for()
            # Notebook 7.6 says of itself that it misses a schema of its settings, without anything of ours too.
            assert [text for text in opened.wrong if "schema" not in text] == []
            opened.page.screenshot(path=kept(f"widget-{name}.png"))
        finally:
            if opened is not None:
                opened.close()
            lab.stop()
