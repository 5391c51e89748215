"""Files on their way to a server, with agent and server killed and the connection cut at random: every byte of each, every record once."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time

import pytest
import servers
from fault_proxy import Proxy
from harness import agents
from waiting import until

from outrider import control
from outrider_agent.store import reading

SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
SCRIPT = """
import os, outrider
run = outrider.start_run("files")
os.makedirs("outputs", exist_ok=True)
for i in range(8):
    data = bytes([i]) * 1000 + os.urandom(100_000 * (1 + i % 4) ** 2)
    with open(f"outputs/{i}.bin", "wb") as file:
        file.write(data)
    run.log("loss", i, step=i)
    if i % 4 == 3:
        run.upload_file(f"uploaded/{i}.bin", f"outputs/{i}.bin")
run.complete()
"""


@pytest.mark.timeout(300)
def test_every_file_is_on_the_server_once_and_whole(home, tmp_path):
    """The order is blob, record, cursor: no record of outputs before its bytes, none lost, none of them twice."""
    print(f"FAULT_SEED={SEED}")
    chance = random.Random(SEED)
    work = tmp_path / "work"
    work.mkdir()
    server = servers.Server(tmp_path / "central").start().wait_ready()
    proxy = Proxy(server.port, SEED, weights={"pass": 84, "cut": 6, "swallow": 6, "500": 2, "429": 2})
    given = server.settings(proxy.url, OUTRIDER_SINKS_HTTP_PART_BYTES="65536", OUTRIDER_OUTPUTS_SETTLE_S="0.1", OUTRIDER_STORE_ENABLED="0")
    agent = agents.Agent(home, **given).wait_ready()
    try:
        command = [sys.executable, "-m", "outrider", "run", "--no-agent", "--", sys.executable, "-c", SCRIPT]
        subprocess.run(command, env=agents.environment(home), cwd=work, check=True, timeout=60)
        for _ in range(6):
            time.sleep(chance.uniform(0.05, 0.4))  # the random moment is the subject
            if chance.random() < 0.5:
                server.kill()
                whole(server)
                server.start()
            else:
                agent.kill()
                agent = agents.Agent(home, **given)
        server.wait_ready()
        agent.wait_ready()
        with reading.Reader(server.home / "outrider.db") as store:
            run = until(lambda: [one for one in store.runs() if one.status == "Completed"], 60, "the run has not ended on the server")[
                0
            ].run_id
            until(lambda: len(store.artifacts(run)) == 10, 60, "files are missing on the server")
            proxy.faults = False
            agents.flush(home)
            found = store.artifacts(run, all_versions=True)
            assert sorted((one.path, one.version) for one in found) == sorted(
                [(f"outputs/{i}.bin", 1) for i in range(8)] + [(f"uploaded/{i}.bin", 1) for i in (3, 7)]
            )
            assert [point.value for point in store.points(run, "loss")] == list(range(8))
            until(lambda: whole(server, owed=True), 60, "bytes of an upload are missing on the server")
        for path in sorted((work / "outputs").iterdir()):
            sha = hashlib.sha256(path.read_bytes()).hexdigest()
            assert sha in {one.sha256 for one in found if one.path == f"outputs/{path.name}"}
        assert not list((home / "sinks" / "http" / "owed").iterdir())
        until(lambda: not list((home / "spool").iterdir()), 60, "the spool is not given back")
        print(proxy.happened)
    finally:
        agent.kill()
        proxy.close()
        server.close()


def whole(server, *, owed=False):
    """Law: what the server has a record of, it has the bytes of, and they are those; but for what is `owed`, until it is paid."""
    with reading.Reader(server.home / "outrider.db") as store:
        for run in store.runs():
            for one in store.artifacts(run.run_id, all_versions=True):
                path = server.home / "blobs" / one.sha256[:2] / one.sha256
                if path.is_file():
                    assert hashlib.sha256(path.read_bytes()).hexdigest() == one.sha256
                elif owed:
                    return False
                else:
                    assert one.source == "upload", one.path
    return True


def test_a_large_file_holds_up_no_metric(home, tmp_path):
    """While a file's upload gets nowhere, what is logged is on the server at once."""
    server = servers.Server(tmp_path / "central").start().wait_ready()
    proxy = Proxy(server.port, 0, weights={"pass": 1})
    proxy.refuse = "/blobs/"
    work = tmp_path / "work"
    (work / "outputs").mkdir(parents=True)
    script = """
import sys, outrider
run = outrider.start_run("held")
open("outputs/big.bin", "wb").write(b"x" * 3_000_000)
run.upload_file("up.bin", "outputs/big.bin")
print("written", flush=True)
sys.stdin.readline()
run.log("loss", 1.0)
sys.stdin.readline()
"""
    given = server.settings(proxy.url, OUTRIDER_OUTPUTS_SETTLE_S="0.1")
    try:
        with agents.running(home, **given):
            command = [sys.executable, "-m", "outrider", "run", "--no-agent", "--", sys.executable, "-c", script]
            process = subprocess.Popen(
                command, env=agents.environment(home), cwd=work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            try:
                process.stdout.readline()
                until(lambda: proxy.happened["503"] > 1, 60, "no upload was tried")
                process.stdin.write("\n")
                process.stdin.flush()
                with reading.Reader(server.home / "outrider.db") as store:
                    run = until(store.runs)[0].run_id
                    until(lambda: [one.name for one in store.series(run)] == ["loss"], message="a metric waits for a file")
                    assert [one.path for one in store.artifacts(run)] == ["up.bin"]
                    document = control.request(str(home), "GET", "/status", timeout=60)[1]
                    assert any("A file is on its way" in sentence for sentence in document["wrong"])
                    proxy.refuse = None
                    until(lambda: len(store.artifacts(run)) == 2, 60, "the file is not there after its way was free")
            finally:
                process.kill()
                process.communicate()
    finally:
        proxy.close()
        server.close()
