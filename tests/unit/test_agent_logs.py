"""The agent's own log: JSON lines, bounded, and no flood of the same error."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from outrider_agent import logs


@pytest.fixture
def restored():
    """What `configure` changes for the process is put back."""
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    root.handlers[:] = before
    structlog.reset_defaults()


@pytest.fixture
def log(tmp_path, restored):
    file = logs.configure(path=tmp_path / "agent.log", level="info", max_bytes=70_000, foreground=False)
    yield structlog.get_logger(part="test")
    file.close()


def lines(tmp_path):
    return [json.loads(line) for line in (tmp_path / "agent.log").read_text().splitlines()]


def test_an_event_is_one_json_line_with_its_data_as_keys(log, tmp_path):
    """Rule: fixed name, data as keys, time and level; nothing below the level; anything at all can be said."""
    log.info("agent_started", pid=1, odd=object(), text="ä\udcff")
    log.debug("not_said")
    (line,) = lines(tmp_path)
    assert (line["event"], line["level"], line["part"], line["pid"]) == ("agent_started", "info", "test", 1)
    assert line["timestamp"].endswith("Z")


def test_repeated_errors_are_collapsed_and_others_are_not(log, tmp_path):
    """Rule: the first of a kind goes out, the rest is counted."""
    for _ in range(50):
        log.warning("sink_unavailable", error="locked")
    log.warning("sink_unavailable", error="full")
    assert [line["error"] for line in lines(tmp_path)] == ["locked", "full"]


def test_the_count_of_what_was_hidden_is_said_with_the_next_one():
    """Rule: nothing is hidden without being counted."""
    collapse = logs.Collapse(every_s=0.0)
    collapse._seen[("x", "")] = (0.0, 7)
    assert collapse(None, "error", {"event": "x"}) == {"event": "x", "repeated": 7}


def test_the_log_is_bounded(log, tmp_path):
    """Rule: at max_bytes it becomes agent.log.1, which replaces the last one."""
    for number in range(3000):
        log.info("something", number=number, text="x" * 50)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir() if path.name.startswith("agent.log")}
    assert set(sizes) == {"agent.log", "agent.log.1"}
    assert max(sizes.values()) <= 70_000
    assert lines(tmp_path)[-1]["number"] == 2999


def test_what_libraries_say_lands_in_the_same_place(log, tmp_path):
    """Rule: warnings of asyncio and aiohttp do not go to a terminal."""
    logging.getLogger("asyncio").warning("slow %s", "callback")
    (line,) = lines(tmp_path)
    assert (line["event"], line["logger"], line["error"]) == ("library_message", "asyncio", "slow callback")


def test_an_exception_keeps_its_traceback(log, tmp_path):
    """Rule: whoever hunts a fault finds where."""
    try:
        int("no")
    except ValueError:
        log.exception("part_failed")
    assert "test_agent_logs" in lines(tmp_path)[0]["exception"]


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    """Rule: the agent's log is the least of its duties."""
    file = logs.File(tmp_path / "none" / "agent.log", 1000)
    assert file.write("x\n") == 2
    file.close()
    file.close()


def test_in_the_foreground_nothing_is_written_to_the_file(tmp_path, restored, capsys):
    """Rule: --foreground is for people."""
    assert logs.configure(path=tmp_path / "agent.log", level="info", max_bytes=70_000, foreground=True) is None
    structlog.get_logger().info("agent_started", pid=5)
    assert not (tmp_path / "agent.log").exists()


def test_a_line_for_the_journal_has_its_priority_and_its_keys(tmp_path, restored, capsys):
    """Rule: what journald takes from a line's beginning (sd-daemon(3)), then the event and its data; always one line."""
    logs.configure(path=tmp_path / "agent.log", level="info", max_bytes=70_000, foreground=True, form="keys")
    structlog.get_logger(part="test").warning("sink_unavailable", error='no "room"\nat all', pid=1)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == '<4>sink_unavailable part=test error="no \\"room\\"\\nat all" pid=1'
