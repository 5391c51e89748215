"""The order of points and rows: within a stream as logged, of several streams by time. With an agent and without."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spoolfiles import T0, line

from outrider import _metrics
from outrider_agent import model
from outrider_agent.core import points
from outrider_agent.store import history, sqlite

# What was logged: by which stream, under which name, when. No two at one time: of those any order is right.
LOGGED = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.integers(0, 10**6)), min_size=1, max_size=40, unique_by=lambda item: item[2]
)


def as_lines(logged, size):
    """Per stream the lines of a metric and a row each, in pieces of `size` items as they might be committed, in the order logged."""
    for _, group in itertools.groupby(enumerate(logged), lambda item: item[0] // size):
        items = [item for _, item in group]
        for stream in sorted({stream for stream, _, _ in items}):
            own = [(name, time) for of, name, time in items if of == stream]
            lines = [
                line("m", T0 + time, n=name, v=time, s=time) + line("rw", T0 + time, n="row " + name, c={"x": time}) for name, time in own
            ]
            yield stream, b"".join(lines)


def commit(sink, stream, data):
    name = model.StreamId("r", f"w{stream}")
    start = sink.positions([name])[name]
    end = model.Position(0, start.offset + len(data))
    sink.commit(model.Batch(slices=(model.Slice(stream=name, start=start, end=end, data_offset=start.offset, data=data),)))


@settings(max_examples=60, deadline=None)
@given(LOGGED, st.sampled_from([1, 3, 100]))
@example([(0, "a", 5), (0, "a", 9), (0, "a", 2)], 100)  # a clock that was put back
@example([(0, "a", 9), (0, "a", 2), (1, "a", 5)], 1)  # and a second stream, in a later transaction
@example([(0, "a", time) for time in range(0, 4000, 2)] + [(1, "a", time) for time in range(1, 4000, 2)], 3000)
def test_points_and_rows_come_in_the_order_logged_with_and_without_an_agent(logged, size):
    """One stream: its order. Several: by time. The last one is the last of these; both ways of reading agree."""
    with tempfile.TemporaryDirectory() as folder, history.Historian(Path(folder) / "o.db") as reader:
        sink, streams = sqlite.SqliteStore(Path(folder) / "o.db"), {}
        sink.take_over()
        for stream, data in as_lines(logged, size):
            commit(sink, stream, data)
            streams[stream] = streams.get(stream, b"") + data
        sink.close()
        without = _metrics.from_streams([[raw for raw in data.split(b"\n") if raw] for _, data in sorted(streams.items())])
        with_agent = msgspec.json.decode(msgspec.json.encode(reader.metrics("r")))["runs"]["r"]
        assert _metrics.shape(without) == _metrics.shape(with_agent)
        for series in reader.series("r"):
            own = [(stream, time) for stream, name, time in logged if name == series.name]
            times = [time for _, time in own] if len({stream for stream, _ in own}) == 1 else sorted(time for _, time in own)
            assert [point.value for point in reader.points("r", series.name)] == times
            assert (series.last, series.last_step, series.last_time) == (times[-1], times[-1], T0 + times[-1])
            assert [row.columns["x"] for row in reader.rows("r", "row " + series.name)] == times
            assert [row.columns["x"] for row in reader.rows("r") if row.name == "row " + series.name] == times


def test_the_newest_of_several_points_of_one_time_is_the_last_of_them():
    """Sorting by time is stable, and so is what is last."""
    columns = points.Columns([3, 5, 5, 1], [None] * 4, ["a", "b", "c", "d"])
    assert points.newest(columns) == 2
    assert points.by_time(columns).values == ["d", "a", "b", "c"]
