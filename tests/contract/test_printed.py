"""Metrics that are read from the console: exactly once, wherever it is cut, and again whenever asked."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spoolfiles import T0, line
from store_rig import StoreRig

from outrider_agent import errors
from outrider_agent.core.extract import rules
from outrider_agent.store import origins, printed, printed_names

SECOND = 1_000_000_000
TEXT = b"Epoch 1/2\nstep 1 loss=0.5 acc: 0.7\nstep 2 loss=0.25 acc: 0.8\nhello\n| epoch | auc |\n|---|---|\n| 2 | 0.9 |\nval_loss: 0.125"


def fed(path, text, cuts=(), *, restart=False):
    """A store that got the text in chunks, each in a transaction of its own; `restart`: and from an agent of its own."""
    rig = StoreRig(path)
    rig.head(writer="keeper", own=True)
    edges = [0, *sorted(cuts), len(text)]
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        if restart:
            rig.sink.close()
            rig = StoreRig(path)
        rig.feed(line("c", t=T0 + number * SECOND, f=1, o=start, d=text[start:stop].decode()), writer="keeper")
    return rig


def ended(rig):
    rig.feed(line("end", t=T0 + 99 * SECOND, status="Completed", reason="ended", code=0), writer="keeper")
    return everything(rig)


def everything(rig):
    found = {}
    for one in rig.read.series("r1"):
        found[one.name, one.source] = [(point.step, point.value) for point in rig.read.points("r1", one.name, one.source)]
    return found


EXPECTED = {
    ("loss", "printed"): [(1, 0.5), (2, 0.25)],
    ("acc", "printed"): [(1, 0.7), (2, 0.8)],
    ("auc", "printed"): [(2, 0.9)],
    ("val_loss", "printed"): [(2, 0.125)],
}


def test_what_a_script_prints_becomes_points(tmp_path):
    """The last line too, which nothing ended, when its writer has."""
    rig = fed(tmp_path / "db", TEXT)
    assert ("val_loss", "printed") not in everything(rig)
    assert ended(rig) == EXPECTED


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(TEXT)), max_size=6))
def test_however_it_is_cut_and_whoever_reads_on(tmp_path_factory, cuts):
    """Chunks of any size, and an agent that begins anew at each: every point once (law 3)."""
    rig = fed(tmp_path_factory.mktemp("cut") / "db", TEXT, cuts, restart=True)
    assert ended(rig) == EXPECTED
    assert [one.epoch for name in ("loss", "acc", "auc", "val_loss") for one in rig.read.points("r1", name)] == [1, 1, 1, 1, 2, 2]
    rig.sink.close()


def test_points_have_epochs_beside_steps(tmp_path):
    """Batches count on over the epochs; what has no epoch has none, and a store of before gets them when its runs are read again."""
    text = b"loss=3.5\n" + b"".join(b"Epoch %d step %d/4 loss=%d.5\n" % (epoch, step, step) for epoch in (1, 2) for step in range(1, 5))
    rig = fed(tmp_path / "db", text, [100])
    ended(rig)
    found = [(one.step, one.epoch) for one in rig.read.points("r1", "loss", "printed")]
    assert found == [(None, None), *((epoch * 4 + step, epoch) for epoch in (1, 2) for step in range(1, 5))]
    assert rig.read.series("r1")[0].last_epoch == 2
    assert [(one.epoch_min, one.epoch_max) for one in rig.read.buckets("r1", "loss", 3)] == [(1, 1), (1, 2)]
    assert [one.epoch for one in origins.Origins(tmp_path / "db").origins("r1", "loss", 7)] == [1]
    connection = rig.sink._connection
    connection.execute("UPDATE points SET epochs = NULL, epoch_min = NULL, epoch_max = NULL")
    connection.execute("UPDATE series SET last_epoch = NULL")
    assert [one.epoch for one in rig.read.points("r1", "loss", "printed")] == [None] * 9
    printed.reread(tmp_path / "db", "r1")
    assert [(one.step, one.epoch) for one in rig.read.points("r1", "loss", "printed")] == found
    rig.sink.close()


def test_a_run_without_epochs_stores_nothing_of_them(tmp_path):
    """Not a byte a point: the columns are NULL."""
    rig = fed(tmp_path / "db", b"".join(b"step %d loss=0.5\n" % step for step in range(50)), [200, 500])
    rig.feed(line("m", n="called", v=9.0, s=1))
    assert rig.sink._connection.execute("SELECT count(*), count(epochs), count(epoch_min), count(epoch_max) FROM points").fetchone()[
        1:
    ] == (0, 0, 0)
    assert {one.last_epoch for one in rig.read.series("r1")} == {None}
    rig.sink.close()


def test_get_metrics_never_has_printed_lines(tmp_path):
    """What a script asks of itself is what it logged."""
    rig = fed(tmp_path / "db", TEXT)
    rig.feed(line("m", n="loss", v=9.0, s=1))
    assert [one["source"] for one in rig.read.metrics("r1")["r1"]["series"]] == ["call"] if "r1" in rig.read.metrics("r1") else True
    assert "printed" not in repr(rig.read.metrics("r1"))


def test_a_point_leads_to_its_line_and_back(tmp_path):
    """With the rule that read it."""
    rig = fed(tmp_path / "db", TEXT, [20, 40])
    store = origins.Origins(tmp_path / "db")
    (one,) = store.origins("r1", "loss", 2)
    assert (one.line, one.fd, one.rule, one.text) == (3, 1, "kv", "step 2 loss=0.25 acc: 0.8")
    here = store.read_at("r1", 1, 1, one.offset, one.offset + one.length)
    assert [(back.name, back.ordinal, back.offset) for back in here] == [("loss", 1, one.offset), ("acc", 1, one.offset)]
    assert {back.name for back in store.read_at("r1", 1, 1, 0, len(TEXT))} >= {"loss", "acc"}
    assert store.read_at("r1", 1, 2, 0, len(TEXT)) == store.read_at("r1", 1, 1, len(TEXT), 2 * len(TEXT)) == []
    with pytest.raises(errors.NotFound, match="at step 7"):
        store.origins("r1", "loss", 7)
    rig.sink.close()


def test_reading_again_changes_nothing_and_a_rule_adds(tmp_path):
    """Idempotent; a rule is kept for the experiment; without it all is as before."""
    rig = fed(tmp_path / "db", TEXT + b"\nQ of 7\n")
    before = ended(rig)
    for _ in range(2):
        assert printed.reread(tmp_path / "db", "r1") == 6
        assert everything(rig) == before
    assert printed.reread(tmp_path / "db", "r1", [rules.from_option(r"q=Q of (\d+)")]) == 7
    assert everything(rig)["q", "printed"] == [(2, 7.0)]
    assert origins.Origins(tmp_path / "db").origins("r1", "q")[0].rule == "user: q"
    rig.feed(line("c", f=2, o=0, d="Q of 8\n"), writer="keeper")
    assert everything(rig)["q", "printed"][-1][1] == 8.0
    assert printed.reread(tmp_path / "db", "r1", drop_rules=True) == 6


def test_bytes_that_were_refused_end_a_line(tmp_path):
    """A gap in the console: what stands before and after it is not one line."""
    rig = StoreRig(tmp_path / "db")
    rig.head(writer="keeper", own=True)
    rig.feed(line("c", f=1, o=0, d="step 1 loss=0.5"), line("c", f=1, o=1000, d="25\nstep 2 loss=0.1\n"), writer="keeper")
    assert everything(rig)["loss", "printed"] == [(1, 0.5), (2, 0.1)]


def test_a_rule_that_fails_costs_no_output(tmp_path, monkeypatch):
    """The store goes on; the run says what happened (law 6)."""

    def fails(*_):
        raise RuntimeError("a rule went wrong")

    rig = StoreRig(tmp_path / "db")
    rig.head(writer="keeper", own=True)
    with monkeypatch.context() as patch:
        patch.setattr("outrider_agent.core.extract.extractor.Extractor.read", fails)
        rig.feed(line("c", f=1, o=0, d="step 1 loss=0.5\n"), writer="keeper")
    rig.feed(line("c", f=1, o=16, d="step 2 loss=0.25\n"), writer="keeper")
    assert everything(rig) == {("loss", "printed"): [(2, 0.25)]}
    assert "a rule went wrong" in rig.read.notes("r1")[0].message
    assert b"".join(chunk.data for chunk in rig.read.console("r1")) == b"step 1 loss=0.5\nstep 2 loss=0.25\n"
    printed.reread(tmp_path / "db", "r1")
    assert everything(rig) == {("loss", "printed"): [(1, 0.5), (2, 0.25)]}


def test_batches_count_on_over_epochs(tmp_path):
    """So that a series has one axis."""
    text = b"".join(b"Epoch [%d/2], Step [%d/10], Loss: 0.5\n" % (epoch, step) for epoch in (1, 2) for step in (5, 10))
    rig = fed(tmp_path / "db", text)
    assert [step for step, _ in everything(rig)["Loss", "printed"]] == [15, 20, 25, 30]


def test_a_line_without_an_end_is_bounded(tmp_path):
    """A bar that is drawn for hours keeps its last states, not all of them (law 5)."""
    reader = printed.StreamReader(())
    for number in range(40):
        data = b"\r 5/10 [00:01<00:01, 1.0it/s, loss=0.5]" * 500
        reader.take([printed.Chunk(number * len(data), T0, data)])
    assert len(reader.tail) <= printed.LONGEST_TAIL
    reader.take([printed.Chunk(40 * len(data), T0, b"\n")])


def test_a_bar_that_is_being_drawn_tells_how_far_it_is(tmp_path):
    """Before its line ends: tqdm's own count; of Keras the epochs and the part of this one."""
    rig = fed(tmp_path / "tqdm", "\r 10%|█  | 10/100 [00:01<00:09]\r 25%|██▌ | 25/100 [00:02<00:06, 12.5it/s, loss=0.5]".encode())
    store = origins.Origins(tmp_path / "tqdm")
    assert store.progress("r1", store.run("r1").started + 2 * SECOND).share == 0.25
    rig.sink.close()
    rig = fed(tmp_path / "keras", "Epoch 2/4\n\r 8/16 ━━━━ 1s 20ms/step - loss: 0.5".encode())
    store = origins.Origins(tmp_path / "keras")
    assert store.progress("r1", store.run("r1").started + 2 * SECOND).share == 0.375
    rig.sink.close()


def test_progress_and_silence(tmp_path):
    """Percent and remaining time by the run's own account; six times the usual gap without a word is a stall."""
    text = b"".join(b"epoch %d/10 loss %.1f\n" % (number, number / 10) for number in range(1, 6))
    size = len(text) // 5
    rig = fed(tmp_path / "db", text, range(size, len(text), size))
    store = origins.Origins(tmp_path / "db")
    start = store.run("r1").started
    found = store.progress("r1", start + 10 * SECOND)
    assert (found.share, found.eta_s, found.is_stalled) == (0.5, 10.0, False)
    assert store.progress("r1", start + 100 * SECOND).is_stalled
    rig.sink.close()


RULES = '[[metrics]]\nname = "q"\npattern = "Q of (\\\\d+)"\n[[metrics]]\nname = "bad"\npattern = "("\n'


def test_a_run_brings_rules_of_its_own(tmp_path):
    """Those of its command line and of its project's file, for that attempt; what is none is a note, and the rest is read (law 6)."""
    rig = StoreRig(tmp_path / "db")
    rig.head(writer="keeper", own=True)
    rig.feed(
        line("run", t=T0, metrics=["z=Z is (.)", "no rule"], rules=RULES),
        line("c", f=1, o=0, d="Q of 7\nZ is 3\nloss=0.5\n"),
        writer="keeper",
    )
    found = everything(rig)
    assert [found[name, "printed"][0][1] for name in ("q", "z", "loss")] == [7.0, 3.0, 0.5]
    notes = [note.message for note in rig.read.notes("r1")]
    assert len(notes) == 2
    assert "no rule" in notes[0]
    assert printed.reread(tmp_path / "db", "r1") == 3
    assert everything(rig) == found
    assert len(rig.read.notes("r1")) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[metrics", "no TOML"),
        ("x" * 65537, "longer than 65,536"),
        ('[server]\nurl = "x"\n', "no rules"),
        ("metrics = 3\n", "none was taken"),
    ],
)
def test_a_projects_file_that_is_none_is_a_note(tmp_path, text, problem):
    """The script never hears of it."""
    rig = StoreRig(tmp_path / "db")
    rig.head(writer="keeper", own=True)
    rig.feed(line("run", t=T0, rules=text), line("run", t=T0, rules=text), line("c", f=1, o=0, d="loss=0.5\n"), writer="keeper")
    assert everything(rig)["loss", "printed"] == [(None, 0.5)]
    (note,) = rig.read.notes("r1")
    assert problem in note.message


def test_a_rule_that_takes_too_long_is_left_out_and_told_once(tmp_path):
    """Its stream is read on without it, by the next agent too; the run's notes name it (law 6)."""
    rig = StoreRig(tmp_path / "db")
    rig.head(writer="keeper", own=True)
    rig.feed(line("run", metrics=[r"slow=q=(a+a+)+b([0-9])"]), writer="keeper")
    text, offset = ("q=" + "a" * 4_000 + " step 3 loss=0.5\n") * 5, 0
    for _ in range(3):
        rig.feed(line("c", f=1, o=offset, d=text), writer="keeper")
        offset += len(text)
        rig.sink.close()
        rig = StoreRig(tmp_path / "db")
    assert len(everything(rig)["loss", "printed"]) == 15
    (note,) = rig.read.notes("r1")
    assert "slow" in note.message
    assert "left out" in note.message


def test_a_number_within_names_makes_no_more_than_so_many_series(tmp_path):
    """The first ones are read, whoever reads and however often; the run's notes say it once."""
    rig, offset = StoreRig(tmp_path / "db"), 0
    rig.head(writer="keeper", own=True)
    for part in range(3):
        text = "".join(f"w{number}_loss=0.5 of it\n" for number in range(part * 400, part * 400 + 400))
        rig.feed(line("c", f=1, o=offset, d=text), writer="keeper")
        offset += len(text)
        rig.sink.close()
        rig = StoreRig(tmp_path / "db")
    names = {name for name, _ in everything(rig)}
    assert names == {f"w{number}_loss" for number in range(printed_names.MOST)}
    (note,) = rig.read.notes("r1")
    assert "“w1000_loss”" in note.message
    assert "1,000" in note.message
    printed.reread(rig.path, "r1")
    assert {name for name, _ in everything(rig)} == names
    assert len(rig.read.notes("r1")) == 1
