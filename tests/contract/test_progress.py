"""How far a run is, and whether it has fallen silent, by what it printed."""

from __future__ import annotations

from spoolfiles import T0, line
from store_rig import StoreRig

from outrider_agent.store import browsing

SECOND = 1_000_000_000


def printed(path, texts):
    """A store whose run printed each text at its second."""
    rig = StoreRig(path)
    rig.head(writer="keeper", own=True)
    offset = 0
    for at, text in texts:
        rig.feed(line("c", t=T0 + int(at * SECOND), f=1, o=offset, d=text), writer="keeper")
        offset += len(text.encode())
    return rig


def told(path, at):
    """The progress of the only run of the list at that second."""
    page = browsing.Browser(path).page(browsing.Wanted(), T0 + at * SECOND)
    return page.runs[0].progress


def test_a_list_knows_how_far_its_runs_are(tmp_path):
    """Percent and remaining time while a run goes on; nothing when it is over."""
    rig = printed(tmp_path / "db", [(10, "epoch 1/4 loss=0.5\n"), (20, "epoch 2/4 loss=0.4\n")])
    found = told(tmp_path / "db", 20)
    assert (found.share, round(found.eta_s), found.is_stalled) == (0.5, 20, False)
    rig.feed(line("end", t=T0 + 30 * SECOND, status="Completed", reason="ended", code=0), writer="keeper")
    assert told(tmp_path / "db", 40) is None


def test_six_times_the_usual_gap_is_a_stall(tmp_path):
    """Of what is usual; and it is none any more when output comes again."""
    rig = printed(tmp_path / "db", [(20 * n, f"step {n} loss=0.5\n") for n in range(1, 11)])
    assert [told(tmp_path / "db", 200 + silent).is_stalled for silent in (20, 119, 121)] == [False, False, True]
    rig.feed(line("c", t=T0 + 400 * SECOND, f=1, o=10_000, d="step 11 loss=0.5\n"), writer="keeper")
    assert not told(tmp_path / "db", 410).is_stalled


def test_lines_that_come_together_are_one_output(tmp_path):
    """Of a script that prints ten lines at once and then computes for five minutes, five minutes are usual."""
    texts = [(300 * epoch + row / 1000, f"epoch {epoch} row {row} loss=0.5\n") for epoch in range(5) for row in range(10)]
    printed(tmp_path / "db", texts)
    assert [told(tmp_path / "db", 1200 + silent).is_stalled for silent in (290, 1700, 1900)] == [False, False, True]


def test_a_silence_that_comes_again_is_no_stall(tmp_path):
    """A line a second, and an evaluation of three minutes after each epoch: the third one is expected, and not for ever."""
    texts = [(epoch * 250 + second, f"step {second} loss=0.5\n") for epoch in range(3) for second in range(70)]
    printed(tmp_path / "db", texts)
    last = 2 * 250 + 69
    assert [told(tmp_path / "db", last + silent).is_stalled for silent in (180, 300)] == [False, True]
