"""Who gets in, and what a browser may do with what it gets: the portal's key, cookie, Host, Origin and headers, over real HTTP."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from cli_home import ridge
from portal_rig import Portal, location

PAGES = ["/", "/runs", "/runs/latest", "/api/v1/experiments", "/api/v1/runs", "/api/v1/events", "/api/v1/runs/9f3c0aa1b2c4/console.txt"]


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """An agent with one run, for all tests that only ask."""
    made = Portal(tmp_path_factory.mktemp("portal") / "home")
    ridge(made.home)
    made.home.ingest()
    yield made.start(OUTRIDER_PORTAL_PORT="0")
    made.stop()


@pytest.mark.parametrize("path", PAGES)
def test_without_a_key_nothing_is_shown_but_what_to_type(portal, path):
    """Loopback is everybody's: a port number is no permission."""
    for given in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": b"Bearer \xff\xfe"},
        {"Cookie": f"{portal.cookie().split('=')[0]}=wrong"},
    ):
        answer = portal.ask(path, key=False, **given)
        assert answer.status == 401
        assert "outrider ui" in answer.text
        assert "ridge" not in answer.text
        assert portal.token not in answer.text
    assert portal.ask(f"{path}?token=wrong", key=False).status == 401


def test_the_key_in_the_address_becomes_a_cookie_and_leaves_the_address(portal):
    """The cookie is HttpOnly and Strict, is not the key, and opens every page."""
    answer = portal.ask(f"/runs?experiment=ridge&token={portal.token}&order=up", key=False)
    assert (answer.status, location(answer)) == (303, "/runs?experiment=ridge&order=up")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert portal.token not in cookie
    for path in ("/", "/runs?experiment=ridge", "/api/v1/runs"):
        assert portal.ask(path, key=False, Cookie=cookie.partition(";")[0]).status == 200


def test_the_key_opens_no_way_to_another_site(portal):
    """The redirect stays here, whatever the path looks like."""
    for path in ("//evil.example/x", "/%2f%2fevil.example/x", "///evil.example"):
        answer = portal.ask(f"{path}?token={portal.token}", key=False)
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/")
        assert not answer.headers["Location"].startswith("//")


def test_a_link_from_elsewhere_reaches_the_page_without_losing_the_cookie(portal):
    """A browser holds a Strict cookie back on such a navigation, redirects too: a page of ours goes on, once."""
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for path in (f"/?token={portal.token}", "/runs?experiment=ridge"):
        answer = portal.ask(path, key=False, **elsewhere)
        assert answer.status == 200
        assert 'http-equiv="refresh"' in answer.text
        assert portal.token not in answer.text
        assert "9f3c0aa1b2c4" not in answer.text
    again = portal.ask("/runs", key=False, **{**elsewhere, "Sec-Fetch-Site": "same-origin"})
    assert again.status == 401


def test_another_users_page_on_another_port_can_ask_for_nothing(portal):
    """Ports of one host are one site to a browser: it sends the cookie along, and says that the page is not ours."""
    foreign = {"Cookie": portal.cookie(), "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    for path in ("/", "/api/v1/runs", "/api/v1/runs/9f3c0aa1b2c4/console.txt"):
        assert portal.ask(path, key=False, **foreign).status == 403
    framed = {**foreign, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert portal.ask("/", key=False, **framed).status == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7433", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::2]", "10.0.0.1"]
)
def test_a_name_that_is_not_loopbacks_is_refused(portal, host):
    """DNS rebinding: the browser believes that it speaks with its own site. The key does not help."""
    answer = portal.ask("/", Host=host)
    assert answer.status in (400, 421)
    assert "ridge" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:9999", "localhost", "LOCALHOST:8000", "[::1]:7433"])
def test_every_name_and_port_of_loopback_is_served(portal, host):
    """A port may be forwarded by ssh."""
    assert portal.ask("/", Host=host).status == 200


def test_what_a_cookie_may_change_needs_our_own_origin(portal):
    """A form of another page would carry the cookie. A key in a header is only sent on purpose."""
    path, cookie, own = "/api/v1/runs/nowhere/cancel", portal.cookie(), f"http://127.0.0.1:{portal.port}"
    for origin in (None, "null", "http://evil.example", "http://127.0.0.1:1", f"https://127.0.0.1:{portal.port}"):
        given = {"Cookie": cookie} if origin is None else {"Cookie": cookie, "Origin": origin}
        assert portal.ask(path, "POST", key=False, **given).status == 403, origin
    assert portal.ask(path, "POST", key=False, Origin=own).status == 401
    assert portal.ask(path, "POST", Origin="http://evil.example").status == 403
    # Let in, and told that there is no such run.
    assert portal.ask(path, "POST", key=False, Cookie=cookie, Origin=own).status == 404
    assert portal.ask(path, "POST").status == 404


@pytest.mark.parametrize("path", ["/", "/runs/9f3c0aa1b2c4", "/api/v1/runs", "/nowhere", "/api/v1/nowhere"])
def test_every_answer_forbids_what_is_not_needed(portal, path):
    """A strict policy, no sniffing, no framing by others, no referrer, nothing kept."""
    headers = portal.ask(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "object-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_page_has_no_inline_script_or_style(portal):
    """What the policy promises, the page keeps: an import map and what chooses the theme, named by their hashes, and data blocks."""
    text = portal.ask("/runs/9f3c0aa1b2c4").text
    inline = [piece.partition(">")[0] for piece in text.split("<script")[1:] if " src=" not in piece.partition(">")[0]]
    assert sorted(inline) == [' type="application/json" id="data"', ' type="importmap"', ' type="text/javascript"']
    assert "style=" not in text
    assert "<style" not in text
    assert "//" not in text.replace("http://www.w3.org/2000/svg", "").partition("<main")[0].replace("data:image/svg+xml", "")


def test_the_files_that_let_one_in_are_the_users_own(portal):
    """0600, and the key is not in the file that says where the portal is."""
    for name in ("portal.token", "portal.json"):
        assert stat.S_IMODE((portal.path / name).stat().st_mode) == 0o600
    assert portal.token not in (portal.path / "portal.json").read_text()
    assert portal.token not in (portal.path / "agent.log").read_text()


def test_a_key_that_others_could_read_is_closed_at_the_start(home, monkeypatch):
    """The key stays the same over restarts, so an open page goes on; its mode is set right."""
    monkeypatch.setenv("OUTRIDER_PORTAL_PORT", "0")
    made = Portal(home).start()
    made.stop()
    assert not (home / "portal.json").exists()
    os.chmod(home / "portal.token", 0o644)
    key = made.token
    made.start()
    assert made.token == key
    assert stat.S_IMODE((home / "portal.token").stat().st_mode) == 0o600
    made.stop()


def test_a_port_that_is_taken_is_passed_over(home, monkeypatch):
    """The next free one is served, and said everywhere."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("OUTRIDER_PORTAL_PORT", str(port))
        made = Portal(home).start()
        assert made.port > port
        assert made.home.json("status")["portal"] == {"url": f"http://127.0.0.1:{made.port}/", "error": None}
        assert made.ask("/").status == 200
        made.stop()


def test_only_loopback_is_listened_on(portal):
    """Not on an address that another machine could reach."""
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    mine = [fields[1] for fields in listening if fields[3] == "0A" and int(fields[1].split(":")[1], 16) == portal.port]
    assert mine == [f"0100007F:{portal.port:04X}"]


def test_a_portal_that_is_switched_off_is_not_there(home, monkeypatch):
    """portal.enabled = false: no port, no file, and the agent works."""
    monkeypatch.setenv("OUTRIDER_PORTAL_ENABLED", "0")
    made = Portal(home)
    from outrider import control

    assert control.start_agent(str(home), wait=60.0)
    assert made.home.json("status")["portal"] == {"url": None, "error": None}
    code, _, err = made.home.run("ui", "--no-browser")
    assert code == 1
    assert "portal.enabled" in err
    assert not (home / "portal.json").exists()
    made.stop()
