"""The wire between agent and server: what one end spells the other reads, and what is no slice is refused, whatever it looks like."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider_agent import model
from outrider_agent.core import batches, naming, wire
from outrider_agent.receive import budget
from outrider_agent.sinks import http

STREAM = model.StreamId("r", "w")
PLACES = st.builds(model.Position, st.integers(0, 9), st.integers(0, 10**12))
LINES = st.lists(st.binary(max_size=20).map(lambda text: b"\n" + text.replace(b"\n", b"") + b"\n"), min_size=1, max_size=8)


def piece(data, start=model.START):
    end = model.Position(start.segment, start.offset + len(data))
    return model.Slice(stream=STREAM, start=start, end=end, data_offset=start.offset, data=data)


@given(PLACES)
def test_a_position_is_read_as_it_was_spelled(place):
    """Law: both ends mean the same place."""
    assert wire.position(wire.spelled(place)) == place


@pytest.mark.parametrize("text", ["", "1", "1.", ".1", "-1.0", "1.-1", "1.0.0", "٣.٤", "1e3.0", " 1.0", "1.0\n", "0x1.0", "9" * 30 + ".0"])
def test_what_is_no_position_is_refused(text):
    """Digits of other scripts, signs, spaces."""
    with pytest.raises(wire.Malformed):
        wire.position(text)


@given(LINES, st.integers(0, 10**9), st.booleans(), st.binary(max_size=5))
def test_a_slice_is_read_as_it_was_named(lines, offset, later, torn):
    """Law: query and body together are the slice, in whichever segment, with its torn tail."""
    tail = torn.replace(b"\n", b"")
    data = b"".join(lines) + tail
    start = model.Position(3, offset)
    end = model.Position(4, len(data)) if later else model.Position(3, offset + len(data))
    sent = model.Slice(stream=STREAM, start=start, end=end, data_offset=0 if later else offset, data=data, torn=len(tail))
    said = wire.parse(wire.named(sent).query())
    assert said.slice(STREAM, data) == sent
    with pytest.raises(wire.Malformed):
        said.slice(STREAM, data + b"\n")


@given(
    st.dictionaries(
        st.sampled_from(["from", "to", "torn", "gap", "reason"]), st.text(max_size=8) | st.sampled_from(["0.0", "0.9", "1.4", "1"])
    )
)
def test_whatever_a_query_says_it_is_a_slice_or_malformed(query):
    """Law 6: nothing else is raised, and a slice goes forward."""
    try:
        said = wire.parse(query)
    except wire.Malformed:
        return
    assert said.end > said.start
    assert said.length >= said.torn


@given(st.binary(max_size=200), st.integers(0, 250))
def test_what_was_packed_is_unpacked_up_to_what_was_announced(data, most):
    """Law 5: a bomb is refused at its announced size."""
    if len(data) <= most:
        assert wire.unpacked(wire.packed(data), most) == data
        assert wire.unpacked(gzip.compress(data), most) == data
    else:
        with pytest.raises(wire.Malformed):
            wire.unpacked(wire.packed(data), most)


@given(LINES, st.data())
def test_what_lies_after_the_truth_is_the_rest_of_the_slice(lines, data):
    """Law 3: at a line's end within the slice the sender goes on there; anywhere else it reads again."""
    whole = piece(b"".join(lines), model.Position(2, 100))
    cut = data.draw(st.integers(0, len(whole.data)))
    left = http.rest(whole, model.Position(2, 100 + cut))
    if 0 < cut < len(whole.data) and whole.data[cut - 1 : cut] == b"\n":
        assert (left.start, left.data, left.end) == (model.Position(2, 100 + cut), whole.data[cut:], whole.end)
    else:
        assert left is None
    assert http.rest(whole, model.Position(1, 100 + cut)) is None


@given(LINES, st.data())
def test_slices_that_follow_one_another_are_joined_and_nothing_else(lines, data):
    """Law: the same bytes, in the same order, in fewer slices."""
    slices, at = [], model.START
    for line in lines:
        if data.draw(st.booleans()):
            at = model.Position(at.segment, at.offset)
            slices.append(piece(line, at))
        else:  # a new segment
            end = model.Position(at.segment + 1, len(line))
            slices.append(model.Slice(stream=STREAM, start=at, end=end, data_offset=0, data=line))
        at = slices[-1].end
    joined = http.joined(slices)
    assert b"".join(one.data for one in joined) == b"".join(lines)
    assert [one.start for one in joined[1:]] == [one.end for one in joined[:-1]]
    assert (joined[0].start, joined[-1].end) == (slices[0].start, slices[-1].end)
    assert len({one.end.segment for one in joined}) == len(joined)


def test_a_batch_is_halved_down_to_its_lines():
    """What `receive` and `deliver` share: in order, nothing lost, a single line is not parted."""
    batch = model.Batch(slices=(piece(b"\na\n\nb\n\nc\n"),))
    found = [batch]
    while any(batches.halves(one) for one in found):
        found = [part for one in found for part in (batches.halves(one) or [one])]
    assert [one.slices[0].data.strip() for one in found] == [b"a", b"b", b"c"]


def test_blobs_are_found_where_lines_name_them():
    """Artifacts, snapshots, a model's files; text that only looks like it names nothing."""
    sha = "ab" * 32
    lines = [
        b'{"k":"m","t":1,"n":"x","v":1}',
        b'{"k": "art", "t":1,"p":"a","size":1,"sha":"%s"}' % sha.encode(),
        b'{"k":"l","t":1,"lv":20,"msg":"\\"art\\" and \\"snap\\""}',
        b'{"k":"model","t":1,"n":"m","ver":1,"files":{"a":["%s",1],"b":["x",1]}}' % sha.encode(),
        b'{"k":"snap","t":1,"id":"i","sha":"%s","size":1}' % sha.encode(),
        b'{"k":"art" broken',
    ]
    data = b"".join(b"\n" + line + b"\n" for line in lines)
    places = [data.index(line) for line in lines]
    assert list(naming.blobs(data)) == [(places[1], sha), (places[3], sha), (places[3], "x"), (places[4], sha)]


def test_one_sender_never_has_all_of_the_servers_memory():
    """Whoever has its share waits; others come in until all is taken; what was given back is there again."""
    whole = budget.Budget(100)
    with whole.share("a", 40):
        with pytest.raises(budget.Greedy), whole.share("a", 20):
            pass
        with whole.share("b", 50), pytest.raises(budget.Crowded), whole.share("c", 20):
            pass
        assert whole.used == 40
    with whole.share("a", 400):  # one that is larger than all of it comes alone
        pass
    assert whole.used == 0
