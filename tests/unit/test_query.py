"""The query box: what is read from a text, what it means for runs of a store, and what it says of a text that it cannot read."""

from __future__ import annotations

import sqlite3

import pytest
from cli_home import SECOND, START, Home
from hypothesis import given
from hypothesis import strategies as st

from outrider_agent.core import query
from outrider_agent.store import browsing, filtering, migrate

NOW = START + 3600 * SECOND
#: Of each run: its lines, and how it ends.
RUNS = {
    "adam-1": (
        [("m", "mse", 0.1), ("m", "val loss", 3), ("param", "lr", 1e-3), ("param", "opt", "adamw"), ("tag", "final", True)],
        "Completed",
    ),
    "adam-2": ([("m", "mse", 0.5), ("param", "lr", 3e-4), ("param", "opt", "adam"), ("tag", "note", "50% off")], "Failed"),
    "sgd-3": ([("m", "mse", 0.2), ("m", "mse", 0.9), ("param", "lr", "0.1"), ("param", "amp", False)], "Failed"),
    "bare": ([("m", "phase", "done")], "Completed"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Home(tmp_path_factory.mktemp("query") / "home")
    for number, (run, (lines, status)) in enumerate(RUNS.items()):
        at = START + number * 600 * SECOND
        written = [{"k": kind, "t": at + SECOND, "n": name, "v": value} for kind, name, value in lines]
        end = {
            "k": "end",
            "t": at + (number + 1) * 60 * SECOND,
            "status": status,
            "reason": "exit-code" if status == "Failed" else "completed",
        }
        made.write(run, "py-1-aaaaaaaa", {"k": "run", "t": at, "name": run.upper()}, *written, end, time=at)
    made.ingest()
    with browsing.Browser(made.path / "outrider.db") as reader:
        yield reader


def found(store, text, **more):
    page = store.page(browsing.Wanted(query=text, sort="started", down=False, **more), NOW)
    assert page.total == len(page.runs)
    return [one.run.run_id for one in page.runs]


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("", ["adam-1", "adam-2", "sgd-3", "bare"]),
        ("metrics.mse < 0.3", ["adam-1"]),
        ("min(metrics.mse) < 0.3", ["adam-1", "sgd-3"]),
        ("metrics.mse < 0.6 and params.lr in (1e-3, 3e-4) and status = failed", ["adam-2"]),
        ('metrics."val loss" >= 3', ["adam-1"]),
        ("metrics.phase = done", ["bare"]),
        ("count(metrics.mse) = 2", ["sgd-3"]),
        ("params.lr = 0.1", ["sgd-3"]),  # a number that was logged as a text
        ("params.lr != 0.001", ["adam-2", "sgd-3"]),
        ("params.lr < 0.01", ["adam-1", "adam-2"]),  # a text is less than no number
        ("not params.lr < 0.01", ["sgd-3", "bare"]),
        ("params.opt = adam", ["adam-2"]),
        ("params.opt ~ ADAM", ["adam-1", "adam-2"]),
        ("params.opt !~ w", ["adam-2"]),
        ("params.opt not in (adam)", ["adam-1", "sgd-3", "bare"]),
        ("tags.final", ["adam-1"]),
        ("tags.final = true", ["adam-1"]),
        ("params.amp", []),
        ("params.amp = false", ["sgd-3"]),
        ("tags.note ~ '50%'", ["adam-2"]),
        ("tags.note ~ '5%off'", []),
        ("adam", ["adam-1", "adam-2"]),
        ("adam and status = completed or bare", ["adam-1", "bare"]),
        ("adam and (status = failed or tags.final)", ["adam-1", "adam-2"]),
        ("started > 45m", ["sgd-3", "bare"]),
        ("duration >= 3m", ["sgd-3", "bare"]),
        ("duration < 90", ["adam-1"]),
        ("name = 'BARE'", ["bare"]),
        ("metrics.nothing", []),
        ("NOT metrics.mse", ["bare"]),
        ("id ~ 'sgd'", ["sgd-3"]),
        ("reason = exit-code and not (number > 99)", ["adam-2", "sgd-3"]),
    ],
)
def test_a_query_means(store, text, runs):
    """Each kind of test, and their combinations; a run without the field fails every test of it."""
    assert found(store, text) == runs


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("metrics.mse <", 13, "a value is expected"),
        ("metrics.mse < 0.3 status = failed", 18, "join tests by `and`"),
        ("statsu = failed", 0, "did you mean status"),
        ("status = faild", 0, "is no status"),
        ("(status = failed", 0, "not closed"),
        ("params.lr in 3", 13, "in (1e-3, 3e-4)"),
        ("params.lr in (3", 13, "not closed"),
        ("'abc", 0, "quotation mark"),
        ("and", 0, "a test is expected"),
        ("min(status) = 3", 4, "asked of a metric"),
        ("min(metrics.a) = red", 0, "compared with a number"),
        ("started > red", 0, "with a date"),
        ("started > 2026-99-99", 0, "is no date"),
        ("duration > red", 0, "seconds or a span"),
        ("metrics. < 3", 8, "a name is expected"),
        ("number ~ 3", 0, "is for text"),
        ("params.lr < true", 0, "by = and !="),
        ("not " * 80 + "adam", 244, "too deeply"),
        ("a" * 5000, 4000, "5,000 characters"),
        ("a $ b; drop", 2, "join tests by"),
    ],
)
def test_a_query_that_cannot_be_read_says_where_and_why(store, text, at, words):
    """The place is that of the character, for the box to show."""
    with pytest.raises(query.Wrong) as caught:  # its words are compared below
        found(store, text)
    assert caught.value.at == at
    assert words.lower() in str(caught.value).lower()


WORDS = [
    "(",
    ")",
    "and",
    "or",
    "not",
    "metrics.a",
    "<",
    "=",
    "in",
    ",",
    "3",
    "'x'",
    "~",
    "null",
    "1d",
    "status",
    "failed",
    "min",
    "started",
]


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_whatever_is_typed_is_a_condition_or_a_clear_refusal(text):
    """No text makes SQL that fails, or that asks for a parameter which is not given."""
    place, condition = 0, None
    try:
        condition = filtering.compiled(text, NOW)
    except query.Wrong as wrong:
        place = wrong.at
    assert 0 <= place <= len(text)
    if condition is not None:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        migrate.migrate(connection, ":memory:")
        asked = f"SELECT 1 FROM runs r JOIN experiments e USING (experiment_key) WHERE {condition.sql}"
        assert connection.execute(asked, {**condition.given, "now": NOW}).fetchall() == []
        connection.close()
