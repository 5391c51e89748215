"""`outrider flare` and `outrider health`: a bundle that helps and gives nothing away; an exit code for probes."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile

import pytest
from cli_home import ROOT, Home, ridge

from outrider_agent.cli import flare

SECRET = "s3cr3t-t0k3n-value"


@pytest.fixture
def tracked(home, monkeypatch):
    """A home with one run, and no agent."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    ridge(made)
    made.ingest()
    return made


def bundle(tmp_path, *arguments):
    """Runs it; the text of each file in it, by name."""
    target = tmp_path / "flare.tar.gz"
    command = [sys.executable, "-m", "outrider", "flare", "--output", str(target), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert target.stat().st_mode & 0o777 == 0o600
    with tarfile.open(target) as archive:
        return {member.name: archive.extractfile(member).read().decode() for member in archive.getmembers() if member.isfile()}


def test_a_bundle_has_what_helps_and_neither_secrets_nor_what_runs_logged(tracked, home, tmp_path, monkeypatch):
    """Rule: settings, status, doctor, versions and the log; secrets are removed by name and by form; runs are named by a hash."""
    (run,) = [path.name for path in (home / "spool").iterdir() if path.is_dir()]
    monkeypatch.setenv("OUTRIDER_API_TOKEN", SECRET)
    (home / "portal.token").write_text(SECRET)
    lines = [
        {"event": "sink_unavailable", "error": f"https://me:{SECRET}@host/x answered 401 to Authorization: Bearer {SECRET}"},
        {"event": "end_refused", "run": run, "api_key": SECRET},
    ]
    (home / "agent.log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = bundle(tmp_path, "--no-agent")
    assert set(found) == {f"flare/{name}" for name in flare._contents(str(home), ask=False)}
    text = "\n".join(found.values())
    assert SECRET not in text
    assert run not in text
    assert "sink_unavailable" in found["flare/agent.log"]
    assert json.loads(found["flare/environment.json"])["OUTRIDER_API_TOKEN"] == "<removed>"
    assert json.loads(found["flare/versions.json"])["outrider"]
    assert {row["key"] for row in json.loads(found["flare/settings.json"])} >= {"portal.port", "spool.max_bytes"}
    assert json.loads(found["flare/status.json"])["streams"][0]["run"].startswith("run-")
    assert "ridge" not in text


def test_a_run_is_in_the_bundle_only_where_it_is_asked_for(tracked, home, tmp_path):
    """Rule: what a run logged is its owner's to give."""
    (run,) = [path.name for path in (home / "spool").iterdir() if path.is_dir()]
    found = bundle(tmp_path, "--no-agent", "--with-run", run)
    assert [name for name in found if name.startswith(f"flare/run/{run}/")]


def test_health_without_an_agent_is_exit_1_and_starts_none(home, monkeypatch):
    """Rule: a probe changes nothing."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "handler"))  # where -S leaves site-packages out
    for command in (["-m", "outrider", "health"], ["-S", "-m", "outrider.probe", "live"]):
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1, done.stderr
        assert done.stdout
        assert not (home / "agent.lock").exists()
