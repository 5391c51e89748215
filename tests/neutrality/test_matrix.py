"""Law 1, by the matrix: every kind of script under every condition is, tracked, what it is bare; what is not is known and documented."""

from __future__ import annotations

from pathlib import Path

import pytest
from matrix import conditions, judge, kinds, known, page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "neutrality.md"
KINDS = [*kinds.KINDS, *kinds.versions()]
#: What `make test` runs: every kind where all is well, and these few under every condition.
ALWAYS = {"plain", "signal handlers", "fork", "not Python"}


def cells():
    """Every cell that can be; those beyond the small matrix are of `make full`."""
    for condition in conditions.CONDITIONS:
        for kind in KINDS:
            small = condition.name == "no agent" or kind.name in ALWAYS
            if not judge.not_applicable(kind, condition):
                marks = [] if small else [pytest.mark.full]
                yield pytest.param(kind, condition, id=f"{kind.name} - {condition.name}", marks=marks)


@pytest.mark.parametrize(("kind", "condition"), list(cells()))
def test_tracked_is_as_bare(tmp_path, kind, condition):
    """In all that a script can see or show, but for the differences that docs/neutrality.md lists."""
    _, unknown = known.explain(judge.cell(tmp_path / "cell", kind, condition), kind.name, condition.name)
    assert unknown == []


@pytest.mark.parametrize(
    ("name", "bare", "tracked"),
    [
        ("exit", 3, 0),
        ("out", b"a\n", b"a\nb\n"),
        ("err", b"a\n", b"outrider: cannot write to the spool\na\n"),
        ("screen", b"", b"outrider: run\n"),
        ("begin.environ.OUTRIDER_SURPRISE", None, "1"),
        ("begin.environ.PATH", "/bin", "/x:/bin"),
        ("begin.fds.5", None, ["pipe:", "01"]),
        ("begin.python.meta_path", ["A", "B"], ["B", "A", "OutriderOffer"]),
        ("begin.python.modules", ["sys", "json"], ["sys", "outrider", "json"]),
        ("job's leader", False, True),
        ("begin.children", 0, 1),
        ("seconds", 0.1, 9.0),
    ],
)
def test_the_judge_forgives_only_what_is_known(name, bare, tracked):
    """A matrix that lets everything pass is none."""
    difference = judge.Difference(name, bare, tracked)
    assert known.explain([difference], "plain", "no agent") == ([], [difference])


def test_the_judge_sees_a_difference_in_each_thing_that_it_compares():
    """From outside and from inside."""
    bare = judge.Seen(0, b"1\n2\n", b"", 0.1, {"begin.cwd": "/a"})
    for change in ({"exit": 1}, {"out": b"2\n1\n"}, {"err": b"x"}, {"seconds": 60.0}, {"reports": {"begin.cwd": "/b"}}, {"reports": {}}):
        assert len(list(judge.differences(KINDS[0], bare, bare._replace(**change)))) == 1
    assert list(judge.differences(KINDS[0], bare, bare)) == []


def test_the_page_is_what_the_code_says():
    """`make neutrality` writes it; its tables are the code's, and its grid has every kind and condition."""
    text = PAGE.read_text()
    static, heading, grid = text.partition(page.HEADING)
    assert static == page.static()
    rows = [line.split(" | ")[0].removeprefix("| ") for line in grid.splitlines() if line.startswith("| ")]
    assert (heading, rows) == (page.HEADING, ["kind", "---", *(kind.name for kind in page.named())])
    assert all(f" {condition.name} |" in grid for condition in conditions.CONDITIONS)
    assert "not run" not in grid
    assert [row.mark for row in known.KNOWN if row.mark not in grid] == []
