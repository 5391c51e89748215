"""A bar that is drawn for long has points before its line ends: the same ones, however the chunks come to be read."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spoolfiles import T0, line
from store_rig import StoreRig

from outrider_agent.store import origins, printed

SECOND = 1_000_000_000
FRAMES = [f"\rEpoch 0: {n}%|█  | {n}/40 [00:{n:02d}<00:{40 - n:02d}, 4.0it/s, loss={n / 100:.2f}]" for n in range(40)]
LAST = "\rEpoch 0: 100%|███| 40/40 [00:40<00:00, 4.0it/s, loss=0.40]"


def chunks(texts, every_ns):
    """Records of chunks, one a text."""
    offsets = itertools.accumulate((len(text.encode()) for text in texts), initial=0)
    return [
        line("c", t=T0 + number * every_ns, f=1, o=offset, d=text)
        for number, (offset, text) in enumerate(zip(offsets, texts, strict=False))
    ]


def stored(path, records, cuts=(), *, restart=False):
    """The store that got them in transactions cut there; `restart`: each from an agent of its own."""
    rig = StoreRig(path)
    rig.head(writer="keeper", own=True)
    for start, stop in itertools.pairwise([0, *sorted(cuts), len(records)]):
        if restart:
            rig.sink.close()
            rig = StoreRig(path)
        rig.feed(*records[start:stop], writer="keeper")
    return rig


def printed_points(rig):
    return {one.name: [(p.time, p.step, p.value) for p in rig.read.points("r1", one.name, "printed")] for one in rig.read.series("r1")}


def test_a_bar_has_points_while_it_is_drawn(tmp_path):
    """At most one a second, each of a count that is over, with its frame as the line; the last state once, when the line ends."""
    rig = stored(tmp_path / "db", chunks(FRAMES, SECOND // 4), range(40))
    (found,) = printed_points(rig).values()
    assert [(step, value) for _, step, value in found] == [(n, n / 100) for n in range(3, 39, 4)]
    assert all(later - earlier >= SECOND for (earlier, *_), (later, *_) in itertools.pairwise(found))
    (origin,) = origins.Origins(tmp_path / "db").origins("r1", "loss", 7)
    assert (origin.rule, "7/40" in origin.text, origin.line) == ("bar.tqdm", True, 1)
    rig.feed(line("c", t=T0 + 20 * SECOND, f=1, o=len("".join(FRAMES).encode()), d=LAST + LAST + "\nstep 3 loss=0.5\n"), writer="keeper")
    assert [(step, value) for _, step, value in printed_points(rig)["loss"]][-3:] == [(35, 0.35), (40, 0.40), (3, 0.5)]


def test_a_bar_that_is_done_within_a_second_is_one_point(tmp_path):
    """As before."""
    rig = stored(tmp_path / "db", chunks([*FRAMES, LAST + "\n"] * 2, SECOND // 50))
    assert [(step, value) for _, step, value in printed_points(rig)["loss"]] == [(40, 0.40)] * 2


def read_alike(folder, text, sizes, cuts, *, restart):
    """The points of a text, which are the same in chunks of these sizes, cut into transactions, by another agent each, and read again."""
    texts = []
    for size in itertools.cycle(sizes):
        if not text:
            break
        texts.append(text[:size])
        text = text[size:]
    records = chunks(texts, SECOND // 3)
    rig = stored(folder / "one", records)
    expected = printed_points(rig)
    rig.sink.close()
    rig = stored(folder / "db", records, [cut for cut in cuts if cut < len(records)], restart=restart)
    assert printed_points(rig) == expected
    printed.reread(folder / "db", "r1")
    assert printed_points(rig) == expected
    rig.sink.close()
    return expected


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 200), min_size=1, max_size=40), cuts=st.lists(st.integers(0, 30), max_size=5), restart=st.booleans())
def test_the_same_points_whoever_reads_and_whenever(tmp_path_factory, sizes, cuts, restart):
    """Chunks of any size; transactions, restarts and reading again change nothing (law 3)."""
    text = "".join([*FRAMES, LAST, "\nstep 50 loss=0.5\n"])
    expected = read_alike(tmp_path_factory.mktemp("drawn"), text, sizes, cuts, restart=restart)
    assert [step for _, step, _ in expected["loss"]] == sorted({step for _, step, _ in expected["loss"]})


def test_a_last_line_without_an_end_is_of_when_it_came(tmp_path):
    """Not of when the run ended: reading again finds the same."""
    rig = stored(tmp_path / "db", chunks(["a\n", "loss=0.5"], SECOND), [1, 2])
    rig.feed(line("end", t=T0 + 9 * SECOND, status="Completed", reason="ended", code=0), writer="keeper")
    assert printed_points(rig) == {"loss": [(T0 + SECOND, None, 0.5)]}
    printed.reread(tmp_path / "db", "r1")
    assert printed_points(rig) == {"loss": [(T0 + SECOND, None, 0.5)]}


def drawn(path, head, frames):
    """A store that got these frames, one a second."""
    return stored(path, chunks([head, *(f"\r{frame}" for frame in frames)], SECOND), range(len(frames)))


def test_a_keras_bar_has_points_at_parts_of_its_epoch(tmp_path):
    """Whose last state is the epoch's."""
    frames = [f"{n}/10 ━━━━━━━━━━━━━━━━━━━━ 9s 1s/step - accuracy: 0.{n} - loss: {9 - n}.5" for n in range(1, 10)]
    rig = drawn(tmp_path / "db", "Epoch 2/4\n", frames)
    assert [(round(step, 3), value) for _, step, value in printed_points(rig)["loss"]] == [(1 + n / 10, 9.5 - n) for n in range(1, 9)]
    assert rig.read.points("r1", "loss", "printed")[0].value == 8.5
    assert round(origins.Origins(tmp_path / "db").progress("r1", T0).share, 3) == round(1.9 / 4, 3)


def test_a_counter_that_is_drawn_over_has_points(tmp_path):
    """Whatever it looks like, where it counts to a total; percentages only tell how far the run is, and a download nothing."""
    rig = drawn(tmp_path / "a", "", [f"[{n:2}/50] loss={n / 100} lr 0.1" for n in range(1, 8)])
    assert [(step, value) for _, step, value in printed_points(rig)["loss"]] == [(n, n / 100) for n in range(1, 6)]
    assert origins.Origins(tmp_path / "a").progress("r1", T0).share == 7 / 50
    drawn(tmp_path / "b", "", [f"Working... ━━━━╸━━━━━━ {10 * n}% 0:00:0{n}" for n in range(1, 8)])
    assert origins.Origins(tmp_path / "b").progress("r1", T0).share == 0.7
    drawn(tmp_path / "c", "", [f"model.bin  {10 * n}%[===>    ] 12.{n}M  3.41MB/s  eta 5s" for n in range(1, 8)])
    assert origins.Origins(tmp_path / "c").progress("r1", T0).share is None


def test_a_bar_within_an_epoch_is_not_the_run(tmp_path):
    """Where lines say which epoch it is, and of how many."""
    drawn(tmp_path / "db", "epoch 3/30 loss=0.5\n", [f"inner: {10 * n}%|█  | {n}/10 [00:0{n}<00:05, 1.0it/s]" for n in range(1, 9)])
    assert origins.Origins(tmp_path / "db").progress("r1", T0).share == 0.1


def rows_of_rich(count):
    """Two rows of rich, drawn again for each step of the lower one, which has a metric; and what is printed below them."""
    over, frames = "\r\x1b[2K\x1b[1A\x1b[2K", []
    for n in range(1, count + 1):
        bar = f"Fitting \x1b[91m━━━━╺\x1b[0m━━━ \x1b[32m{n:2}/{count}\x1b[0m 0:00:{n:02d} loss: 0.{n:02d}"
        frames.append(f"{over if n > 1 else ''}Trials ━━━━━━━━ 0/3 -:--:-- auc: 0.{n // 10}5\r\n{bar}")
    return [*frames, "\r\ndone\r\n"]


def test_the_lowest_row_of_rich_has_points_while_it_is_drawn(tmp_path):
    """As a bar that stands alone: at most one a second, and the last state when it is over. A row above it, whenever it changed."""
    rig = stored(tmp_path / "db", chunks(rows_of_rich(40), SECOND // 4))
    found = printed_points(rig)["loss"]
    assert [(step, value) for _, step, value in found] == [(n, n / 100) for n in range(5, 40, 4)] + [(40, 0.4)]
    assert all(later - earlier >= SECOND for (earlier, *_), (later, *_) in itertools.pairwise(found[:-1]))
    (origin,) = origins.Origins(tmp_path / "db").origins("r1", "loss", 9)
    assert "9/40" in origin.text
    assert [value for *_, value in printed_points(rig)["auc"]][1:] == [0.05, 0.15, 0.25, 0.35, 0.45]


def test_a_percentage_with_metrics_has_points(tmp_path):
    """Rich's own bar, which counts nothing: its points have no step."""
    rig = drawn(tmp_path / "db", "", [f"Training ━━━━╸━━━━ {5 * n}% 0:00:01 loss: 0.{n}" for n in range(1, 9)])
    assert [(step, value) for _, step, value in printed_points(rig)["loss"]] == [(None, n / 10) for n in range(1, 7)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 250), min_size=1, max_size=30), cuts=st.lists(st.integers(0, 30), max_size=5), restart=st.booleans())
def test_rows_are_the_same_points_whoever_reads_them(tmp_path_factory, sizes, cuts, restart):
    """Transactions, restarts and reading again change nothing (law 3)."""
    read_alike(tmp_path_factory.mktemp("rows"), "".join(rows_of_rich(20)), sizes, cuts, restart=restart)
