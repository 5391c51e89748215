"""The options of `outrider run`: read without argparse where they are plain, and then exactly as argparse reads them."""

from __future__ import annotations

import contextlib
import io
import sys

from hypothesis import given
from hypothesis import strategies as st

from outrider import _launch

NAMES = ["--experiment", "--name", "--tag", "--metric", "--outputs", "--cwd", "--run-id", "--resume"]
FLAGS = ["--no-outputs", "--no-agent", "-v", "--verbose"]
values = st.sampled_from(["a", "", "x=y", "two words", "-5", "-x", "ünï", "--name"])
words = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(FLAGS),
    st.builds("{}={}".format, st.sampled_from(NAMES + FLAGS), values),
    values,
    st.sampled_from(["--exp", "-vv", "--", "--unknown"]),
)


def chosen(read, given_words):
    """Every option's value; the exit code where the words are no options."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            found = read(given_words)
    except SystemExit as end:
        return end.code
    return {name[2:]: getattr(found, name[2:].replace("-", "_")) for name in [*NAMES, "--no-outputs", "--no-agent", "--verbose"]}


def by_argparse(given_words):
    """What the quick way must be the same as."""
    return _launch.parser().parse_args(given_words, _launch.Options())


@given(st.lists(words, max_size=6))
def test_options_are_as_argparse_reads_them(given_words):
    """Whatever the words: values that look like options, repeated ones, unknown ones, words that are none."""
    assert chosen(_launch.read_options, given_words) == chosen(by_argparse, given_words)


def test_plain_options_need_no_argparse(monkeypatch):
    """Its import would be a fifth of the time to the command's start."""
    monkeypatch.setitem(sys.modules, "argparse", None)
    found = _launch.read_options(["--experiment", "ridge", "--tag", "a=1", "--tag=b=2", "--no-agent", "-v"])
    assert (found.experiment, found.tag, found.no_agent, found.verbose) == ("ridge", ["a=1", "b=2"], True, True)
