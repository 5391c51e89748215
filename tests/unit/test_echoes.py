"""A record's own print is told from every other line: by the format of its handler, or by what surely belongs to it. decisions/0005."""

from __future__ import annotations

import io
import json
import logging
import time
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider_agent.core import echoes
from outrider_agent.store import records

SECOND = 1_000_000_000
#: 2023-11-14, at second 20 of its minute.
START = 1_700_000_000 * SECOND
STDERR = {"f": 2, "lv": 0, "fmt": logging.BASIC_FORMAT, "st": "%"}


class Line(NamedTuple):
    text: str
    stream: str = "stderr"
    time: int = START + 1000


def record(message="epoch 1", key=1, **more):
    """A record as the store has it."""
    given = dict.fromkeys(records.LogRecord.__struct_fields__)
    given |= {"key": key, "writer": "py-1-a", "time": START, "level": 20, "logger": "root", "message": message, "thread": "MainThread"}
    return records.LogRecord(**{**given, **more})


def echoed(found, lines, printers=(STDERR,)):
    """Which records' prints the lines are."""
    told = echoes.Echoes()
    for one in found:
        told.record(one, printers)
    return [told.echo_of(line if isinstance(line, Line) else Line(line)) for line in lines]


def test_the_print_of_a_record_is_an_echo_once():
    """basicConfig prints what the hook recorded: the event is shown once."""
    assert echoed([record()], ["INFO:root:epoch 1", "INFO:root:epoch 1"]) == [1, None]


def test_a_record_that_two_handlers_print_has_two_echoes():
    """One on each stream."""
    both = [STDERR, {"f": 1, "lv": 0, "fmt": "%(message)s", "st": "%"}]
    assert echoed([record()], [Line("epoch 1", "stdout"), "INFO:root:epoch 1", Line("epoch 1", "stdout")], both) == [1, 1, None]


@pytest.mark.parametrize(
    ("line", "printers"),
    [
        ("epoch 1", [STDERR]),
        ("INFO:root:epoch 1 of 3", [STDERR]),
        ("INFO:train:epoch 1", [STDERR]),
        ("WARNING:root:epoch 1", [STDERR]),
        (Line("INFO:root:epoch 1", "stdout"), [STDERR]),
        (Line("INFO:root:epoch 1", time=START - 1), [STDERR]),
        (Line("INFO:root:epoch 1", time=START + 61 * SECOND), [STDERR]),
        ("INFO:root:epoch 1", []),
        ("INFO:root:epoch 1", [{**STDERR, "lv": 30}]),
        ("2023-11-14 22:13:21,123 epoch 1", [{**STDERR, "fmt": "%(asctime)s %(message)s"}]),
        ("the message is: epoch 1", [{"f": 0, "lv": 0, "own": True}]),
        ("INFO checking epoch 1", [{"f": 0, "lv": 0, "own": True}]),
        ('{"loss": "epoch 1"}', [{"f": 0, "lv": 0, "own": True}]),
    ],
)
def test_what_is_not_sure_is_no_echo(line, printers):
    """Another text, level, logger, stream or time; a handler that does not print it; or words on the line that nobody knows."""
    assert echoed([record()], [line], printers) == [None]


def test_a_short_message_needs_more_than_itself():
    """`1` ends many a line."""
    anyhow = [{"f": 0, "lv": 0, "own": True}]
    assert echoed([record("1")], ["12:00:01 1"], anyhow) == [None]
    assert echoed([record("1")], ["12:00:01 INFO 1"], anyhow) == [1]
    assert echoed([record("1")], ["epoch 1"], [{**STDERR, "fmt": "%(color)s%(message)s"}]) == [None]


@pytest.mark.parametrize(
    "line",
    [
        "2023-11-14 22:13:20.123 | INFO     | __main__:<module>:5 - the loss is stable",
        "\x1b[32m2023-11-14T22:13:20Z\x1b[0m [\x1b[32minfo     \x1b[0m] the loss is stable   \x1b[36mloss\x1b[0m=0.5",
        '{"message": "the loss is stable", "level": "INFO", "more": [1, 2]}',
        "[11/14/23 22:13:20] INFO     the loss is stable                    train.py:7",
        "the loss is stable",
    ],
)
def test_other_formatters_prints_are_known_by_what_is_on_the_line(line):
    """loguru's, structlog's, JSON, rich's: dates, level, place and fields are the record's."""
    one = record("the loss is stable", file="/x/train.py", line=7, function="<module>", extra={"loss": 0.5})
    assert echoed([one], [line], None) == [1]


def test_a_message_that_rich_wraps_is_one_echo():
    """By the record's file and line at the right, and the rest of the message below."""
    message = "a long message that does not fit on the line, so that it goes on in the next, and then it ends"
    one = record(message, file="/x/train.py", line=7)
    lines = [
        "[22:13:20] INFO     a long message that does not fit on the       train.py:7",
        "                    line, so that it goes on in the next, and",
        "                    then it ends",
        "then it ends",
    ]
    assert echoed([one], lines, [{"f": 1, "lv": 0, "own": True}]) == [None] * 4
    assert echoed([one], [Line(line, "stdout") for line in lines], [{"f": 1, "lv": 0, "own": True}]) == [1, 1, 1, None]


def test_the_traceback_below_a_record_is_its_echo_too():
    """A formatter prints message, traceback and stack: all are in the record."""
    one = record(
        "it broke\nbadly", level=40, logger="train", exception={"traceback": "Traceback (most recent call last):\nValueError: x\n"}
    )
    printed = ["ERROR:train:it broke", "badly", "Traceback (most recent call last):", "ValueError: x", "ValueError: x"]
    assert echoed([one], printed) == [1, 1, 1, 1, None]


def test_a_thread_prints_in_the_order_in_which_it_logs():
    """What was passed over is not waited for any more; another thread's is."""
    found = [record("one", 1), record("two", 2, thread="T"), record("three", 3)]
    assert echoed(found, ["INFO:root:three", "INFO:root:one", "INFO:root:two"]) == [3, None, 2]


def test_many_prints_that_wait_cost_no_more_than_a_few():
    """A reader that was stopped for a while gets thousands of lines at once, each of them once."""
    count = 5_000
    found = [record(f"step {index}", index) for index in range(count)]
    assert echoed(found, [f"INFO:root:step {index}" for index in range(count)]) == list(range(count))


FORMATS = [
    ("%(message)s", "%", None),
    ("%(asctime)s %(levelname)-8s [%(name)s] %(filename)s:%(lineno)03d %(funcName)s() %(message)s", "%", None),
    ("100%% %(asctime)s|%(threadName)10.4s|%(processName)s|%(process)d|%(msecs)03d|%(relativeCreated)8.2f %(message)s", "%", "%H:%M:%S"),
    ("{asctime} {levelname:>8} {name!r} {message}", "{", "%d %b %Y %I:%M:%S %p"),
    ("$asctime $$ ${levelname}: $message", "$", "%Y-%m-%dT%H:%M:%S%z"),
    ("%(levelname)s\n%(message)s\nat %(pathname)s", "%", None),
    ("%(message)s (%(module)s, %(epoch)s)", "%", None),
]


@settings(max_examples=40, deadline=None)
@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\r\x1b\x85\u2028\u2029", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40
    ),
    st.floats(1_000_000_000, 2_000_000_000),
    st.sampled_from(FORMATS),
)
def test_what_logging_formats_is_what_is_expected(message, created, layout):
    """Whatever the message, the time and the format, in each of the three styles: formatted by `logging` itself."""
    fmt, style, dates = layout
    made = logging.LogRecord("train", 20, "/x/train.py", 7, message, (), None, "work")
    made.created, made.msecs, made.epoch = created, created % 1 * 1000, 3
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(fmt, dates, style))
    handler.emit(made)
    if not message.strip():
        return
    one = record(message, time=int(created * 1e9), logger="train", file="/x/train.py", line=7, function="work", extra={"epoch": 3})
    printed = [Line(text, time=one.time + 1) for text in stream.getvalue()[:-1].split("\n")]
    printer = {"f": 2, "lv": 0, "fmt": fmt, "st": style} | ({"df": dates} if dates else {})
    assert echoed([one], printed, [printer]) == [1] * len(printed)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(min_size=1, max_size=20), st.text(max_size=100))
def test_no_format_message_or_line_breaks_it(fmt, message, line):
    """Any text a script can think of."""
    for style in "%{$":
        try:
            echoed([record(message)], [line], [{"f": 2, "lv": 0, "fmt": fmt, "st": style, "df": fmt, "own": True}])
        except ValueError:
            assert style == "{"  # a format that logging would not take either


def test_comparing_is_quick():
    """100,000 lines beside as many records in seconds, on whatever machine."""
    told = echoes.Echoes()
    began = time.process_time()
    for index in range(20_000):
        told.record(record(f"step {index}", index, time=START + index), [{**STDERR, "fmt": "%(asctime)s %(levelname)s %(message)s"}])
        assert told.echo_of(Line(f"2023-11-14 22:13:20,000 INFO step {index}", time=START + index + 1)) == index
        assert told.echo_of(Line(json.dumps({"printed": index}), time=START + index + 1)) is None
    assert time.process_time() - began < 20
