"""What end-to-end tests share: a script in a folder of its own; a browser and its windows, which report whatever goes wrong in them."""

from __future__ import annotations

import pytest

#: For a test of the portal or of a notebook, its agent's and its browser's beginning too. It only ends what hangs.
PORTAL_TIMEOUT_S = 600


def pytest_collection_modifyitems(items):
    """On a loaded machine the first test of a file, which waits for an agent and a browser, needs minutes."""
    for item in items:
        if {"portal", "lab", "browser"} & set(item.fixturenames) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(PORTAL_TIMEOUT_S))


@pytest.fixture(scope="module")
def browser():
    """One for all tests of a file."""
    from browsing_rig import chromium

    with chromium() as found:
        yield found


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
