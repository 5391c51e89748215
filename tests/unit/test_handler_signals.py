"""What a script's signal handler raises is the script's, whatever of ours it interrupts; and no record is written twice for it."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
import textwrap

import pytest
from handler_support import lines, run_script

ROUNDS = 150
#: `step()` is called until the alarm's exception comes; a round in which it never does is hung.
ALARMS = """
import logging, signal, sys, time
class Text:
    def __repr__(self):
        return "".join(chr(97 + i % 26) for i in range(40))
class StepTimeout({base}):
    pass
def alarm(number, frame):
    raise StepTimeout("alarm")
{setup}
i = 0
step(0)
signal.signal(signal.SIGALRM, alarm)
hung, returned = 0, []
for _ in range({rounds}):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        give_up = time.monotonic() + 2
        while time.monotonic() < give_up:
            i += 1
            step(i)
            returned.append(i)
        hung += 1
    except StepTimeout:
        pass
print(hung, i, *returned)
"""
LOGGER = 'log = logging.getLogger("x"); log.setLevel(10); log.propagate = False; log.addHandler({})\n'
STEPS = {
    "run.log": 'import outrider; run = outrider.start_run("t")\ndef step(i): run.log("i", i)',
    "run.param": 'import outrider; run = outrider.start_run("t")\ndef step(i): run.param("i", i)',
    "a plain record": "import outrider\n" + LOGGER.format("outrider.RunHandler()") + 'def step(i): log.info("n %d", i)',
    "a record with an object": "import outrider\n" + LOGGER.format("outrider.RunHandler()") + 'def step(i): log.info("n %d %r", i, Text())',
    "an extra field": "import outrider\n"
    + LOGGER.format("outrider.RunHandler()")
    + 'def step(i): log.info("n %d", i, extra={"o": Text()})',
}


def numbers(home):
    """The numbers that were logged, in order."""
    return [line["v"] if "v" in line else int(line["msg"].split()[1]) for line in lines(home) if line["k"] in "mlparam"]


@pytest.mark.parametrize("base", ["Exception", "TimeoutError"])
@pytest.mark.parametrize("step", STEPS)
def test_a_timeout_raised_by_a_signal_handler_reaches_the_script_and_doubles_no_record(tmp_path, step, base):
    """Law 1: it propagates. Law 3: what had returned is there, everything at most once, in order."""
    home = tmp_path / "home"
    text = ALARMS.format(base=base, setup=textwrap.dedent(STEPS[step]), rounds=ROUNDS)
    hung, _, *returned = map(int, run_script(home, text).stdout.split())
    assert hung == 0
    found = numbers(home)
    assert [number for number, times in collections.Counter(found).items() if times > 1] == []
    assert found == sorted(found)
    assert set(returned) <= set(found)


@pytest.mark.parametrize("message", ['"n %d", i', '"n %d %r", i, Text()'], ids=["plain", "with an object"])
def test_under_the_hook_a_timeout_raised_by_a_signal_handler_reaches_the_unmodified_script(tmp_path, message):
    """Bare, a logger with a NullHandler formats nothing: then the exception always reaches the script, and so it must with us."""
    script = tmp_path / "script.py"
    setup = LOGGER.format("logging.NullHandler()") + f"def step(i): log.info({message})"
    script.write_text(ALARMS.format(base="Exception", setup=setup, rounds=ROUNDS))
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-m", "outrider", "run", "--no-agent", "--", sys.executable, str(script)],
        env={**os.environ, "OUTRIDER_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    hung, _, *returned = map(int, done.stdout.split())
    assert hung == 0
    found = numbers(home)
    assert len(found) == len(set(found))
    assert set(returned) <= set(found)
