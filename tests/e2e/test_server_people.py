"""`outrider server` as people meet it: the sign-in page, the portal behind it, `outrider token`, what an agent's `status` says of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from urllib.parse import urlencode

import pytest
import servers
from browsing_rig import profile
from cli_home import Home
from server_rig import Asked, make_sink, piece
from spoolfiles import line
from waiting import until

from outrider import control
from outrider_agent import model
from outrider_agent.store import reading, tokens

HEAD = {"v": 1, "run": "9f3c0aa1b2c4", "w": "py-1", "seg": 0, "own": True, "exp": "ridge", "host": "box"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with one run of an agent's."""
    with servers.serving(tmp_path_factory.mktemp("server") / "central") as one:
        sink = make_sink(one, tmp_path_factory.mktemp("agent") / "machine")
        sink.commit(model.Batch(slices=(piece(model.StreamId("9f3c0aa1b2c4", "py-1"), line("head", **HEAD) + line("m", n="loss", v=0.5)),)))
        sink.close()
        yield one


@pytest.fixture
def ask(server):
    """A person with a token, and without one."""
    return Asked(server, f"person-{os.urandom(4).hex()}", scope="read")


def form(ask, token, onward="/", **headers):
    body = urlencode({"token": token, "next": onward})
    given = {"Content_Type": "application/x-www-form-urlencoded", **headers}
    status, content, answered = ask.raw("POST", "/sign-in", body, token="", **given)
    return status, content.decode(), answered


def test_a_page_asks_for_a_token_and_the_token_becomes_a_cookie(ask):
    """The cookie opens pages and API, is not the token, and no script can read it."""
    status, content, _ = ask.raw("GET", "/runs?experiment=ridge", token="")
    page = content.decode()
    assert (status, 'type="password"' in page, "ridge#1" in page, 'value="/runs?experiment=ridge"' in page) == (401, True, False, True)
    status, _, headers = form(ask, ask.token, "/runs?experiment=ridge")
    assert (status, headers["Location"]) == (303, "/runs?experiment=ridge")
    cookie = headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert ask.token not in cookie
    for path in ("/", "/runs?experiment=ridge", "/runs/9f3c0aa1b2c4", "/api/v1/runs"):
        assert ask.raw("GET", path, token="", Cookie=cookie.partition(";")[0])[0] == 200


def test_behind_tls_the_cookie_is_secure_and_our_origin_is_https(ask):
    """The proxy before us says so."""
    _, _, headers = form(ask, ask.token, X_Forwarded_Proto="https")
    assert "Secure" in headers["Set-Cookie"]
    cookie, host = headers["Set-Cookie"].partition(";")[0], "outrider.example.org"
    given = {"Cookie": cookie, "Host": host, "X_Forwarded_Proto": "https"}
    path = "/api/v1/runs/9f3c0aa1b2c4/cancel"
    assert ask.raw("POST", path, token="", Origin="http://outrider.example.org", **given)[0] == 403
    status, content, _ = ask.raw("POST", path, token="", Origin="https://outrider.example.org", **given)
    assert (status, "runs on box" in json.loads(content)["error"]) == (404, True)


@pytest.mark.parametrize("given", ["", "otr_wrong", "\x00", "é" * 100])
def test_a_wrong_token_opens_nothing(ask, given):
    """And the form is shown again."""
    status, page, headers = form(ask, given)
    assert (status, "opens nothing" in page, headers["Set-Cookie"]) == (401, True, None)


def test_a_token_for_agents_signs_nobody_in(server, ask):
    """Nor does one that has expired."""
    store = server.home / "outrider.db"
    for token in (tokens.create(store, "agents-only", scope="ship"), tokens.create(store, "old", expires=1)):
        assert form(ask, token)[0] == 401


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "", "/sign-in"])
def test_signing_in_leads_to_no_other_site(ask, onward):
    """Whatever the form was given."""
    assert form(ask, ask.token, onward)[2]["Location"] == "/"


def test_a_cookie_ends_with_its_token_and_cannot_be_made(server, ask):
    """Revoking signs out; another number, another signature, nonsense open nothing."""
    cookie = form(ask, ask.token)[2]["Set-Cookie"].partition(";")[0]
    name, _, value = cookie.partition("=")
    key, _, signed = value.partition(".")
    for wrong in (f"{int(key) + 1}.{signed}", f"{key}.{'0' * 64}", f"{key}.", "x.y", "9" * 50, f"{key}.é"):
        assert ask.raw("GET", "/runs", token="", Cookie=f"{name}={wrong}".encode())[0] == 401
    (token,) = [one for one in tokens.every(server.home / "outrider.db") if one.sha256 == tokens.hashed(ask.token)]
    tokens.revoke(server.home / "outrider.db", token.name)
    until(lambda: ask.raw("GET", "/runs", token="", Cookie=cookie)[0] == 401, message="a cookie outlives its token")


def test_another_site_can_neither_sign_in_nor_ask(ask):
    """A browser carries cookies for whoever asks; it says who that is."""
    foreign = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}
    assert form(ask, ask.token, **foreign)[0] == 403
    assert ask.raw("GET", "/runs", **foreign)[0] == 403
    assert ask.raw("POST", "/sign-in", "x" * 10_000, token="")[0] == 413


def test_a_server_beyond_loopback_gives_its_figures_to_those_that_may_read_it(tmp_path, ask):
    """Rule: how many agents ship how much is not for a whole network; is it well, is. On loopback neither needs a token."""
    assert [ask.raw("GET", path, token="")[0] for path in ("/metrics", "/healthz")] == [200, 200]
    with servers.serving(tmp_path / "central", "--address", "0.0.0.0") as wide:
        reads, ships = Asked(wide, "prometheus", scope="read"), Asked(wide, "fleet", scope="ship")
        assert [reads.raw("GET", path, token="")[0] for path in ("/metrics", "/healthz", "/healthz/live")] == [401, 200, 200]
        assert [reads.raw("HEAD", "/metrics", token="")[0], ships.raw("GET", "/metrics")[0]] == [401, 403]
        status, text, _ = reads.raw("GET", "/metrics", Host="central.example:7434")
        assert (status, b"outrider_uptime_seconds" in text) == (200, True)


def command(home, *words, **environ):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OUTRIDER_")}
    done = subprocess.run(
        [sys.executable, "-m", "outrider", *words, "--home", str(home)],
        env={**kept, "OUTRIDER_AGENT_AUTOSTART": "0", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_servers_log_has_the_form_that_is_set_and_sighup_ends_nothing(tmp_path):
    """Rule: what collects a container's log reads JSON where that was set; a reload takes the log's level, as an agent's does."""
    settings = tmp_path / "outrider.toml"
    settings.write_text('[log]\nformat = "json"\n')
    with servers.serving(tmp_path / "central", "--config", str(settings)) as one:
        assert "server_started" in [json.loads(text)["event"] for text in one.said().splitlines()]
        settings.write_text('[log]\nformat = "json"\nlevel = "warning"\n[server]\nmax_body_bytes = 70000\n')
        one.process.send_signal(signal.SIGHUP)
        until(lambda: "settings_need_a_restart" in one.said(), message="nothing was read again")
        settings.write_text("[server]\nrequire_token = 3\n")
        one.process.send_signal(signal.SIGHUP)
        until(lambda: "settings_not_reloaded" in one.said(), message="wrong settings were taken")
        assert one.stop() == 0


def test_the_commands_work_on_the_servers_machine(server):
    """Lists, shows, and its status; it cannot cancel what runs elsewhere, and says where."""
    assert "ridge#1" in command(server.home, "runs")[1]
    assert "loss" in command(server.home, "metrics", "latest")[1]
    _, out, _ = command(server.home, "status")
    assert ("nothing is wrong" in out, server.url in out) == (True, True)
    code, _, told = command(server.home, "cancel", "9f3c0aa1b2c4")
    assert (code, "runs on box" in told) == (1, True)
    assert json.loads(command(server.home, "ui", "--json")[1])["port"] == server.port
    code, _, told = command(server.home, "agent")
    assert (code, "already serves" in told) == (3, True)


def test_tokens_are_made_listed_and_revoked_by_command(tmp_path):
    """Shown once, on stdout alone; a name is used once."""
    home = tmp_path / "central"
    code, made, told = command(home, "token", "create", "ci", "--only", "ship", "--expires", "90d")
    assert (code, made.startswith("otr_"), "only time" in told) == (0, True, True)
    assert (home / "outrider.db").stat().st_mode & 0o077 == 0
    (listed,) = json.loads(command(home, "token", "list", "--json")[1])
    assert (listed["name"], listed["scope"], listed["holds"], listed["revoked"]) == ("ci", "ship", True, None)
    assert made.strip() not in command(home, "token", "list")[1]
    assert command(home, "token", "create", "ci")[0] == 1
    assert command(home, "token", "revoke", "ci")[0] == 0
    assert "revoked" in command(home, "token", "list")[1]
    assert [command(home, "token", *words)[0] for words in (("revoke", "nobody"), ("create",), ("create", "a b"))] == [1, 1, 1]
    assert command(home, "token", "create", "x", "--expires", "soon")[0] == 2


def test_a_server_that_everybody_could_write_to_does_not_start(tmp_path):
    """Without tokens on loopback only; a taken port is said."""
    code, _, told = command(tmp_path / "a", "server", "--address", "0.0.0.0", "--set", "server.require_token=false")
    assert (code, "everybody who reaches it could write" in told) == (2, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, told = command(tmp_path / "b", "server", "--port", str(taken.getsockname()[1]))
    assert (code, "set server.port" in told) == (1, True)
    code, _, told = command(tmp_path / "c", "agent", OUTRIDER_STORE_ENABLED="0")
    assert (code, "would go nowhere" in told) == (2, True)


def test_on_loopback_agents_may_come_without_a_token_where_that_was_set(tmp_path):
    """People still may not, and no other name leads here."""
    with servers.serving(tmp_path / "central", "--set", "server.require_token=false") as server:
        ask = Asked(server)
        assert ask("GET", "/streams/r1/py-1", token="")[0] == 200
        assert ask("GET", "/runs", token="")[0] == 401
        assert ask.raw("GET", "/api/v1/streams/r1/py-1", token="", Host="evil.example")[0] == 421


SCRIPT = """
import os, outrider
run = outrider.start_run("shipped")
for step in range(100):
    run.log("loss", 1 / (step + 1), step=step)
os.makedirs("outputs", exist_ok=True)
open("outputs/model.bin", "wb").write(b"weights" * 400_000)
run.upload_file("big.bin", "outputs/model.bin")
run.complete()
"""


def test_a_run_with_files_is_on_the_server_and_status_tells_each_sink(home, tmp_path):
    """A real script under `outrider run`; the server is down at first, and the agent says so without being unwell."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "train.py").write_text(SCRIPT)
    server = servers.Server(tmp_path / "central")
    given = server.settings(OUTRIDER_OUTPUTS_SETTLE_S="0.2", OUTRIDER_AGENT_STUCK_AFTER_S="0.5")
    environ = {**os.environ, **given, "OUTRIDER_AGENT_AUTOSTART": "0"}
    agent = subprocess.Popen(
        [sys.executable, "-m", "outrider_agent", "--home", str(home)], env=environ, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    try:
        until(lambda: control.agent_info(str(home)), 60)
        run = [sys.executable, "-m", "outrider", "run", "--no-agent", "--", sys.executable, "train.py"]
        subprocess.run(run, env=environ, cwd=work, check=True, timeout=60)

        def http(document):
            return next(one for one in document["sinks"] if one["name"] == "http")

        def status():
            return control.request(str(home), "GET", "/status", timeout=60)[1]

        document = until(lambda: (found := status()) and http(found)["error"] and http(found)["pending_bytes"] and found, 60)
        assert (http(document)["state"], document["sinks"][0]["name"]) == ("backing-off", "store")
        assert any("cannot be reached" in sentence and "Nothing is lost" in sentence for sentence in document["wrong"])
        until(lambda: not status()["sinks"][0]["pending_bytes"], 60, "the store waits for the sink that is down")
        assert control.request(str(home), "GET", "/health", timeout=60)[0] == 200
        _, out, _ = command(home, "status", **given)
        assert "cannot be reached" in out
        server.start().wait_ready()
        with reading.Reader(server.home / "outrider.db") as store:

            def arrived():
                runs = store.runs()
                return runs and runs[0].status == "Completed" and len(store.artifacts(runs[0].run_id)) == 2 and runs[0].run_id

            found = until(arrived, 60, "the run and its files are not on the server")
            assert len(store.points(found, "loss")) == 100
            for one in store.artifacts(found):
                blob = server.home / "blobs" / one.sha256[:2] / one.sha256
                until(blob.is_file)
                assert blob.read_bytes() == b"weights" * 400_000
        until(lambda: not http(status())["pending_bytes"] and not status()["wrong"])
    finally:
        agent.terminate()
        agent.wait(60)
        server.close()


def test_a_token_from_a_home_that_was_copied_is_no_key_of_another(server, tmp_path):
    """The cookie is signed with the home's own key: a copy of the store alone makes none."""
    other = tmp_path / "copy"
    other.mkdir()
    shutil.copy(server.home / "outrider.db", other / "outrider.db")
    assert Home(other).path == other
    ask = Asked(server, f"copied-{os.urandom(4).hex()}")
    cookie = form(ask, ask.token)[2]["Set-Cookie"].partition(";")[0]
    copied = servers.Server(other, token=False)
    try:
        copied.start().wait_ready()
        there = Asked(copied, "there")
        assert there.raw("GET", "/runs", token="", Cookie=cookie)[0] == 401
    finally:
        copied.close()


def test_a_person_signs_in_with_a_browser_and_sees_the_run(server, ask, browser):
    """What a real browser says of its form lets it in: it has no origin there, for the page gives no referrer."""
    context = profile(browser)
    page = context.new_page()
    try:
        assert page.goto(f"{server.url}/runs?experiment=ridge").status == 401
        page.get_by_label("Token").fill("otr_wrong")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("opens nothing here").wait_for()
        page.get_by_label("Token").fill(ask.token)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/runs?experiment=ridge")
        page.get_by_text("#1").first.wait_for()
        page.goto(f"{server.url}/runs/9f3c0aa1b2c4")
        page.get_by_text("loss").first.wait_for()
    finally:
        context.close()
