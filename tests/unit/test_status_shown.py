"""`outrider status` on a host with many runs: one screen, the furthest behind first, nothing left uncounted."""

from __future__ import annotations

from outrider_agent.cli import status


def streams(runs, each):
    """As many streams of as many runs; run 7 is the furthest behind, and every other one is done."""
    return [
        {"run": f"run-{run:04d}", "writer": f"py-{number}", "alive": run % 2 == 0, "pending": {"store": 5_000_000 if run == 7 else 0}}
        for run in range(runs)
        for number in range(each)
    ]


def test_many_runs_are_one_screen(capsys):
    """Rule: a line is a run then; what is not shown is counted; `--json` has all of it."""
    status._print_streams(streams(400, 8))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= status.SHOWN + 4
    assert lines[2].split()[:3] == ["run-0007", "8", "0"]
    assert (
        lines[-1]
        == f"… and {201 - status.SHOWN} more runs: {(201 - status.SHOWN) * 8:,} streams, {(201 - status.SHOWN) * 8:,} alive, nothing behind"
    )


def test_few_streams_are_shown_each(capsys):
    """Rule: below that a line is a stream."""
    status._print_streams(streams(3, 2))
    assert "py-1" in capsys.readouterr().out
