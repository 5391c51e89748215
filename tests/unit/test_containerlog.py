"""What engines write, read back: each case carries its number in the catalogue of cases."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider_agent.core import containerlog
from outrider_agent.core.containerlog import CRI, DOCKER, Bad, Chunk

T = "2026-11-22T05:39:45.617641064Z"
T_NS = 1795325985617641064


def docker(log, stream="stdout", time=T):
    return json.dumps({"log": log, "stream": stream, "time": time}).encode() + b"\n"


def written(found, stream):
    return b"".join(one.data for one in found if isinstance(one, Chunk) and one.stream == stream)


def test_f01_parts_of_a_long_line_join_by_themselves():
    """The engine cuts at 16,384 bytes; a part has no newline."""
    found = containerlog.parse(DOCKER, docker("x" * 16384) + docker("x" * 16384) + docker("y\n"))
    assert written(found, 1) == b"x" * 32768 + b"y\n"


def test_f02_parts_of_two_streams_join_each_for_itself():
    """Also where they alternate."""
    data = docker("a" * 16384) + docker("A" * 16384, "stderr") + docker("b\n") + docker("B\n", "stderr")
    found = containerlog.parse(DOCKER, data)
    assert written(found, 1) == b"a" * 16384 + b"b\n"
    assert written(found, 2) == b"A" * 16384 + b"B\n"
    assert [one.end for one in found] == [len(docker("a" * 16384)), *(one.end for one in found[1:3]), len(data)]


def test_f15_cri_lines_of_every_kind():
    """Parts, further tags, no content; what is none is set aside with its reason, the rest goes on."""
    lines = [
        (b"stdout P half ", b"half "),
        (b"stdout F whole", b"whole\n"),
        (b"stdout F:something more", b"more\n"),
        (b"stderr F ", b"\n"),
        (b"stdout F", b"\n"),
        (b"stdout X what", "the tag is neither P nor F"),
        (b"stdfoo F what", "no stream name stands after the time"),
    ]
    for text, expected in lines:
        (found,) = containerlog.parse(CRI, T.encode() + b" " + text + b"\n")
        if isinstance(expected, bytes):
            assert (found.data, found.time) == (expected, T_NS)
        else:
            assert found.reason == expected
    (found,) = containerlog.parse(CRI, b"stdout F no time before it\n")
    assert isinstance(found, Bad)
    (found,) = containerlog.parse(CRI, b"soon stdout F no time before it\n")
    assert found.reason == "no time stands before the stream's name"


def test_f15_a_chain_of_a_megabyte_of_parts_is_passed_on_as_it_comes():
    """Nothing is held back for a newline that may never come."""
    data = b"".join(T.encode() + b" stdout P " + b"z" * 16384 + b"\n" for _ in range(64))
    found = containerlog.parse(CRI, data)
    assert written(found, 1) == b"z" * (1 << 20)
    assert max(len(one.data) for one in found) <= containerlog.CHUNK_BYTES + 16384


def test_f14_a_corrupt_line_is_set_aside_and_the_next_is_read():
    """With its place, its reason and its first bytes."""
    bad = b'g":"cut off","stream":"stdout"}\n'
    first, second = containerlog.parse(DOCKER, bad + docker("fine\n"))
    assert (first.start, first.end, first.head) == (0, len(bad), bad[:-1])
    assert first.reason.startswith("not a line of this format")
    assert (second.data, second.start, second.end) == (b"fine\n", len(bad), len(bad) + len(docker("fine\n")))


@pytest.mark.parametrize(
    "text", ["bytes \udce9", "nul \x00 in it", "\x1b[31mred\x1b[0m", "cr\r\n", "\ufeffbom", "\u2028", "\U0001f600"], ids=ascii
)
def test_b04_b06_every_character_comes_back(text):
    """json-file has what docker made of the bytes; nothing more happens to it here."""
    text = text.encode("utf-8", "replace").decode()
    assert written(containerlog.parse(DOCKER, docker(text)), 1) == text.encode()


def test_b04_cri_keeps_the_bytes_themselves():
    """Invalid UTF-8 too."""
    (found,) = containerlog.parse(CRI, T.encode() + b" stderr F \xff\xfe \xed\xa0\x80\r\n")
    assert (found.stream, found.data) == (2, b"\xff\xfe \xed\xa0\x80\r\n")


def test_b05_a08_nuls_before_a_line_are_counted_and_the_line_is_read():
    """A lost page, or a file that was extended."""
    first, second = containerlog.parse(DOCKER, b"\0" * 4096 + docker("after\n"))
    assert (first.start, first.end) == (0, 4096)
    assert first.reason.startswith("NUL bytes")
    assert second.data == b"after\n"


def test_b05_b07_a_line_torn_by_nuls_is_set_aside_and_the_next_one_is_read():
    """A power loss leaves the beginning of a line, a page of NULs, and what the engine wrote afterwards, without a newline between."""
    torn = b'{"log":"to'
    bad, good = containerlog.parse(DOCKER, torn + b"\0" * 4096 + docker("after\n"))
    assert (bad.start, bad.end, bad.head) == (0, len(torn) + 4096, torn)
    assert bad.reason.startswith("the line is cut off by NUL bytes")
    assert (good.data, good.start) == (b"after\n", bad.end)
    (bad, good) = containerlog.parse(CRI, T.encode()[:9] + b"\0\0" + T.encode() + b" stdout F after\n")
    assert (bad.end, good.data) == (11, b"after\n")


def test_b05_nuls_after_a_line_are_set_aside_and_the_line_is_kept():
    """As before it: the place that is set aside is theirs."""
    line = docker("whole\n").removesuffix(b"\n")
    good, bad = containerlog.parse(DOCKER, line + b"\0\0\n")
    assert (good.data, good.end) == (b"whole\n", len(line))
    assert (bad.start, bad.end, bad.reason[:9]) == (len(line), len(line) + 3, "NUL bytes")


def test_b06_nuls_that_a_container_wrote_are_its_output():
    """CRI keeps bytes as they are: NULs at a line's end are no damage, and nothing is set aside."""
    (found,) = containerlog.parse(CRI, T.encode() + b" stdout F a\0b\0\0\n")
    assert found.data == b"a\0b\0\0\n"


def test_b06_a_line_with_nuls_that_nothing_can_read_says_so():
    """The reason names them, and what else is wrong."""
    (bad,) = containerlog.parse(DOCKER, b'{"log":"a\0b","stream":"stdout"}\n')
    assert "NUL bytes" in bad.reason
    assert "not a line of this format" in bad.reason


@pytest.mark.parametrize(
    "line", [b'{"log":1}', b'{"a":' * 9999, b'{"stream":"stdout","log":"x"', b"[]", b'{"stream":"stdin","log":"x"}', b"null"]
)
def test_b10_what_is_no_line_is_set_aside(line):
    """Whatever JSON it is, or is not."""
    (found,) = containerlog.parse(DOCKER, line + b"\n")
    assert isinstance(found, Bad)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (T, T_NS),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("2026-11-22T05:39:45.5+05:30", 1795306185500000000),
        ("2026-11-22T05:39:45.1234567891Z", 1795325985123456789),
        ("9999-12-31T23:59:59Z", None),
        ("2016-12-31T23:59:60Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_b11_times(text, expected):
    """One that cannot be read leaves its line as it is, without a time."""
    assert containerlog.nanoseconds_of(text) == expected
    (found,) = containerlog.parse(DOCKER, docker("kept\n", time=text))
    assert (found.data, found.time) == (b"kept\n", expected)


def test_lines_of_one_moment_share_a_chunk_and_others_do_not():
    """So each chunk's time is right to a hundredth of a second."""
    times = [f"2026-11-22T05:39:45.{fraction}Z" for fraction in ("610000001", "619999999", "620000000", "7")]
    found = containerlog.parse(DOCKER, b"".join(docker(f"{time}\n", time=time) for time in times))
    assert [one.data.count(b"\n") for one in found] == [2, 1, 1]


def test_the_end_of_a_file_without_a_newline():
    """A whole line is read; half of one is set aside as that."""
    assert containerlog.parse(DOCKER, docker("whole\n")[:-1])[0].data == b"whole\n"
    assert containerlog.parse(DOCKER, docker("half\n")[:-9])[0].reason == "the line is cut off"


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(max_size=30), st.integers(0, 3)), max_size=30))
def test_law_every_byte_comes_back_in_order(lines):
    """What was written to each stream is what comes out, whatever is between; and the places cover the data without a hole."""
    data = b"".join(docker(text, stream, f"2026-11-22T05:39:45.{tick}Z") for stream, text, tick in lines)
    found = containerlog.parse(DOCKER, data)
    for number, name in ((1, "stdout"), (2, "stderr")):
        assert written(found, number) == "".join(text for stream, text, _tick in lines if stream == name).encode()
    ends = [0, *(one.end for one in found)]
    assert ends[:-1] == [one.start for one in found]
    assert ends[-1] == len(data)


@given(st.binary(max_size=400), st.sampled_from([DOCKER, CRI]))
def test_law_any_bytes_can_be_read(data, style):
    """Law 6: and what is set aside has its place."""
    for one in containerlog.parse(style, data):
        assert 0 <= one.start <= one.end <= len(data)


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40))), st.integers(1, 7))
def test_f13_frames_cut_anywhere(messages, step):
    """The API's stream, fed in pieces of any length."""
    data = b"".join(bytes([stream, 0, 0, 0]) + len(body).to_bytes(4, "big") + body for stream, body in messages)
    frames = containerlog.Frames()
    found = [one for start in range(0, len(data), step) for one in frames.feed(data[start : start + step])]
    assert found == messages


def test_f13_what_is_no_frame_is_refused():
    """A terminal's raw stream, taken for frames."""
    with pytest.raises(containerlog.Unreadable):
        containerlog.Frames().feed(b"plain text of a terminal")


def test_a_message_begins_with_its_time():
    """And may have nothing else."""
    assert containerlog.stamped(T.encode() + b" a b\n") == (T, b"a b\n")
    with pytest.raises(containerlog.Unreadable):
        containerlog.stamped(b"no time\n")
