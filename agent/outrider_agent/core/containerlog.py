"""
What container engines write of a container's output, as the bytes that the container wrote: docker's json-file, CRI (Kubernetes, podman's
k8s-file), and the API's frames. Pure, and total: any bytes can be read; what no rule can read is set aside with its reason.

An engine cuts a long line into parts. A part is given back without a newline, so that parts join by themselves wherever the console's
bytes are put together: across the other stream's lines, rotated files and restarts of whoever reads (decisions/0018). Nothing is held back.
"""

from __future__ import annotations

import datetime as dt
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The formats by name. `podman` is CRI's lines under another engine's rotation.
DOCKER: Final = "docker"
CRI: Final = "cri"

#: Bytes of one chunk at most, and what is kept of a line that is set aside.
CHUNK_BYTES = 256 << 10
HEAD_BYTES = 4 << 10

#: So many characters of a time stamp are the same for lines that share a chunk: up to the hundredth of a second.
_SAME_TIME = 22
_STREAMS = {"stdout": 1, "stderr": 2}
_RAW_STREAMS = {b"stdout": 1, b"stderr": 2}
_LEAST, _MOST = -(2**63), 2**63 - 1


class Chunk(NamedTuple):
    """
    Bytes that the container wrote to one stream (1: stdout, 2: stderr), in one go or nearly so; `time`: ns since the epoch, of its first
    line, None where the engine's is not to be read. In the data that were parsed it is the lines from `start` up to `end`.
    """

    stream: int
    time: int | None
    data: bytes
    start: int
    end: int


class Bad(NamedTuple):
    """Lines that were set aside: their place in the data that were parsed, why, and the first bytes."""

    start: int
    end: int
    reason: str
    head: bytes


class _Line(msgspec.Struct, gc=False):
    """One line of a json-file. Labels and such are not looked at."""

    log: str = ""
    stream: str = ""
    time: str = ""


class _Read(NamedTuple):
    """One line, read: which stream, its time as it is spelled, its bytes."""

    stream: int
    time: str
    data: bytes


_NULS: Final = "NUL bytes, as a power loss or a hole in the file leaves them"
_DECODER = msgspec.json.Decoder(_Line)
_FAILURES = (msgspec.MsgspecError, ValueError, RecursionError)


class Unreadable(ValueError):
    """A line is not of its format; the text says how."""


def parse(style: str, data: bytes) -> list[Chunk | Bad]:
    """Whole lines (the last may lack its newline) in the order they stand there. `style`: DOCKER or CRI. Never raises."""
    if style == DOCKER:
        found = _docker_chunks(data)
        return _gather(data, _one_by_one(data, _docker_line)) if found is None else found
    return _gather(data, _one_by_one(data, _cri_line))


def nanoseconds(text: str) -> int | None:
    """RFC 3339 with any number of decimals -> ns since the epoch; None where it is none, or beyond what 64 bits hold."""
    whole, rest = text[:19], text[19:]
    fraction = ""
    if rest.startswith("."):
        digits = len(rest) - len(rest[1:].lstrip("0123456789"))
        fraction, rest = rest[1:digits], rest[digits:]
    try:
        seconds = int(dt.datetime.fromisoformat(whole + (rest or "Z")).timestamp())
        found = seconds * 1_000_000_000 + int((fraction + "000000000")[:9])
    except (ValueError, OverflowError):
        return None
    return found if _LEAST <= found <= _MOST else None


def _docker_chunks(data: bytes) -> list[Chunk | Bad] | None:
    """All lines at once, with no step in Python that is taken for each but two; None where anything is odd."""
    try:
        lines = _DECODER.decode_lines(data)
    except _FAILURES:
        return None
    raws = data.split(b"\n")
    if len(lines) != len(raws) - 1 or raws[-1] or not {line.stream for line in lines} <= _STREAMS.keys():
        return None
    logs, ends = [line.log for line in lines], list(accumulate(map(len, raws)))
    found: list[Chunk | Bad] = []
    first = start = 0
    for _key, group in groupby([line.time[:_SAME_TIME] + line.stream for line in lines]):
        last = first + len(list(group))
        line, end = lines[first], ends[last - 1] + last
        text = logs[first] if last - first == 1 else "".join(logs[first:last])
        found.append(Chunk(_STREAMS[line.stream], nanoseconds_of(line.time), text.encode(), start, end))
        first, start = last, end
    return found


def _one_by_one(data: bytes, read: Callable[[bytes], _Read]) -> Iterator[tuple[int, _Read | Bad | None]]:
    """(end, what it is) of each line; None for an empty one. NULs before a line, as a lost page leaves them, are set aside."""
    end = 0
    while end < len(data):
        start, end = end, data.find(b"\n", end) + 1 or len(data)
        raw = data[start:end].removesuffix(b"\n")
        text = raw.lstrip(b"\0")
        if len(text) != len(raw):
            cut = end - (len(data[start:end]) - len(raw)) - len(text) if text else end
            yield cut, Bad(start, cut, _NULS, b"")
            start = cut
        if not text:
            yield end, None
            continue
        try:
            yield end, read(text)
        except _FAILURES as exc:
            why = "the line is cut off" if end == len(data) and not data.endswith(b"\n") else _reason(exc)
            yield from _around_nuls(text, start, end, why, read)


def _around_nuls(text: bytes, start: int, end: int, why: str, read: Callable[[bytes], _Read]) -> Iterator[tuple[int, _Read | Bad]]:
    """What can be read of a line that cannot as a whole: all before NULs that follow it, else all after the last NUL in it."""
    before = text.rstrip(b"\0")
    cut = len(before) if len(before) < len(text) else text.rfind(b"\0") + 1
    is_before = cut == len(before)
    try:
        found = read(text[:cut] if is_before else text[cut:]) if cut and cut < len(text) else None
    except _FAILURES:
        found = None
    if found is None:
        yield end, Bad(start, end, f"{_NULS}, stand in it: {why}" if cut else why, text[:HEAD_BYTES])
    elif is_before:
        yield start + cut, found
        yield end, Bad(start + cut, end, _NULS, b"")
    else:
        yield start + cut, Bad(start, start + cut, f"the line is cut off by {_NULS}", text[:cut].rstrip(b"\0")[:HEAD_BYTES])
        yield end, found


def _docker_line(raw: bytes) -> _Read:
    line = _DECODER.decode(raw)
    stream = _STREAMS.get(line.stream)
    if stream is None:
        raise Unreadable(f"the stream {line.stream!r} is neither stdout nor stderr")
    return _Read(stream, line.time, line.log.encode())


def _cri_line(raw: bytes) -> _Read:
    """`<time> stdout|stderr P|F[:tag…] <content>`; P: the line goes on in the next one."""
    time, _, rest = raw.partition(b" ")
    name, _, rest = rest.partition(b" ")
    tags, _, content = rest.partition(b" ")
    stream, tag = _RAW_STREAMS.get(name), tags.partition(b":")[0]
    if stream is None:
        raise Unreadable("no stream name stands after the time")
    if tag not in (b"P", b"F"):
        raise Unreadable("the tag is neither P nor F")
    stamp = time.decode("ascii")
    if nanoseconds_of(stamp) is None:
        raise Unreadable("no time stands before the stream's name")
    return _Read(stream, stamp, content if tag == b"P" else content + b"\n")


def _gather(data: bytes, lines: Iterator[tuple[int, _Read | Bad | None]]) -> list[Chunk | Bad]:
    """Lines of one stream that were written within the same hundredth of a second make one chunk."""
    found: list[Chunk | Bad] = []
    parts: list[bytes] = []
    stream, time, begun, last, size = 0, "", 0, 0, 0
    for end, read in lines:
        if isinstance(read, _Read):
            if parts and (read.stream != stream or read.time[:_SAME_TIME] != time[:_SAME_TIME] or size >= CHUNK_BYTES):
                found.append(Chunk(stream, nanoseconds_of(time), b"".join(parts), begun, last))
                begun, parts, size = last, [], 0
            if not parts:
                stream, time = read.stream, read.time
            parts.append(read.data)
            size += len(read.data)
        elif read is not None:
            if parts:
                found.append(Chunk(stream, nanoseconds_of(time), b"".join(parts), begun, last))
                parts, size = [], 0
            found.append(read)
            begun = end
        last = end
    if parts:
        found.append(Chunk(stream, nanoseconds_of(time), b"".join(parts), begun, len(data)))
    return found


def nanoseconds_of(text: str) -> int | None:
    """`nanoseconds`, without computing the date anew for each line of a second."""
    if text.endswith("Z") and text[19:20] == ".":
        seconds = _SECONDS.of(text[:19])
        fraction = text[20:-1]
        if seconds is not None and fraction.isdigit() and len(fraction) <= 9:
            return seconds + int(fraction.ljust(9, "0"))
    return nanoseconds(text)


class _Seconds:
    """The last second's date, computed once."""

    def __init__(self) -> None:
        self._last: tuple[str, int | None] = ("", None)

    def of(self, text: str) -> int | None:
        """A time without its fraction, as ns since the epoch."""
        last = self._last
        if last[0] != text:
            last = self._last = (text, nanoseconds(text + "Z"))
        return last[1]


_SECONDS = _Seconds()


def _reason(exc: BaseException) -> str:
    if isinstance(exc, Unreadable):
        return str(exc)[:300]
    if isinstance(exc, RecursionError):
        return "nested too deeply"
    return f"not a line of this format: {exc}".encode("utf-8", "backslashreplace").decode("utf-8")[:300]


class Frames:
    """
    The API's stream of a container without a terminal: 8 bytes before each piece say which stream and how long. Fed bytes as they come.

    Each frame is one message of the engine's, and begins with its time stamp.
    """

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """(stream, message) of the frames that are whole now. Raises `Unreadable` where it is no such stream."""
        rest = self._rest
        rest += data
        found = []
        start = 0
        while len(rest) - start >= 8:
            stream, size = rest[start], int.from_bytes(rest[start + 4 : start + 8], "big")
            if stream > 3 or rest[start + 1 : start + 4] != b"\0\0\0":
                raise Unreadable("the engine's stream of logs is not in frames")
            if len(rest) - start - 8 < size:
                break
            found.append((2 if stream == 2 else 1, bytes(rest[start + 8 : start + 8 + size])))
            start += 8 + size
        del rest[:start]
        return found


def stamped(message: bytes) -> tuple[str, bytes]:
    """A message of the API as (time stamp, bytes). Raises `Unreadable` where no time stands before it."""
    time, blank, data = message.partition(b" ")
    text = time.decode("ascii", "replace")
    if not blank or nanoseconds_of(text) is None:
        raise Unreadable("no time stands before the message")
    return text, data
