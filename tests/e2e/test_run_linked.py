"""One event is one line: what a script's own handlers print of a record is linked to it, whatever their format; nothing else is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from cli_home import Home
from tracked import RUN, gone, lines


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


@pytest.fixture
def told(home, tmp_path, monkeypatch):
    """Runs a script tracked; what `logs --json` says: (messages of records, other lines, [(line, its record's message)])."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")

    def run(text, shell=False):
        (tmp_path / "train.py").write_text("import logging, sys\n" + text)
        command = [*RUN, sys.executable, "train.py"]
        if shell:
            command = ["sh", "-c", '"$0" "$@" 2>&1', *command]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr
        made = Home(home)
        made.ingest()
        raw = {name: made.run("logs", "latest", "--stream", name, text=False)[1] for name in ("stdout", "stderr")}
        assert raw == {"stdout": done.stdout, "stderr": done.stderr}
        found = [json.loads(line) for line in made.run("logs", "latest", "--json")[1].splitlines()]
        records = {one["record"]: one["message"] for one in found if one["stream"] == "log"}
        for one in found:
            if one["stream"] != "log":
                place = raw[one["stream"]][one["offset"] : one["offset"] + one["length"]]
                assert place.decode().rstrip("\n") == one["message"]
        people = made.run("logs", "latest")[1].splitlines()
        assert sum(one.get("echo") is None for one in found) == len([line for line in people if line[:2] == "20"])
        others = [one["message"] for one in found if one["stream"] != "log" and "echo" not in one]
        links = [(one["message"], records[one["echo_of"]]) for one in found if "echo" in one]
        return list(records.values()), others, links

    return run


PLAIN = """
log = logging.getLogger("train")
for i in range(20):
    print("12:00:00 INFO beginning epoch", i, flush=True)
    log.info("epoch %d", i)
log.warning("hot")
print("see epoch 3", flush=True)
"""
SETUPS = {
    "basicConfig": 'logging.basicConfig(level="INFO")\n',
    "message only": 'logging.basicConfig(level="INFO", format="%(message)s")\n',
    "dates and places": 'logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)-8s %(filename)s:%(lineno)d %(message)s")\n',
    "braces": 'logging.basicConfig(level="INFO", format="[{asctime}] {name}: {message}", style="{", datefmt="%d/%b %I:%M:%S %p")\n',
    "stdout": 'logging.basicConfig(level="INFO", stream=sys.stdout, format="%(relativeCreated)d %(process)d %(message)s")\n',
    "json": """
from pythonjsonlogger.json import JsonFormatter
handler = logging.StreamHandler()
handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(message)s"))
logging.basicConfig(level="INFO", handlers=[handler])
""",
    "colours": """
import colorlog
handler = colorlog.StreamHandler()
handler.setFormatter(colorlog.ColoredFormatter("%(log_color)s%(levelname)-8s%(reset)s %(blue)s%(message)s", force_color=True))
logging.basicConfig(level="INFO", handlers=[handler])
""",
    "rich": """
from rich.logging import RichHandler
logging.basicConfig(level="INFO", format="%(message)s", datefmt="[%X]", handlers=[RichHandler()])
""",
    "a formatter of its own": """
class Own(logging.Formatter):
    def format(self, record):
        return f"{record.levelname[0]}{self.formatTime(record)} {record.getMessage()}"
handler = logging.StreamHandler()
handler.setFormatter(Own())
logging.basicConfig(level="INFO", handlers=[handler])
""",
    "a queue": """
import logging.handlers, queue, atexit
waiting = queue.Queue()
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
listener = logging.handlers.QueueListener(waiting, handler)
listener.start(); atexit.register(listener.stop)
logging.getLogger().addHandler(logging.handlers.QueueHandler(waiting))
logging.getLogger().setLevel("INFO")
""",
    "loguru behind it": """
from loguru import logger
class Intercept(logging.Handler):
    def emit(self, record):
        logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())
logging.basicConfig(level="INFO", handlers=[Intercept()])
""",
    "a RunHandler beside it": """
import outrider
logging.basicConfig(level="INFO", handlers=[logging.StreamHandler(), outrider.RunHandler()])
""",
}


@pytest.mark.parametrize("setup", list(SETUPS.values()), ids=list(SETUPS))
def test_a_records_print_is_shown_as_the_record_whatever_its_format(told, setup):
    """Each record once, each line that the script printed itself once; the link names the bytes of the raw stream."""
    records, others, links = told(setup + PLAIN)
    assert records == [f"epoch {i}" for i in range(20)] + ["hot"]
    assert others == [f"12:00:00 INFO beginning epoch {i}" for i in range(20)] + ["see epoch 3"]
    assert [message for _, message in links] == records
    assert all(message in line for line, message in links)


def test_stdout_and_stderr_in_one_file(told):
    """`2>&1`: one console; a handler that prints to stderr prints there."""
    records, others, links = told(SETUPS["basicConfig"] + PLAIN, shell=True)
    assert len(records) == len(links) == 21
    assert len(others) == 21


def test_a_line_that_looks_like_a_log_line_is_told_from_the_print(told):
    """Where the format is known, looking alike is not enough: the script prints what another format would."""
    setup = 'logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)\n'
    records, others, _ = told(setup + PLAIN.replace("12:00:00 INFO beginning epoch", "INFO:train:epoch"))
    assert len(records) == 21
    assert others == [f"INFO:train:epoch {i}" for i in range(20)] + ["see epoch 3"]


def test_what_no_handler_prints_is_never_linked(told):
    """The script logs to a file, and prints the same words itself: both are shown."""
    text = """
logging.basicConfig(level="INFO", filename="train.log", format="%(message)s")
quiet = logging.StreamHandler(); quiet.setLevel("ERROR"); logging.getLogger().addHandler(quiet)
for i in range(5):
    logging.info("epoch %d", i)
    print(f"epoch {i}", flush=True)
"""
    records, others, links = told(text)
    assert (records, links) == (others, [])


def test_tracebacks_and_lines_within_a_message_are_the_records(told):
    """All that one handler prints of a record is one event; a handler on each stream prints it twice."""
    text = """
logging.basicConfig(level="INFO", format="%(asctime)s\\n> %(message)s",
                    handlers=[logging.StreamHandler(), logging.StreamHandler(sys.stdout)])
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("it broke\\nbadly")
print("after")
"""
    records, others, links = told(text)
    assert (records, others) == (["it broke\nbadly"], ["after"])
    assert len(links) >= 2 * 7


def test_threads_that_log_at_once_are_linked_record_by_record(told):
    """Each of a thousand, by its text."""
    text = """
import threading
logging.basicConfig(level="INFO", format="%(threadName)s %(message)s")
def work(n):
    for i in range(250): logging.info("%d of %d", i, n)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
"""
    records, others, links = told(text)
    assert len(records) == len(links) == 1000
    assert others == []
    assert all(line.endswith(" " + message) for line, message in links)


def test_how_a_logger_prints_may_change(home, told):
    """A handler that is added, a format that is replaced: told again, and no more often."""
    text = """
import time
log = logging.getLogger("train")
log.warning("by the last resort")
logging.basicConfig(level="INFO", format="one %(message)s")
for i in range(1000): log.info("step %d", i)
logging.basicConfig(level="INFO", format="two %(message)s", force=True)
for i in range(1000): log.info("more %d", i)
"""
    records, others, links = told(text)
    assert len(records) == len(links) == 2001
    assert others == []
    assert len(lines(home, "pr")) == 3
