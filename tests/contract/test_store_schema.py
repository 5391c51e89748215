"""The schema's versions, and what a reader or writer makes of a store that is missing, foreign, newer or damaged."""

from __future__ import annotations

import contextlib
import sqlite3
import stat

import pytest

from outrider import stored
from outrider_agent import errors
from outrider_agent.store import connect, editing, migrate, queries, reading, sqlite


def test_a_new_store_has_the_newest_schema(tmp_path):
    """And opening it again changes nothing."""
    path = tmp_path / "deep" / "outrider.db"
    sqlite.SqliteStore(path).close()
    sqlite.SqliteStore(path).close()
    connection = connect.reader(str(path))
    assert migrate.version(connection) == migrate.newest() == len(migrate.migrations())
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_migrated_schema_and_a_fresh_one_agree(tmp_path):
    """Step by step or all at once."""

    def schema(connection):
        return sorted(row[0] for row in connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))

    fresh, stepped = sqlite3.connect(":memory:", isolation_level=None), sqlite3.connect(":memory:", isolation_level=None)
    migrate.migrate(fresh, "fresh")
    for _, script in migrate.migrations():
        stepped.executescript(script)
    assert schema(fresh) == schema(stepped)
    fresh.close()
    stepped.close()


def test_migrations_are_numbered_one_after_another():
    """Two files of one number would be two schemas of one name."""
    numbers = [number for number, _ in migrate.migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_scripts_read_the_schema_that_the_agent_writes():
    """Without an agent a script reads the store's file by itself: whoever adds a migration looks at history.sql, and then counts on."""
    assert migrate.newest() == stored.SCHEMA


def test_a_newer_schema_is_left_alone(tmp_path):
    """By writers and readers, with a word on what to do."""
    path = tmp_path / "outrider.db"
    sqlite.SqliteStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {migrate.newest() + 1}")
    connection.close()
    with pytest.raises(errors.SchemaTooNew, match="upgrade"):
        sqlite.SqliteStore(path)
    with reading.Reader(path) as store, pytest.raises(errors.SchemaTooNew):
        store.runs()


def test_a_missing_store_reads_as_an_empty_one_until_it_is_there(tmp_path):
    """Nobody has logged anything yet."""
    path = tmp_path / "outrider.db"
    with reading.Reader(path) as store:
        assert store.runs() == store.experiments() == []
        with pytest.raises(errors.NotFound, match="no run yet"):
            store.find_run("latest")
        assert not path.exists()
        path.touch()
        assert store.runs() == []
        sqlite.SqliteStore(path).close()
        assert store.runs() == []
        assert store.streams() == []


@pytest.mark.parametrize("number", [0, 1])
def test_what_was_deleted_long_ago_is_not_looked_for_while_the_schema_is_made(tmp_path, number):
    """The agent's purge begins with the agent, beside whoever makes or upgrades the store: it finds nothing then, and does not fail."""
    path = tmp_path / "outrider.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for _, script in migrate.migrations()[:number]:
            connection.executescript(script)
        connection.execute(f"PRAGMA user_version = {number}")
    assert editing.hidden_before(path, 1 << 62) == []


def test_a_damaged_store_is_unavailable_and_says_what_to_do(tmp_path):
    """The spool keeps what is not committed."""
    path = tmp_path / "outrider.db"
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(errors.Unavailable, match="damaged"):
        sqlite.SqliteStore(path)
    with reading.Reader(path) as store, pytest.raises(errors.Unavailable, match="damaged"):
        store.runs()


def test_a_reader_cannot_write(tmp_path):
    """By its connection."""
    path = tmp_path / "outrider.db"
    sqlite.SqliteStore(path).close()
    connection = connect.reader(str(path))
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM runs")
    connection.close()


def test_every_query_is_named_described_and_valid(tmp_path):
    """STYLE 19."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate.migrate(connection, "memory")
    for name in ("read", "write"):
        for query in queries.parse(queries.text(name)).values():
            connection.execute(f"EXPLAIN {query}", [None] * query.count("?") if "?" in query else Anything())
    connection.close()
    with pytest.raises(ValueError, match="does not say"):
        queries.parse("-- name: x\nSELECT 1;\n")
    with pytest.raises(ValueError, match="twice"):
        queries.parse("-- name: x\n-- a\nSELECT 1;\n-- name: x\n-- b\nSELECT 2;\n")


class Anything(dict):
    """A value for every parameter."""

    def __missing__(self, key):
        return None


def test_the_store_is_readable_by_hand(tmp_path):
    """points_view and runs_view, with any SQLite client."""
    path = tmp_path / "outrider.db"
    sqlite.SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO experiments VALUES (1, 'e', 0, 1)")
    connection.execute("INSERT INTO runs (run_id, experiment_key, number, status, started) VALUES ('r1', 1, 1, 'Running', 1000000000)")
    connection.execute("INSERT INTO series (run_key, name, source, kind) VALUES (1, 'loss', 'call', 'scalar')")
    connection.execute(
        'INSERT INTO points (series_key, first, count, time_min, time_max, times, steps, "values")'
        " VALUES (1, 0, 2, 5, 7, '[0,2]', '[1,2]', '[0.5,\"NaN\"]')"
    )
    assert connection.execute("SELECT run_id, ordinal, step, time, value FROM points_view").fetchall() == [
        ("r1", 0, 1, 5, 0.5),
        ("r1", 1, 2, 7, "NaN"),
    ]
    assert connection.execute("SELECT started FROM runs_view").fetchall() == [("1970-01-01 00:00:01",)]
    connection.close()
