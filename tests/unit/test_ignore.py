"""Ignore files mean what git says they mean: every case is asked of git too."""

from __future__ import annotations

import subprocess

import pytest

from outrider._ignore import Rules

PATHS = [
    "a.py",
    "a.log",
    "b/a.log",
    "b/keep.log",
    "build/x/y.o",
    "src/build/z.o",
    "doc/notes.txt",
    "doc/deep/notes.txt",
    "data/train.csv",
    "data/raw/big.csv",
    "x/y/z/data/q.csv",
    "with space.txt",
    "#hash",
    "!bang",
    "[odd].txt",
    "été.txt",
    "f1.txt",
    "f2.txt",
    "fa.txt",
    ".hidden/file",
]

CASES = {
    "a name anywhere": ["*.log"],
    "a folder anywhere": ["build/"],
    "anchored by a leading slash": ["/build"],
    "anchored by an inner slash": ["doc/*.txt"],
    "two stars before": ["**/notes.txt"],
    "two stars behind": ["data/**"],
    "two stars between": ["x/**/data"],
    "a question mark": ["f?.txt"],
    "a class": ["f[0-9].txt"],
    "the opposite of a class": ["f[!0-9].txt"],
    "the same with a caret": ["f[^0-9].txt"],
    "comments and empty lines": ["# *.py", "", "   ", "*.csv"],
    "escaped": ["\\#hash", "\\!bang", "\\[odd].txt"],
    "an exception": ["*.log", "!keep.log"],
    "an exception taken back": ["*.log", "!keep.log", "b/keep.log"],
    "an exception below an excluded folder's contents": ["data/*", "!data/raw"],
    "trailing spaces": ["a.py   ", "with\\ space.txt"],
    "dots are dots": [".hidden", "a.p"],
    "a bracket that never closes": ["f[1.txt"],
    "not ASCII": ["ét*.txt"],
    "a star does not cross folders": ["x/*/data"],
}


@pytest.mark.parametrize("lines", CASES.values(), ids=CASES.keys())
def test_patterns_leave_out_what_git_leaves_out(tmp_path, lines):
    """Of each path, a file."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(lines), "utf-8")
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    asked = subprocess.run(
        ["git", "check-ignore", "--stdin", "-z"], cwd=tmp_path, input="\0".join(PATHS), capture_output=True, text=True, check=False
    )
    rules = Rules(lines)
    assert {path for path in PATHS if rules.excludes(path, folder=False)} == set(asked.stdout.split("\0")) - {""}


def test_a_file_below_an_excluded_folder_can_be_an_exception():
    """The one difference to git, as the original has it: `*` and then what is wanted."""
    rules = Rules(["*", "!train/**"])
    assert rules.has_exceptions
    assert [path for path in ("a.py", "train/a.py", "train/b/c.py") if not rules.excludes(path, folder=False)] == [
        "train/a.py",
        "train/b/c.py",
    ]
