"""What differs between runs: rows, the best of a metric, a sentence, and lines of code."""

from __future__ import annotations

import zipfile

import pytest

from outrider_agent.cli import comparing, snapshots


@pytest.mark.parametrize(
    ("values", "differs"),
    [
        ([1, 1.0], False),
        ([1, True], True),
        ([1, "1"], True),
        ([0.1, None], True),
        ([None, None], False),
        (["a", "a", "b"], True),
        ([[1], [1]], False),
        (["x" * 80 + "a", "x" * 80 + "b"], True),
        ([[0] * 80, [*[0] * 79, 1]], True),
        ([0.1 + 0.2, 0.3], False),
    ],
)
def test_a_row_differs_where_somebody_would_say_so(values, differs):
    """By how values are shown; what is missing differs from what is there."""
    assert comparing.row("x", values)["differs"] == differs


def test_rows_are_of_every_name_in_the_order_seen():
    """A name that only the last one has is a row too."""
    found = comparing.rows([{"lr": 1, "depth": 2}, {"depth": 2, "seed": 3}])
    assert [(one["name"], one["values"], one["differs"]) for one in found] == [
        ("lr", [1, None], True),
        ("depth", [2, 2], False),
        ("seed", [None, 3], True),
    ]


def test_a_sentence_says_what_changed():
    """With the first names of many."""
    differ = [{"name": name, "differs": True} for name in "abcd"]
    assert comparing.sentence({"Parameters": differ, "Environment": differ[:1]}) == (
        "They differ in 4 parameters (a, b, c …) and 1 fact of the environment (a)."
    )
    assert comparing.sentence({"Parameters": [], "Environment": []}, ["train.py"]) == "They differ in 1 file of the code (train.py)."
    several = comparing.sentence({"Parameters": differ[:1], "Environment": differ[:1]}, ["a.py", "b.py"])
    assert several.endswith("and 2 files of the code (a.py, b.py).")
    assert several.count(" and ") == 1
    assert comparing.sentence({"Parameters": [], "Environment": []}) == "Their parameters and environments are the same."


def test_code_is_compared_by_the_snapshots_zips(tmp_path):
    """Names, contents and lines; what is no zip, no text or too large is told without lines."""
    for name, content in (("a", "x = 1\ny = 2\n"), ("b", "x = 1\ny = 3\n")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("train.py", content)
            archive.writestr("same.py", "same")
            archive.writestr("binary", bytes([0xFF, 0xFE]) + name.encode())
    first, other = (snapshots.files(tmp_path / name) for name in "ab")
    assert {path for path in first if first[path] != other[path]} == {"train.py", "binary"}
    told = comparing.difference("train.py", *[snapshots.text(tmp_path / name, "train.py") for name in "ab"])
    assert told["what"] == "1 line added, 1 removed"
    assert told["diff"].splitlines() == ["@@ -1,2 +1,2 @@", " x = 1", "-y = 2", "+y = 3"]
    assert snapshots.text(tmp_path / "a", "binary") is None
    assert comparing.difference("new.py", None, "x")["diff"] is None
    (tmp_path / "bad").write_bytes(b"no zip")
    assert snapshots.files(tmp_path / "bad") == snapshots.files(None) == snapshots.files(tmp_path / "none") == {}
