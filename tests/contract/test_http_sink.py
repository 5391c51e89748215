"""The http sink against a real server: what is shipped is there once, in order; what goes wrong is told by its type, in plain words."""

from __future__ import annotations

import hashlib
import io
import os
import threading

import pytest
import servers
from fault_proxy import Proxy
from server_rig import make_sink, piece
from spoolfiles import Clock, StreamFiles, line
from waiting import until

from outrider_agent import errors, model
from outrider_agent.core import backoff
from outrider_agent.ship import deliver, reader
from outrider_agent.store import reading
from outrider_agent.store import tokens as kept


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One server; a test that kills it starts it again."""
    with servers.serving(tmp_path_factory.mktemp("sink") / "central", "--set", "server.max_body_bytes=65536") as one:
        yield one


@pytest.fixture
def server(running):
    """It answers."""
    if running.process is None:
        running.start()
    return running.wait_ready()


@pytest.fixture
def run():
    """A run of the test's own."""
    return f"run-{os.urandom(6).hex()}"


@pytest.fixture
def stream(run):
    """Its script's stream."""
    return model.StreamId(run, "py-1")


@pytest.fixture
def files(run):
    """The stream of its files."""
    return model.StreamId(run, "outputs-1")


def forget(server):
    """As if nothing had ever come: no cursors."""
    import sqlite3

    server.stop()
    with sqlite3.connect(server.home / "outrider.db") as store:
        store.execute("DELETE FROM cursors")
    store.close()
    server.start().wait_ready()


@pytest.fixture
def sink(server, tmp_path):
    made = make_sink(server, tmp_path / f"agent-{os.urandom(4).hex()}")
    yield made
    made.close()


def batch(*slices):
    return model.Batch(slices=slices)


def values(server, run, name="x"):
    with reading.Reader(server.home / "outrider.db") as store:
        return [point.value for point in store.points(run, name)]


def loop(sink, home, **more):
    return deliver.Deliver(sink, reader.SpoolReader(home / "spool", Clock()), Clock(), flush_interval_s=0, **more)


def drained(delivering):
    while delivering.step(urgent=True, sweep=True) == 0.0:
        pass


def test_a_batch_is_there_when_commit_returns(server, sink, run, stream):
    """Several streams of several runs, slices that follow one another, a new segment, a torn tail."""
    assert sink.take_over() > 0
    first = piece(stream, line("m", n="x", v=1))
    second = piece(stream, line("m", n="x", v=2) * 40, first.end)
    torn = b'\n{"k'
    third = model.Slice(
        stream=stream,
        start=second.end,
        end=model.Position(1, len(line("m", n="x", v=3)) + len(torn)),
        data_offset=0,
        data=line("m", n="x", v=3) + torn,
        torn=len(torn),
    )
    other = piece(model.StreamId(f"{run}-b", "py-1"), line("m", n="x", v=9))
    assert sink.positions([stream])[stream] == model.START
    receipt = sink.commit(batch(first, other, second, third))
    assert receipt.records == 44
    assert sink.positions([stream, other.stream]) == {stream: third.end, other.stream: other.end}
    assert values(server, run) == [1, *[2] * 40, 3]


def test_what_was_committed_already_is_no_error_and_goes_in_once(server, sink, run, stream):
    """An answer that was lost: the same batch again, or one that begins before and ends after the truth."""
    sink.take_over()
    first = piece(stream, line("m", n="x", v=1) + line("m", n="x", v=2))
    sink.commit(batch(first))
    sink.commit(batch(first))
    longer = piece(stream, first.data + line("m", n="x", v=3))
    sink.commit(batch(longer))
    assert values(server, run) == [1, 2, 3]


def test_a_server_that_knows_less_is_told_again_from_the_truth(server, sink, home, run):
    """A server that lost its disk, or another one: the positions are asked for again, and the spool has it."""
    written = StreamFiles(home / "spool", run, "py-1", own=True)
    written.append(line("m", n="x", v=1))
    delivering = loop(sink, home)
    drained(delivering)
    forget(server)
    written.append(line("m", n="x", v=2))
    until(lambda: delivering.step(urgent=True, sweep=True) >= 0 and not delivering.reader.lag(delivering.positions())[0].pending_bytes)
    assert values(server, run) == [1, 1, 2]  # the store had it all, but for the cursors


def test_a_server_restored_from_an_older_copy_is_told_what_is_missing(server, sink, home, run):
    """Its agent let go of the segments that it had: a gap in their place, once, and the lines that are there."""
    written = StreamFiles(home / "spool", run, "py-1", own=True)
    written.append(line("m", n="x", v=1))
    delivering = loop(sink, home, backoff=backoff.Backoff(base_s=0.05, cap_s=0.1))
    drained(delivering)
    server.stop()
    older = {path: path.read_bytes() for path in server.home.glob("outrider.db*")}
    server.start().wait_ready()
    for value in (2, 3):
        written.append(line("m", n="x", v=value))
        written.rotate()
    written.append(line("m", n="x", v=4))
    until(lambda: delivering.step(urgent=True, sweep=True) >= 0 and values(server, run) == [1, 2, 3, 4])
    server.stop()
    for path in server.home.glob("outrider.db*"):
        path.unlink()
    for path, content in older.items():
        path.write_bytes(content)
    server.start().wait_ready()
    for number in (0, 1):
        (home / "spool" / run / "py-1" / f"{number:08d}.ndjson").unlink()
    written.append(line("m", n="x", v=5))
    until(lambda: delivering.step(urgent=True, sweep=True) >= 0 and values(server, run)[-1:] == [5])
    assert values(server, run) == [1, 4, 5]
    with reading.Reader(server.home / "outrider.db") as store:
        (gap,) = store.gaps(run)
    assert gap.why.startswith("segments 0 to 1 of this stream are gone from the spool")


def test_a_line_that_is_larger_than_the_server_takes_is_set_aside_there(server, sink, home, run):
    """Law 6: it is narrowed down to that line; all others go on."""
    written = StreamFiles(home / "spool", run, "py-1", own=True)
    written.append(line("m", n="x", v=1) + line("l", lv=20, msg="m" * 100_000) + line("m", n="x", v=2))
    drained(loop(sink, home))
    assert values(server, run) == [1, 2]
    with reading.Reader(server.home / "outrider.db") as store:
        (aside,) = store.set_aside(run)
    assert "larger than what" in aside.reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "http://127.0.0.1:1"}, "cannot be reached"),
        ({"token_file": "/nonexistent/token"}, "token of .* cannot be read"),
        ({"url": "http://outrider.invalid"}, "cannot be reached"),
        ({"url": "https://127.0.0.1:{port}"}, "cannot be reached"),
        ({"url": "http://127.0.0.1:{port}/elsewhere"}, "does not answer as an Outrider server"),
        ({"url": "https://127.0.0.1:{port}", "ca_file": "/nonexistent.pem"}, "ca_file /nonexistent.pem cannot be read"),
    ],
    ids=["nobody there", "no token", "no name", "no TLS there", "wrong path", "no such certificates"],
)
def test_what_can_pass_is_unavailable_and_says_what_to_do(server, tmp_path, change, says, stream):
    """Law: retry is decided by type; the data wait."""
    given = {key: value.format(port=server.port) for key, value in change.items()}
    folder = tmp_path / f"agent-{os.urandom(4).hex()}"
    sink = make_sink(server, folder, **given)
    try:
        for question in (sink.take_over, lambda: sink.positions([stream]), lambda: sink.commit(batch(piece(stream, b"\n{}\n")))):
            with pytest.raises(errors.Unavailable, match=says) as caught:
                question()
            assert "Nothing is lost" in str(caught.value)
    finally:
        sink.close()


def test_a_token_that_was_revoked_is_said_and_another_is_taken_from_the_file(server, tmp_path, stream):
    """The file is read again: nobody restarts an agent for a token."""
    folder = tmp_path / f"agent-{os.urandom(4).hex()}"
    sink = make_sink(server, folder)
    try:
        kept.revoke(server.home / "outrider.db", folder.name)

        def refused():
            try:
                sink.positions([stream])
            except errors.Unavailable as exc:
                return str(exc)
            return None

        assert "outrider token create" in until(refused)
        (folder / "token").write_text(kept.create(server.home / "outrider.db", f"{folder.name}-next"))
        until(lambda: refused() is None)
    finally:
        sink.close()


def test_a_server_that_is_crowded_says_when_to_come_again(server, sink):
    """429 and 503 carry Retry-After; it is obeyed, up to a bound."""
    from outrider_agent.sinks import connection

    error = sink._connection.refused(connection.Answer(503, {"error": "full"}, 7.0))
    assert (error.retry_after_s, "full" in str(error)) == (7.0, True)
    assert connection._seconds("100000") == 60.0
    assert [connection._seconds(text) for text in (None, "", "x", "Wed, 21 Oct 2015 07:28:00 GMT")] == [0.0] * 4


def test_what_is_under_way_is_interrupted(server, tmp_path, stream):
    """A stop does not wait for a server that is silent."""
    proxy = Proxy(server.port, 0, weights={"hang": 1})
    sink = make_sink(server, tmp_path / f"agent-{os.urandom(4).hex()}", url=proxy.url)
    failed = []

    def ask():
        try:
            sink.positions([stream])
        except errors.Unavailable as exc:
            failed.append(str(exc))

    asking = threading.Thread(target=ask)
    try:
        asking.start()
        until(lambda: proxy.happened["hang"])
        sink.interrupt()
        asking.join(5)
        assert "stopping" in failed[0]
        with pytest.raises(errors.Unavailable, match="stopping"):
            sink.positions([stream])
    finally:
        sink.close()
        proxy.close()


def keep(sink, data):
    """A blob in the sink's own folder; its hash."""
    return sink._uploads._blobs.put(io.BytesIO(data))[0]


def art(sha, size, path="outputs/a.bin"):
    return line("art", p=path, size=size, sha=sha)


def on_server(server, sha):
    return (server.home / "blobs" / sha[:2] / sha).is_file()


def test_a_record_of_a_file_goes_when_its_blob_is_there_and_holds_up_nothing_else(server, sink, home, stream, files):
    """The order is blob, record, cursor; metrics go on meanwhile. The blob has several parts."""
    data, run = os.urandom(1 << 20), stream.run
    sha = keep(sink, data)
    metrics, kept_files = StreamFiles(home / "spool", run, "py-1", own=True), StreamFiles(home / "spool", run, "outputs-1")
    kept_files.append(line("note", msg="before") + art(sha, len(data)) + line("note", msg="after"))
    metrics.append(line("m", n="x", v=1))
    admitted = sink.admit(batch(piece(files, files_content(home, run)), piece(stream, line("m", n="x", v=1))))
    assert [one.stream for one in admitted.slices] == [files, stream]
    assert admitted.slices[0].data.rstrip().endswith(line("note", msg="before").strip())
    assert sink.held == {files}
    delivering = loop(sink, home)
    until(lambda: delivering.step(urgent=True, sweep=True) >= 0 and not any(one.pending_bytes for one in delivering.lag()), 60)
    assert on_server(server, sha)
    with reading.Reader(server.home / "outrider.db") as store:
        assert [one.sha256 for one in store.artifacts(run)] == [sha]
        assert [one.message for one in store.notes(run)] == ["before", "after"]
    assert sink.held == frozenset()


def files_content(home, run):
    return (home / "spool" / run / "outputs-1" / "00000000.ndjson").read_bytes()


def test_a_large_upload_never_holds_up_the_metrics_that_come_after_it(server, sink, tmp_path, run, stream):
    """It is owed, on disk before its record goes; whoever comes next pays."""
    proxy = Proxy(server.port, 0, weights={"pass": 1})
    proxy.refuse = "/blobs/"
    folder = tmp_path / f"agent-{os.urandom(4).hex()}"
    sink = make_sink(server, folder, url=proxy.url)
    small, large = os.urandom(1000), os.urandom(3 << 20)
    try:
        sha = keep(sink, large)
        data = line("m", n="x", v=1) + art(sha, len(large)) + line("m", n="x", v=2)
        admitted = sink.admit(batch(piece(stream, data)))
        assert admitted.slices[0].data == data
        assert [marker.name for marker in (folder / "sink" / "owed").iterdir()] == [sha]
        sink.commit(admitted)
        assert values(server, run) == [1, 2]
        assert "takes nothing more" in until(lambda: sink.trouble)
    finally:
        sink.close()
        proxy.close()
    sink = make_sink(server, folder, token=(folder / "token").read_text())
    try:
        until(lambda: on_server(server, sha))
        until(lambda: not list((folder / "sink" / "owed").iterdir()))
        assert sink.trouble is None
        # A small one goes at once, before its record.
        sha = keep(sink, small)
        sink.admit(batch(piece(stream, art(sha, len(small)), sink.positions([stream])[stream])))
        assert on_server(server, sha)
    finally:
        sink.close()


def test_a_blob_that_is_something_else_here_is_given_up_and_its_record_goes(server, sink, home, run):
    """A damaged disk: the record says what was; nothing waits for ever, no sink stops for it. Of a small one of a script, too."""
    sha = keep(sink, b"x" * 1000)
    path = sink._uploads._blobs.path(sha)
    path.chmod(0o600)
    path.write_bytes(b"y" * 1000)
    StreamFiles(home / "spool", run, "outputs-1").append(art(sha, 1000))
    StreamFiles(home / "spool", f"{run}-b", "py-1").append(art(sha, 1000))
    delivering = loop(sink, home)
    until(lambda: delivering.step(urgent=True, sweep=True) >= 0 and not any(one.pending_bytes for one in delivering.lag()), 60)
    assert not on_server(server, sha)
    with reading.Reader(server.home / "outrider.db") as store:
        assert [one.sha256 for one in store.artifacts(run) + store.artifacts(f"{run}-b")] == [sha, sha]


def test_what_is_not_here_is_not_waited_for(server, sink, files):
    """A blob that was deleted, a name that is none, a model's files: the records go."""
    names = [hashlib.sha256(b"gone").hexdigest(), "not a hash", "../../etc/passwd"]
    data = b"".join(art(sha, 1) for sha in names) + line("model", n="m", ver=1, files={"a": ["0" * 64, 1]})
    assert sink.admit(batch(piece(files, data))).slices[0].data == data


def test_a_sink_that_is_down_is_tried_again_and_said_in_words(server, tmp_path, home, run):
    """Law: unavailable is waited out; the server comes back and everything is there."""
    StreamFiles(home / "spool", run, "py-1", own=True).append(line("m", n="x", v=1))
    folder = tmp_path / f"agent-{os.urandom(4).hex()}"
    sink = make_sink(server, folder)
    try:
        server.kill()
        delivering = loop(sink, home, backoff=backoff.Backoff(base_s=0.05, cap_s=0.1))
        assert delivering.step(urgent=True, sweep=True) > 0
        found = delivering.statistics()
        assert (found.state, "cannot be reached" in found.error) == ("backing-off", True)
        server.start().wait_ready()
        until(lambda: delivering.step(urgent=True, sweep=True) >= 0 and delivering.commits)
        assert delivering.statistics().error is None
    finally:
        sink.close()
    assert values(server, run) == [1]


def test_a_blob_that_the_server_deleted_is_sent_again(server, sink, run):
    """With the last run that named it the server deletes it; who names it later, sends it."""
    sha = keep(sink, b"same weights")
    sink.admit(batch(piece(model.StreamId(run, "py-1"), art(sha, 12))))
    assert on_server(server, sha)
    (server.home / "blobs" / sha[:2] / sha).unlink()
    sink._uploads._there[sha] -= 60.0  # a minute later
    sink.admit(batch(piece(model.StreamId(f"{run}-b", "py-1"), art(sha, 12))))
    assert on_server(server, sha)
