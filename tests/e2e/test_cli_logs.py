"""`outrider logs`: everything by time, once; filters; the console byte for byte; following a run that still runs."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading

import pytest
from cli_home import SECOND, START, Home, ridge
from waiting import until

from outrider_agent.cli import main


@pytest.fixture
def tracked(home, monkeypatch):
    """A home with one run, its records in the store, and no agent."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    ridge(made)
    made.ingest()
    return made


@pytest.fixture
def read(capsys):
    """Runs a command in this process; the lines of its stdout."""

    def ran(*arguments):
        assert main.main(list(arguments)) == 0
        return capsys.readouterr().out.splitlines()

    return ran


def test_log_records_and_console_lines_are_woven_by_time_each_event_once(tracked, read):
    """A printed line that is a record's own print is not shown again; a traceback is indented under its record."""
    lines = [line[24:] if line.startswith("2023") else line for line in read("logs", "latest")]
    assert lines == [
        "INFO     train: epoch 1  [mse=0.4 step=1]",
        "stdout   hello world\ufffd",
        "stdout   \x1b[2mdone",
        "WARNING  root: getting hot",
        "ERROR    train: broke",
        "    Traceback (most recent call last):",
        "    ValueError: bad",
        "stdout   no newline",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--level", "warning"], ["getting hot", "broke"]),
        (["--level", "40"], ["broke"]),
        (["--grep", "^(hello|no)"], ["hello world", "no newline"]),
        (["--stream", "log", "--grep", "o"], ["epoch 1", "getting hot", "broke"]),
        (["-n", "1"], ["no newline"]),
        (["-n", "1", "--level", "info"], ["broke"]),
        (["--stream", "stderr", "-n", "5"], ["INFO:train:epoch 1"]),
    ],
)
def test_filters_are_joined(tracked, read, arguments, expected):
    """--level leaves log records only; --grep searches the message; -n takes the last of what is left."""
    lines = [line for line in read("logs", "latest", *arguments) if line[:4] == "2023"]
    assert len(lines) == len(expected)
    assert all(part in line for part, line in zip(expected, lines, strict=True))


def test_the_last_lines_are_the_same_however_they_are_found(home, read, monkeypatch):
    """-n alone reads from the end; with a filter that lets all pass it reads from the start."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    offset, lines = 0, []
    for index in range(900):
        lines.append({"k": "l", "t": START + index * 1000, "lv": 20, "msg": f"record {index}"})
        for piece in (f"INFO:root:record {index}\n", "li", f"ne {index}\n"):
            lines.append({"k": "c", "t": START + index * 1000 + 5, "f": 1, "o": offset, "d": piece})
            offset += len(piece)
    made.write("long", "py-1-aaaaaaaa", *lines)
    made.ingest()
    for count in ("1", "7", "60", "2000"):
        quick = read("logs", "long", "-n", count)
        assert quick == read("logs", "long", "-n", count, "--grep", "")
        assert quick == read("logs", "long")[-int(count) :]
        assert read("logs", "long", "-n", count, "--json") == read("logs", "long", "--json")[-int(count) :]


def test_the_console_comes_byte_for_byte(tracked):
    """--stream console: what the command wrote, in the order it was read; stdout and stderr alone too."""
    both = tracked.run("logs", "latest", "--stream", "console", text=False)
    assert both == (0, b"INFO:train:epoch 1\nhello world\xff\n\x1b[2mdone\nno newline", b"")
    assert tracked.run("logs", "latest", "--stream", "stdout", text=False)[1] == b"hello world\xff\n\x1b[2mdone\nno newline"
    assert tracked.run("logs", "latest", "--stream", "stderr", text=False)[1] == b"INFO:train:epoch 1\n"


def test_a_reader_that_stops_early_is_no_error(tracked):
    """`outrider logs … | head`: silent."""
    tracked.write("9f3c0aa1b2c4", "py-1-aaaaaaaa", *[{"k": "l", "t": START + index, "lv": 20, "msg": "x" * 200} for index in range(3000)])
    tracked.ingest()
    process = subprocess.Popen(**tracked.command("logs", "latest"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == main.BROKEN_PIPE
    assert process.stderr.read() == b""
    process.stderr.close()


class Following:
    """A follower of a run, its stdout collected as it comes."""

    def __init__(self, made, *arguments):
        command = made.command("logs", "latest", "-f", "--no-agent", *arguments)
        self.process = subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.thread = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        # extend() takes from the iterator one by one, so the list grows as lines come
        self.thread.start()

    def has(self, text):
        return any(text in line for line in list(self.lines))

    def end(self):
        code = self.process.wait(30)
        self.thread.join(30)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@pytest.fixture
def running(home, monkeypatch):
    """A run that has not ended, followed."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    made.write("live", "py-1-aaaaaaaa", {"k": "c", "t": START, "f": 1, "o": 0, "d": "begun\nhal"})
    made.ingest()
    followers = []

    def follow(*arguments):
        followers.append(Following(made, *arguments))
        return made, followers[-1]

    yield follow
    for one in followers:
        one.process.kill()
        one.end()


def test_following_shows_what_comes_and_ends_with_the_run(running):
    """A line without its end is held until the end comes, or the run is over."""
    made, follower = running()
    until(lambda: follower.has("begun"), message="the first line was not shown")
    more = {"k": "c", "t": START + SECOND, "f": 1, "o": 9, "d": "f a line\nlast"}
    made.write("live", "py-1-aaaaaaaa", more, {"k": "l", "t": START + SECOND, "lv": 20, "msg": "a record"})
    made.ingest()
    until(lambda: follower.has("half a line") and follower.has("a record"), message="news was not shown")
    assert not follower.has("last")
    made.write("live", "py-1-aaaaaaaa", {"k": "end", "t": START + 2 * SECOND, "status": "Completed", "reason": "completed"})
    made.ingest()
    assert follower.end() == 0
    assert follower.has("last")


def test_following_the_raw_console_ends_with_the_run_too(running):
    """--stream console -f: bytes as they come, partial lines at once."""
    made, follower = running("--stream", "console")
    until(lambda: follower.has("begun"), message="the first line was not shown")
    end = {"k": "end", "t": START + 2 * SECOND, "status": "Completed", "reason": "completed"}
    made.write("live", "py-1-aaaaaaaa", {"k": "c", "t": START + SECOND, "f": 1, "o": 9, "d": "f\n"}, end)
    made.ingest()
    assert follower.end() == 0
    assert "".join(follower.lines) == "begun\nhalf\n"


def test_ctrl_c_ends_following_with_130(running):
    """No traceback."""
    _, follower = running()
    until(lambda: follower.has("begun"), message="the first line was not shown")
    follower.process.send_signal(signal.SIGINT)
    assert follower.process.wait(30) == main.INTERRUPTED
    assert follower.process.stderr.read() == ""


def on_terminal(made, *arguments, answer=b"", **environ):
    """What a command writes to a terminal, given that answer."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        **made.command(*arguments, environ={"TERM": "xterm-256color", **environ}), stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    os.write(ours, answer)
    said = b""
    while True:
        try:
            data = os.read(ours, 65_536)
        except OSError:
            break
        if not data:
            break
        said += data
    os.close(ours)
    code = process.wait(30)
    assert code == (1 if answer == b"n\n" else 0), said
    return said.decode()


def test_on_a_terminal_a_script_cannot_talk_to_it(tracked):
    """Colours of the script stay and are ended; every other escape is shown as text."""
    line = {"k": "l", "t": START + 9 * SECOND, "lv": 20, "msg": "\x1b]0;gotcha\x07\x1b[31mred"}
    tracked.write("9f3c0aa1b2c4", "py-1-aaaaaaaa", line)
    tracked.ingest()
    said = on_terminal(tracked, "logs", "latest")
    assert "\\x1b]0;gotcha\\x07\x1b[31mred\x1b[0m" in said
    assert "\x1b]" not in said


def test_lists_have_colours_and_relative_times_on_a_terminal_only(tracked):
    """NO_COLOR is honoured; a pipe gets dates, and no escape."""
    shown = on_terminal(tracked, "runs")
    assert "years ago" in shown
    assert "\x1b[31mFailed (exit 3)" in shown
    without = on_terminal(tracked, "runs", NO_COLOR="1")
    assert "years ago" in without
    assert "\x1b[3" not in without
    code, piped, _ = tracked.run("runs")
    assert code == 0
    assert "2023-11-1" in piped
    assert "\x1b" not in piped


@pytest.mark.parametrize(
    "arguments",
    [
        ["experiments"],
        ["show", "latest"],
        ["metrics", "latest"],
        ["metrics", "latest", "loss"],
        ["metrics", "latest", "wave"],
        ["artifacts", "latest"],
        ["status"],
        ["doctor"],
        ["config", "show"],
    ],
)
def test_every_list_can_be_shown_on_a_terminal(tracked, arguments):
    """rich draws it; nothing but text and colours goes there."""
    said = on_terminal(tracked, *arguments)
    assert said
    assert 'File "' not in said


def test_a_download_shows_its_progress_on_a_terminal(tracked, tmp_path):
    """On stderr, and only there."""
    said = on_terminal(tracked, "download", "latest", "-o", tmp_path / "out")
    assert "2 files (12 B)" in said


def test_delete_asks_on_a_terminal(tracked):
    """No is the default."""
    assert "nothing was deleted" in on_terminal(tracked, "delete", "latest", answer=b"n\n")
    assert tracked.run("show", "latest")[0] == 0
    assert "deleted 1 run" in on_terminal(tracked, "delete", "latest", answer=b"y\n")
    assert tracked.run("show", "latest")[0] == 1
