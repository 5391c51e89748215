"""The agent as a service: what it tells systemd, what a reload changes, what machines may ask; as real processes and real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from harness import agents, life
from prometheus_client.parser import text_string_to_metric_families
from waiting import until

from outrider import control

#: The store's disk is full, as SQLite says it: another connection holds the write lock for good.
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""

#: As systemd starts a service: the socket is descriptor 3, and the variables name this process.
HAND_IN = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, [sys.executable, "-m", "outrider_agent", "--home", sys.argv[2]])
"""


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.lines = []

    def heard(self):
        """Every line so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.lines += self.socket.recv(65536).decode().split("\n")
        return self.lines

    def since(self, count):
        return self.heard()[count:]

    def statuses(self):
        return [line.removeprefix("STATUS=") for line in self.heard() if line.startswith("STATUS=")]


@pytest.fixture
def manager(tmp_path):
    made = Manager(tmp_path / "notify")
    yield made
    made.socket.close()


def test_a_service_manager_hears_of_readiness_progress_and_the_end(home, manager):
    """Rule: READY once it answers, beats while there is progress, a status line for people, STOPPING with the time it may need."""
    with agents.running(home, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="1500000") as agent:
        heard = until(lambda: "READY=1" in manager.heard() and manager.heard())
        assert f"MAINPID={agent.process.pid}" in heard
        until(lambda: manager.heard().count("WATCHDOG=1") >= 3)
        life.log_lines(home, "r1", 500)
        until(lambda: any(line.endswith(" nothing waits, 501 records delivered") for line in manager.statuses()), message="no status line")
        assert agent.stop() == 0
    heard = manager.heard()
    assert "STOPPING=1" in heard
    assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in heard)


def test_a_store_that_cannot_be_written_is_said_and_is_no_reason_for_the_watchdog(home, manager):
    """Rule: a restart does not make room on a disk; the status line says what is wrong instead."""
    with agents.running(home, "--set", "agent.stuck_after_s=1", NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="1500000"):
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(home / "outrider.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            holder.stdout.readline()
            life.log_lines(home, "r1", 100)
            until(lambda: any("bytes wait for the sink store" in line for line in manager.statuses()), 60)
            until(lambda: control.request(str(home), "GET", "/healthz")[0] == 503)
            assert control.request(str(home), "GET", "/healthz/live") == (200, {"ok": True, "live": True})
            assert control.request(str(home), "GET", "/healthz/progress")[0] == 503
            count = len(manager.heard())
            until(lambda: manager.since(count).count("WATCHDOG=1") >= 2)
        finally:
            holder.communicate()
        until(lambda: control.request(str(home), "GET", "/healthz")[0] == 200, 60)


def test_a_sink_that_has_stopped_for_good_gets_no_beat(home, manager):
    """Rule: the watchdog hears of progress, not of a pulse: the agent answers, its sink's thread is gone, and a new start is what helps."""
    with agents.running(home, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="900000") as agent:
        until(lambda: control.request(str(home), "GET", "/healthz/ready")[0] == 200)
        with contextlib.closing(sqlite3.connect(home / "outrider.db", timeout=30)) as connection:
            connection.execute("DROP TABLE streams")
        life.log_lines(home, "r1", 100)
        until(lambda: "watchdog_not_answered" in agent.said(), message="the stopped sink was not noticed")
        assert control.request(str(home), "GET", "/healthz/live")[0] == 200
        assert control.request(str(home), "GET", "/healthz/progress")[0] == 503
        count = len(manager.heard())
        time.sleep(1.0)  # the subject itself: nothing is said in the time of three beats
        assert "WATCHDOG=1" not in manager.since(count)


def test_sighup_reads_the_settings_again_and_says_what_needs_a_restart(home, manager, tmp_path):
    """Rule: a reload takes what can be taken, names what cannot, and wrong settings change nothing."""
    file = tmp_path / "outrider.toml"
    file.write_text("")
    with agents.running(home, "--config", str(file), NOTIFY_SOCKET=manager.path) as agent:
        file.write_text('[spool]\nmax_bytes = 5000000\n[ship]\nbatch_records = 7\n[log]\nlevel = "debug"\n')
        agent.send(signal.SIGHUP)
        until(lambda: "settings_reloaded" in agent.said())
        assert "ship.batch_records" in agent.said()
        assert "settings_need_a_restart" in agent.said()
        until(lambda: control.request(str(home), "GET", "/status")[1]["spool"]["cap"] == 5_000_000)
        until(lambda: manager.heard().count("READY=1") == 2)
        assert "RELOADING=1" in manager.heard()
        file.write_text("[spool]\nmax_byte = 1\n")
        agent.send(signal.SIGHUP)
        until(lambda: "settings_not_reloaded" in agent.said())
        assert control.request(str(home), "GET", "/status")[1]["spool"]["cap"] == 5_000_000
        assert agent.stop() == 0


def test_the_log_file_that_was_moved_away_is_begun_anew_by_a_reload(home):
    """Rule: what rotates logs (logrotate) moves the file and sends SIGHUP; no line is lost between the two."""
    process = subprocess.Popen([sys.executable, "-m", "outrider_agent", "--home", str(home)], env=agents.environment(home))
    try:
        until(lambda: agents.answers(home))
        (home / "agent.log").rename(home / "moved.log")
        process.send_signal(signal.SIGHUP)
        until(lambda: (home / "agent.log").exists() and b"\n" in (home / "agent.log").read_bytes())
        assert json.loads((home / "agent.log").read_text().splitlines()[0])["event"] == "settings_reloaded"
    finally:
        process.terminate()
        process.wait(30)


def test_prometheus_reads_the_figures_on_the_portals_port_without_a_key(home):
    """Rule: counts and sizes need no key; nothing of them names a run; what does name one needs it still."""
    with agents.running(home, "--set", "portal.port=0"):
        life.log_lines(home, "secret-run", 300)
        agents.flush(home)
        url = until(lambda: control.request(str(home), "GET", "/status")[1]["portal"]["url"])
        with urllib.request.urlopen(f"{url}metrics", timeout=60) as answer:
            text = answer.read().decode()
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        found = {sample.name: sample for family in text_string_to_metric_families(text) for sample in family.samples}
        assert found["outrider_sink_records_total"].value >= 300
        assert found["outrider_sink_records_total"].labels == {"sink": "store"}
        assert (found["outrider_sink_pending_bytes"].value, found["outrider_progress"].value, found["outrider_ready"].value) == (0, 1, 1)
        assert found["process_resident_memory_bytes"].value > 1 << 20
        assert "secret-run" not in text
        assert json.loads(urllib.request.urlopen(f"{url}healthz", timeout=60).read())["ok"] is True
        # A probe of a cluster asks by the pod's address, not by a name of loopback.
        connection = http.client.HTTPConnection(url.split("/")[2], timeout=60)
        connection.request("GET", "/healthz/ready", headers={"Host": "10.1.2.3:7433"})
        assert connection.getresponse().status == 200
        connection.close()
        connection = http.client.HTTPConnection(url.split("/")[2], timeout=60)
        connection.request("GET", "/api/v1/runs")
        assert connection.getresponse().status == 401
        connection.close()


def test_an_agent_without_a_store_is_asked_on_a_port_of_its_own(home):
    """Rule: a sidecar has no portal; what a kubelet and Prometheus ask is answered on the port it was given, and nothing else there."""
    only_ships = ["store.enabled=false", "sinks.http.url=http://127.0.0.1:1", "probes.address=127.0.0.1", "probes.port=0"]
    with agents.running(home, *(word for one in only_ships for word in ("--set", one))):
        told = control.request(str(home), "GET", "/status")[1]
        assert told["portal"]["url"] is None
        url = told["probes"]["url"]
        assert json.loads(urllib.request.urlopen(f"{url}healthz/live", timeout=60).read()) == {"ok": True, "live": True}
        life.log_lines(home, "secret-run", 300)

        def waits():
            text = urllib.request.urlopen(f"{url}metrics", timeout=60).read().decode()
            found = {sample.name: sample for family in text_string_to_metric_families(text) for sample in family.samples}
            assert "secret-run" not in text
            pending = found["outrider_sink_pending_bytes"]
            return pending if pending.value else None

        assert until(waits, message="what waits for the server is not seen").labels == {"sink": "http"}
        for path in ("", "status", "api/v1/runs"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(url + path, timeout=60)


def test_a_port_for_probes_that_is_taken_is_said_and_the_agent_goes_on(home):
    """Rule: no other port is taken in its place, for nobody would ask there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with agents.running(home, "--set", "probes.address=127.0.0.1", "--set", f"probes.port={number}") as agent:
            assert "probes_not_answered" in agent.said()
            told = control.request(str(home), "GET", "/status")[1]
            assert told["probes"]["url"] is None
            assert [sentence for sentence in told["wrong"] if f"127.0.0.1:{number} cannot be listened on" in sentence]
            life.log_lines(home, "r1", 10)
            agents.flush(home)


def test_a_probe_keeps_no_idle_agent_awake(home):
    """Rule: who only watches is no use of the agent."""
    with agents.running(home, "--idle-exit", "--set", "agent.idle_exit_s=1") as agent:

        def asked_until_it_ended():
            with contextlib.suppress(OSError):
                control.request(str(home), "GET", "/healthz", timeout=2)
                control.request(str(home), "GET", "/metrics", timeout=2)
            return not agent.alive

        until(asked_until_it_ended, message="the probes kept it")
        assert agent.wait_dead() == 0


def test_a_socket_that_systemd_hands_in_is_the_portals(home):
    """Rule: LISTEN_FDS: requests that come while no agent runs wait in the socket, and are answered by the next one."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(16)
    port = listening.getsockname()[1]
    early = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    early.request("GET", "/healthz")
    process = subprocess.Popen(
        [sys.executable, "-c", HAND_IN, str(listening.fileno()), str(home)], env=agents.environment(home), pass_fds=[listening.fileno()]
    )
    try:
        assert early.getresponse().status in (200, 503)
        until((home / "portal.json").exists)
        assert json.loads((home / "portal.json").read_text())["port"] == port
    finally:
        process.terminate()
        process.wait(30)
        listening.close()
        early.close()
