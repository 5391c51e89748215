"""The decoder: total over bytes, strict where docs/spool.md is, and nothing unaccounted for."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from spoolfiles import line

from outrider_agent.core import decode, lines

GOOD = line("m", n="loss", v=0.5, s=3)
PIECES = st.one_of(
    st.binary(max_size=60),
    st.just(GOOD),
    st.just(b"\0" * 20),
    st.just(b"\n"),
    st.just(b'{"k":"m","t":1,"n":"x","v":1e999}\n'),
    st.just(b'{"k":"m","t":1,"n":"\\ud800","v":1}\n'),
    st.just(GOOD[:17]),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
    .map(json.dumps)
    .map(lambda text: b"\n" + text.encode() + b"\n"),
)


@given(st.lists(PIECES, max_size=30).map(b"".join), st.integers(0, 2**40))
@example(b"[" * 100_000 + b"\n", 0)
@example(b'{"a":' * 100_000 + b"\n", 0)
@example(b'{"k":"l","t":1,"lv":1,"msg":"","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}\n", 0)
@example(b'{"k":"m","t":1,"n":"x","v":' + b"9" * 5000 + b"}\n", 0)
@example(b"\xef\xbb\xbf" + GOOD, 0)
@example(b'{"k":[]}\n', 0)
@example(b" \x00", 0)
@example(b" \x00 x \x00 \x00 ", 7)
def test_any_bytes_can_be_decoded(data, offset):
    """No bytes make it raise, and what is set aside names bytes that are there."""
    found = decode.decode(data, offset)
    for item in found.aside:
        assert offset <= item.offset <= item.offset + item.length <= offset + len(data)
        assert item.reason
        start = item.offset - offset
        assert not item.data or data[start : start + len(item.data)] == item.data
    places = sorted((item.offset, item.offset + item.length) for item in found.aside)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(places)), "two things at one place"


@given(st.lists(PIECES, max_size=30).map(b"".join))
def test_good_lines_among_any_others_are_all_found(noise):
    """A bad line harms only itself."""
    noise = noise[: lines.complete(noise)]
    alone = len(decode.decode(noise).records)
    assert len(decode.decode(GOOD + noise + GOOD).records) == alone + 2


@given(st.lists(st.one_of(st.just(GOOD.strip()), st.just(b"junk"), st.just(b'{"k":"zz","t":1}'), st.just(b"[1]")), max_size=50))
def test_every_line_is_a_record_or_is_set_aside(found):
    """Every line counts exactly once."""
    decoded = decode.decode(b"".join(b"\n" + text + b"\n" for text in found))
    assert len(decoded.records) == found.count(GOOD.strip())
    assert sum(item.length for item in decoded.aside) == sum(len(text) for text in found if text != GOOD.strip())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not an object"),
        (b'{"k":"zz","t":1}', "unknown kind"),
        (b'{"t":1}', "no kind"),
        (b'{"k":"m","t":1,"n":"x"}', "missing required field `v`"),
        (b'{"k":"m","t":"1","n":"x","v":1}', "Expected `int`"),
        (b'{"k":"m","t":1,"n":"x","v":NaN}', "NaN is not JSON"),
        (b'{"k":"m","t":1,"n":"x","v":{}}', "Expected"),
        (b'{"k":"m","t":1,"n":"x","v":["a","b"]}', "Expected"),
        (b'{"k":"m","t":9223372036854775808,"n":"x","v":1}', "Expected `int` <="),
        (b'{"k":"end","t":1,"status":"Fine","reason":"x"}', "Invalid enum value"),
        (b'{"k":"m","t":1,"n":"\xff","v":1}', "not UTF-8"),
        (b'{"k":"tb","t":1,"n":"x","c":{"a":[1,2],"b":[1]}}', "columns differ in length"),
        (b'{"k":"tb","t":1,"n":"x","c":{"a":[1e999],"b":[]}}', "columns differ in length"),
        (b'{"k":"l","t":1,"lv":20,"msg":"x","x":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
    ],
)
def test_a_bad_line_is_set_aside_with_its_reason(text, reason):
    """Place, length, reason."""
    decoded = decode.decode(GOOD + text + b"\n" + GOOD, 1000)
    assert len(decoded.records) == 2
    (item,) = decoded.aside
    assert (item.offset, item.length) == (1000 + len(GOOD), len(text))
    assert reason in item.reason


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("1", 1),
        ("0.1", 0.1),
        ("true", True),
        ("null", None),
        ('"NaN"', "NaN"),
        ('["NaN"]', ["NaN"]),
        ("1e999", "Infinity"),
        ("-1e999", "-Infinity"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ('"\\ud800"', "\\ud800"),
        ('"caf\\u00e9"', "café"),
    ],
)
def test_values_stay_as_they_are_spelled(value, kept):
    """docs/spool.md, Values; what JSON can say but msgspec or a database cannot is kept in the nearest form."""
    (item,) = decode.decode(b'{"k":"m","t":1,"n":"x","v":%s}\n' % value.encode()).records
    assert item.v == kept
    assert type(item.v) is type(kept)


def test_the_kind_need_not_come_first_and_unknown_fields_are_ignored():
    """Foreign writers order their fields as they like."""
    (item,) = decode.decode(b'{"zz":[1,{}],"t":1,"v":2,"n":"x","k":"m"}\n').records
    assert (item.n, item.v) == ("x", 2)


def test_a_run_of_nul_bytes_is_counted_and_what_follows_is_read():
    """A power loss leaves NULs; the next line is whole (B5)."""
    found = decode.decode(GOOD + b"\0" * 4096 + b"\n" + GOOD + b"\0" * 10 + GOOD.strip() + b"\n")
    assert len(found.records) == 3
    assert [item.length for item in found.aside] == [4096, 10]


def test_nul_bytes_after_a_torn_line_have_a_place_of_their_own():
    """Two things set aside at one place would be one in the store."""
    found = decode.decode(b"\n{" + b"\0" * 9 + b"\n", 96)
    assert [(item.offset, item.length) for item in found.aside] == [(98, 9), (97, 1)]


def test_blanks_around_nul_bytes_are_not_counted_as_nul_bytes():
    """What is set aside lies within the data and overlaps nothing else."""
    found = decode.decode(b" \0 x\0 \0 ", 10)
    assert [(item.offset, item.length) for item in found.aside] == [(11, 1), (14, 3), (13, 1)]
    assert [(item.offset, item.length) for item in decode.decode(b" \0", 0).aside] == [(1, 1)]


def test_a_path_that_is_not_utf8_keeps_its_surrogates():
    """They are the file's name."""
    (item,) = decode.decode(b'{"k":"art","t":1,"p":"a\\udcff","size":1,"sha":"x"}\n').records
    assert item.p == "a\udcff"
