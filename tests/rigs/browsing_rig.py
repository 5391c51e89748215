"""Debian's Chromium, driven by Playwright: pages that report every error, and screenshots that are kept."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Error, sync_playwright
from portal_rig import PATIENCE_S
from waiting import until

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Screenshots of the last test run, to be looked at.
SHOTS = Path(__file__).resolve().parents[2] / "build" / "portal"


def kept(name):
    """Where a file is kept that a test makes to be looked at. The folder is made: on a new machine no test has been there before."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS / name


@contextmanager
def chromium():
    """A browser. Nothing else of the session may run an event loop while it is open."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_S * 1000)
        try:
            yield browser
        finally:
            browser.close()


def profile(browser, **options):
    """A profile of its own, in which a page has all the time that a busy machine may need."""
    made = browser.new_context(**options)
    made.set_default_timeout(PATIENCE_S * 1000)
    return made


class Window:
    """A page in a profile of its own, let in by the key. `wrong` collects what should not be: errors, refusals of the policy, dialogs."""

    def __init__(self, browser, entry, *, width=1280, height=900, dark=False):
        scheme = "dark" if dark else "light"
        self.context = profile(browser, viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce")
        self.wrong, self.asked = [], []
        #: Words of messages that a test has reason to expect.
        self.allowed = ()
        self.page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.origin = entry.partition("/?")[0]
        self.page.goto(entry)

    def _said(self, message):
        if message.type in ("error", "warning") and not any(word in message.text for word in self.allowed):
            self.wrong.append(message.text)

    def _dialog(self, dialog):
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, path):
        """Goes there."""
        self.page.goto(self.origin + path)
        return self.page

    def wait(self, expression, argument=None):
        """Until the expression is true in the page. Asked from outside: inside, the page's policy forbids to evaluate a text."""
        return until(lambda: self._evaluated(expression, argument), PATIENCE_S, f"{expression} in {self.page.url}")

    def wait_asked(self, *words):
        """The addresses with these words that the page asked for. What it asks is heard only while it is talked to."""

        def asked():
            self.page.evaluate("0")
            return [url for url in self.asked if all(word in url for word in words)]

        return until(asked, PATIENCE_S, f"nothing with {words} was asked for by {self.page.url}")

    def _evaluated(self, expression, argument):
        try:
            return self.page.evaluate(expression, argument)
        except Error as error:
            if "navigation" in str(error):  # the page is on its way to the next one
                return False
            raise

    def point(self, place, right, expression, argument=None):
        """Moves the pointer to that part of a place's width until the expression is true: what is above may still move the place."""

        def moved():
            self.page.locator(place).scroll_into_view_if_needed()
            box = self.page.locator(place).bounding_box()
            if box is not None:
                self.page.mouse.move(box["x"] + box["width"] * right, box["y"] + box["height"] / 2)
            return self._evaluated(expression, argument)

        return until(moved, PATIENCE_S, f"{expression} in {self.page.url}")

    def drag(self, place, begin, end, expression, argument=None):
        """Drags over a chart, between parts of its width and height, until it is told of that: one that is drawn meanwhile forgets it."""

        def dragged():
            self.page.locator(place).scroll_into_view_if_needed()
            box = self.page.locator(place).bounding_box()
            at, to = ((box["x"] + box["width"] * wide, box["y"] + box["height"] * high) for wide, high in (begin, end))
            self.page.mouse.move(*at)
            self.page.mouse.down()
            self.page.mouse.move(*to, steps=5)
            self.page.mouse.up()
            return self.comes_true(expression, argument)

        return until(dragged, PATIENCE_S, f"{expression} in {self.page.url}")

    def comes_true(self, expression, argument=None, within_s=5.0):
        """Whether what was just done makes it true: done a second time before that, it would be done twice."""
        with suppress(AssertionError):
            return until(lambda: self._evaluated(expression, argument), within_s)
        return False

    def shot(self, name):
        """Keeps a picture of the whole page."""
        self.page.screenshot(path=kept(f"{name}.png"), full_page=True)

    def is_too_wide(self):
        """Does the page scroll sideways?"""
        return self.page.evaluate("document.documentElement.scrollWidth > innerWidth")

    def close(self):
        self.context.close()
