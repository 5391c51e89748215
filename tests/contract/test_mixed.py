"""A run of which a store has some lines and the spool the others: read without an agent, it is as one that lies in one place."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import store_rig
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spoolfiles import T0, line

import outrider
from outrider import _local, _metrics

WRITERS = ("keeper-1", "py-2")
SAID = st.one_of(
    st.builds(lambda name, value: ("m", {"n": name, "v": value}), st.sampled_from("ab"), st.integers(0, 9)),
    st.builds(lambda name, values: ("ls", {"n": name, "v": values}), st.sampled_from("ab"), st.lists(st.integers(0, 9), max_size=3)),
    st.builds(lambda value: ("l", {"lv": 20, "msg": "m", "m": {"a": value}}), st.integers(0, 9)),
    st.builds(lambda name, x: ("rw", {"n": name, "c": {"x": x}}), st.sampled_from("tu"), st.integers(0, 9)),
    st.builds(lambda x: ("tb", {"n": "t", "c": {"x": [x, x], "y": [1, 2]}}), st.integers(0, 9)),
    st.builds(lambda key, value: ("tag", {"n": key, "v": value}), st.sampled_from("kl"), st.integers(0, 9)),
    st.just(("tag", {"n": "k", "del": True})),
    st.builds(lambda key, value: ("param", {"n": key, "v": value}), st.sampled_from("kl"), st.integers(0, 9)),
    st.builds(lambda value: ("run", {"name": value, "description": value}), st.sampled_from(["one", "two"])),
    st.builds(lambda name: ("run", {"experiment": name}), st.sampled_from(["first", "second"])),
    st.builds(lambda path, sha: ("art", {"p": path, "sha": sha, "size": 1}), st.sampled_from(["outputs/m", "x"]), st.sampled_from("ab")),
    st.builds(lambda name: ("fig", {"n": name, "p": "plot.png", "ty": "image/png"}), st.sampled_from("af")),
    st.builds(lambda text: ("c", {"f": 1, "o": 0, "d": text}), st.sampled_from(["hello\n", "world\n"])),
    st.builds(lambda phase: ("ph", {"ph": phase}), st.sampled_from(["Preparing", "Running"])),
    st.builds(
        lambda status: (
            "end",
            {"status": status, "reason": "ended", "err": {"type": "E", "message": status, "traceback": "", "code": "C"}},
        ),
        st.sampled_from(["Completed", "Failed"]),
    ),
)


def laid_out(said):
    """The lines of each stream, the times in the order said."""
    found = {}
    for number, writer in enumerate(WRITERS):
        head = line("head", T0, v=1, run="r1", w=writer, seg=0, own=number == 0, exp="e", host="h")
        found[writer] = [head]
        for time, (of, (kind, fields)) in enumerate(said, 1):
            if of == number:
                # Of a parameter, or a file, that several streams bring the last one committed counts, whichever that is.
                own = {**fields, **{key: fields[key] + writer for key in fields if (kind, key) in (("param", "n"), ("art", "p"))}}
                found[writer].append(line(kind, T0 + time, **own))
    return found


def answers(home):
    """What is told of the run, without what only a store can know or say in another order."""
    document = _local.run(home, "r1")
    for name in ("number", "phase" if document["ended"] else "number"):
        document.pop(name, None)
    files = _local.files(home, "r1")
    console, _ = _local.tail(home, "r1", 10)
    shape = _metrics.shape(_local.metrics(home, ["r1"])["r1"], figure=lambda figure: figure["path"])
    assert (len(console), len(_local.console(home, "r1", 0))) == (files["console"], files["console"])
    assert _local.console(home, "r1", 3) == _local.console(home, "r1", 0)[3:]
    return document, files["files"], sorted(console.splitlines()), shape, [one["run"] for one in _local.runs(home)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), SAID), max_size=16), st.data())
@example([(0, ("m", {"n": "a", "v": 1})), (1, ("m", {"n": "a", "v": 2})), (0, ("m", {"n": "a", "v": 3}))], None)
def test_wherever_the_store_ends_and_the_spool_goes_on_the_answers_are_those_of_the_whole(said, data):
    """Law 3's other half: what is committed is there once, what is not is read where it lies."""
    streams = laid_out(said)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for writer, lines in streams.items():
            (home / "spool" / "r1" / writer).mkdir(parents=True)
            (home / "spool" / "r1" / writer / "00000000.ndjson").write_bytes(b"".join(lines))
        whole = answers(folder)
        store = store_rig.StoreRig(home / "outrider.db")
        for writer, lines in streams.items():
            cut = data.draw(st.integers(0, len(lines)), label=writer) if data else len(lines) // 2
            if cut:
                store.feed(*lines[:cut], writer=writer)
        assert json.dumps(answers(folder), default=str, sort_keys=True) == json.dumps(whole, default=str, sort_keys=True)
        store.read.close()
        store.sink.close()


def test_a_run_of_which_something_between_is_missing_is_not_answered_in_part(tmp_path):
    """The store ends in segment 0, the spool begins with segment 2."""
    store = store_rig.StoreRig(tmp_path / "outrider.db")
    store.head()
    folder = tmp_path / "spool" / "r1" / "py-1"
    folder.mkdir(parents=True)
    (folder / "00000002.ndjson").write_bytes(line("m", T0, n="x", v=1))
    for ask in (_local.run, lambda home, run: _local.metrics(home, [run]), _local.files, lambda home, _: _local.runs(home)):
        with pytest.raises(outrider.HistoryUnavailable, match="outrider agent"):
            ask(str(tmp_path), "r1")
    store.read.close()
    store.sink.close()


def test_what_an_agent_commits_and_deletes_while_it_is_read_is_not_lost(tmp_path, monkeypatch):
    """The store was looked at before the commit, the spool after the segment had gone: it is read again."""
    store = store_rig.StoreRig(tmp_path / "outrider.db")
    folder = tmp_path / "spool" / "r1" / "py-1"
    folder.mkdir(parents=True)
    lines = [line("head", T0, v=1, run="r1", w="py-1", seg=0, own=True), line("m", T0, n="x", v=1), line("m", T0 + 1, n="x", v=2)]
    store.feed(*lines[:2])
    (folder / "00000000.ndjson").write_bytes(b"".join(lines))
    looked = _local._spooled.streams

    def moved_on(home, run, passed):
        if (folder / "00000000.ndjson").exists():
            store.feed(lines[2])
            (folder / "00000000.ndjson").unlink()
            folder.rmdir()
        return looked(home, run, passed)

    monkeypatch.setattr(_local._spooled, "streams", moved_on)
    assert _metrics.shape(_local.metrics(str(tmp_path), ["r1"])["r1"]) == {"x": [1, 2]}
    store.read.close()
    store.sink.close()
