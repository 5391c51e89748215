"""The lines of a console that hold a text, however it is cut into chunks and stretches."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from outrider_agent.cli import hits
from outrider_agent.store import records

PIECES = st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from([1, 1, 1, 2]), st.text("ab\n", min_size=1, max_size=6)), max_size=12)


def chunks_of(pieces):
    """Attempts one after the other, as they are."""
    offsets, made = {}, []
    for key, (fd, attempt, text) in enumerate(sorted(pieces, key=lambda piece: piece[1]), 1):
        offset = offsets.get((fd, attempt), 0)
        offsets[fd, attempt] = offset + len(text)
        made.append(records.ConsoleChunk(key=key, attempt=attempt, fd=fd, offset=offset, time=key, data=text.encode()))
    return made


def written(chunks):
    """(attempt, stream, offset, text) of each line, by a second way: each stream as one piece."""
    streams = {}
    for chunk in chunks:
        streams.setdefault((chunk.attempt, chunk.fd), []).append(chunk.data.decode())
    for (attempt, fd), parts in streams.items():
        offset = 0
        for line in "".join(parts).splitlines(keepends=True):
            yield attempt, {1: "stdout", 2: "stderr"}[fd], offset, line.rstrip("\n")
            offset += len(line)


@example([(1, 1, "a"), (1, 1, "a"), (1, 2, "b")], {0, 1}, "b")  # a line that goes on beyond two pauses, and ends with its attempt
@given(PIECES, st.sets(st.integers(0, 12)), st.sampled_from(["ab", "b", "ba"]))
def test_a_line_is_found_once_wherever_a_search_pauses(pieces, pauses, text):
    """Law: nothing is missing and nothing told twice, whatever the chunks' borders, the stretches' ends and the attempts."""
    chunks = chunks_of(pieces)
    wanted = hits.Wanted(text, is_regex=False)
    found, lines = [], hits.Lines(wanted)
    for at, chunk in enumerate(chunks):
        found += lines.of(chunk)
        if at in pauses:
            for after in chunks[at + 1 :]:
                found += lines.ended_by(after)
            found += lines.last(is_all=True)
            lines = hits.Lines(wanted, lines.told)
    found += lines.last(is_all=True)
    told = sorted((*hit.place, hit.text) for hit in found)
    assert told == sorted(line for line in written(chunks) if text in line[3])


def test_a_line_that_hardly_ends_is_looked_at_in_pieces(monkeypatch):
    """No more than a bounded part of it is held, and each part is found."""
    monkeypatch.setattr(hits, "LINE_BYTES", 100)
    lines = hits.Lines(hits.Wanted("x", is_regex=False))
    chunks = [
        records.ConsoleChunk(key=key, attempt=1, fd=1, offset=60 * key, time=key, data=b"-" * 50 + b"x" + b"-" * 9) for key in range(9)
    ]
    found = [hit for chunk in chunks for hit in lines.of(chunk)]
    found += lines.last(is_all=False)
    assert [hit.place.offset for hit in found] == [0, 120, 240, 360, 480]
    assert not lines.told
