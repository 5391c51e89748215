"""What end-to-end tests share: a script in a folder of its own; a browser and its windows, which report whatever goes wrong in them."""

from __future__ import annotations

import contextlib

import pytest

#: For a test of the portal or of a notebook, its agent's and its browser's beginning too. It only ends what hangs.
PORTAL_TIMEOUT_S = 600


def pytest_collection_modifyitems(items):
    """
    On a loaded machine the first test of a file, which waits for an agent and a browser, needs minutes. Files that share the browser run
    one after the other.
    """
    for item in items:
        if {"portal", "lab", "browser"} & set(item.fixturenames) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(PORTAL_TIMEOUT_S))
    asked = uses_browser(items)
    items.sort(key=lambda item: asked[item.path])


def uses_browser(items):
    """Of each file, whether a test of it asks for the browser."""
    found = dict.fromkeys((item.path for item in items), False)
    return found | {item.path: True for item in items if "browser" in item.fixturenames}


class Shared:
    """One browser for all files that run next to one another and ask for it."""

    def __init__(self):
        self._stack, self._found = contextlib.ExitStack(), None

    def open(self):
        """The browser; another one where it has crashed."""
        from browsing_rig import chromium

        if self._found is None or not self._found.is_connected():
            self.close()
            self._found = self._stack.enter_context(chromium())
        return self._found

    def close(self):
        self._found = None
        self._stack.close()


@pytest.fixture(scope="session")
def shared():
    """It ends with the session, if not before."""
    made = Shared()
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def _alone(shared, request):
    """Nothing runs an event loop beside the browser's: it is closed before a file that does not use it."""
    if not uses_browser(request.session.items)[request.path]:
        shared.close()


@pytest.fixture(scope="module")
def browser(shared):
    """One for all files that use it."""
    return shared.open()


@pytest.fixture
def window(portal, browser):
    """Opens windows of the file's portal; the test fails for whatever went wrong in them."""
    from browsing_rig import Window

    opened = []

    def open_one(**options):
        opened.append(Window(browser, portal.entry, **options))
        return opened[-1]

    yield open_one
    wrong = [text for one in opened for text in one.wrong]
    for one in opened:
        one.close()
    assert wrong == []


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Writes a script into a folder of its own, which is the working folder; returns its name."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def write(text, name="script.py"):
        (folder / name).write_text(text)
        return name

    return write
