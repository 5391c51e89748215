"""Values as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider_agent.cli import format as fmt
from outrider_agent.cli import output

NOW = 1_700_000_000_000_000_000


def test_times_in_json_are_utc_with_microseconds_cut_not_rounded():
    """Every `--json` spells times so; None stays null."""
    assert fmt.iso(1_700_000_000_123_456_999) == "2023-11-14T22:13:20.123456Z"
    assert fmt.iso(0) == "1970-01-01T00:00:00.000000Z"
    assert fmt.iso(-1) == "1969-12-31T23:59:59.999999Z"
    assert fmt.iso(None) is None


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_time_that_a_store_can_hold_can_be_told(time_ns):
    """A spool line may carry any integer as its time: reading never fails on it."""
    assert fmt.iso(time_ns).endswith("Z")
    assert fmt.local(time_ns)
    assert fmt.ago(time_ns, NOW)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (5, "5 seconds ago"),
        (61, "1 minute ago"),
        (3 * 60, "3 minutes ago"),
        (7300, "2 hours ago"),
        (90_000, "1 day ago"),
        (40 * 86_400, "1 month ago"),
        (800 * 86_400, "2 years ago"),
        (-10, "in 10 seconds"),
    ],
)
def test_relative_times_have_one_unit(seconds, text):
    """Roughly is enough for people."""
    assert fmt.ago(NOW - seconds * fmt.SECOND_NS, NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.42 s"),
        (13.24, "13.2 s"),
        (59.96, "1 m 00 s"),
        (133, "2 m 13 s"),
        (3599.6, "1 h 00 m"),
        (11_100, "3 h 05 m"),
        (183_600, "2 d 03 h"),
        (-5, "-5.00 s"),
        (None, "-"),
    ],
)
def test_durations_have_their_two_largest_units(seconds, text):
    """Rounding never yields `60 s` or `60 m`."""
    assert fmt.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_258_291, "1.2 MiB"), (1024**2 - 1, "1.0 MiB"), (5 << 40, "5.0 TiB")],
)
def test_sizes_are_in_powers_of_1024(count, text):
    """Rounding never yields `1024.0 KiB`."""
    assert fmt.size(count) == text


@given(st.text())
def test_text_shown_on_a_terminal_holds_no_control_but_tab_newline_and_colours(text):
    """A script's output cannot move the cursor, set the title, or talk back."""
    shown = fmt.safe(text)
    without_colours = fmt.re.sub(fmt._COLOUR, "", shown)
    assert not [char for char in without_colours if ord(char) < 32 and char not in "\t\n"]
    assert "\x7f" not in without_colours
    assert not [char for char in without_colours if 0x80 <= ord(char) < 0xA0]


def test_colours_stay_and_other_escapes_do_not():
    """A progress line in green stays green; a title change is shown as text."""
    assert fmt.safe("\x1b[32mok\x1b[0m") == "\x1b[32mok\x1b[0m"
    assert fmt.safe("\x1b]0;title\x07") == "\\x1b]0;title\\x07"
    assert fmt.safe("\x1b[2J") == "\\x1b[2J"


@given(st.text())
def test_a_cell_is_one_line(text):
    """A name with a newline does not break a table."""
    assert "\n" not in fmt.one_line(text)
    assert "\x1b" not in fmt.one_line(text)


def test_every_reason_of_the_vocabulary_has_words():
    """docs/spool.md fixes the vocabulary; `show` says it in words."""
    from outrider import record

    assert set(fmt.REASONS) == set(record.REASONS)
    assert fmt.reason("exit-code", exit_code=3) == "the command exited with code 3"
    assert fmt.reason("signal", signal_number=9) == "the command was killed by SIGKILL (9)"
    assert fmt.reason("canceled", by="ada") == "it was canceled by ada"
    assert fmt.reason("something-new") == "something-new"


def test_a_command_is_shown_as_a_shell_takes_it():
    """It can be pasted."""
    assert fmt.command_line(["python", "train.py", "--name", "a b", "it's"]) == "python train.py --name 'a b' 'it'\"'\"'s'"
    assert fmt.command_line(None) == "-"


def test_a_name_beyond_measure_does_not_make_a_table_as_wide(capsys):
    """It is cut where people read; --json has it whole."""
    output.table([output.Column("METRIC"), output.Column("LAST")], [["x" * 10_000, "1"]])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) < 250
    assert "…" in printed
