"""
Lines of the spool as records: the wire forms of docs/spool.md, format 1, and the decoder. Pure, and total: any bytes can be decoded.

A whole piece is decoded at once; only where it holds a bad line are its lines looked at one by one. What no rule can read is set aside
with its place and its reason. Metric values stay as they are spelled; unknown fields are ignored.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from outrider import record
from outrider_agent.core import lenient, lines

#: Data are decoded in pieces of about so many bytes once a bad line was found among them.
PIECE = 16 << 10
#: What is kept of a line that is set aside.
HEAD_BYTES = 64 << 10

# Whatever a database binds as an integer.
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Attempt = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Step = Int64 | float | None
#: A number, true, false, null, a string ("NaN", "Infinity" and "-Infinity" are those floats), or [text].
Value = int | float | bool | str | Annotated[list[str], msgspec.Meta(min_length=1, max_length=1)] | None


class Head(msgspec.Struct, frozen=True, tag_field="k", tag=record.HEAD):
    """The first line of a segment."""

    v: Literal[1]
    run: str
    w: str
    seg: Int64
    t: Int64
    host: str | None = None
    boot: str | None = None
    pid: Int64 | None = None
    rank: Int64 | None = None
    exp: str | None = None
    own: bool = False
    att: Attempt = 1


class Run(msgspec.Struct, frozen=True, tag_field="k", tag=record.RUN):
    """What is known of the run; later fields win."""

    t: Int64
    experiment: str | None = None
    name: str | None = None
    command: list[str] | None = None
    cwd: str | None = None
    outputs: list[str] | None = None
    host: str | None = None
    user: str | None = None
    python: str | None = None
    parent: str | None = None
    attempt: Attempt | None = None
    default: bool = False
    tags: dict[str, Any] | None = None
    type: str | None = None
    description: str | None = None
    inputs: dict[str, Any] | None = None
    exe: str | None = None
    metrics: list[str] | None = None
    rules: str | None = None


class Metric(msgspec.Struct, frozen=True, gc=False, tag_field="k", tag=record.METRIC):
    """One scalar point."""

    t: Int64
    n: str
    v: Value
    s: Step = None
    d: str | None = None


class List(msgspec.Struct, frozen=True, tag_field="k", tag=record.LIST):
    """Points without steps."""

    t: Int64
    n: str
    v: list[Value]
    d: str | None = None


class Row(msgspec.Struct, frozen=True, tag_field="k", tag=record.ROW):
    """One row."""

    t: Int64
    n: str
    c: dict[str, Any]
    d: str | None = None


class Table(msgspec.Struct, frozen=True, tag_field="k", tag=record.TABLE):
    """One table by columns."""

    t: Int64
    n: str
    c: dict[str, list[Any]]
    d: str | None = None

    def __post_init__(self) -> None:
        if len({len(cells) for cells in self.c.values()}) > 1:
            raise ValueError("columns differ in length")


class Failure(msgspec.Struct, frozen=True):
    """An exception; `code`: what the script itself calls this kind of failure."""

    type: str | None = None
    message: str | None = None
    traceback: str | None = None
    code: str | None = None


class Log(msgspec.Struct, frozen=True, tag_field="k", tag=record.LOG):
    """One log record."""

    t: Int64
    lv: Int64
    msg: str
    ln: str | None = None
    lg: str | None = None
    fi: str | None = None
    no: Int64 | None = None
    fn: str | None = None
    th: str | None = None
    ti: Int64 | None = None
    pr: str | None = None
    tk: str | None = None
    x: dict[str, Any] | None = None
    exc: dict[str, Any] | None = None
    st: str | None = None
    m: dict[str, Value] | None = None
    s: Step = None
    bad: str | None = None
    via: str | None = None


class Printer(msgspec.Struct, frozen=True):
    """A handler whose print of a record may reach the console; `f` 0: nobody knows on which of the two streams."""

    f: Literal[0, 1, 2]
    lv: Int64 = 0
    fmt: str | None = None
    st: str | None = None
    df: str | None = None
    own: bool = False


class Print(msgspec.Struct, frozen=True, tag_field="k", tag=record.PRINT):
    """How records of a logger are printed, in this stream and from this time on."""

    t: Int64
    lg: str
    to: list[Printer]


class Console(msgspec.Struct, frozen=True, tag_field="k", tag=record.CONSOLE):
    """A raw chunk of the console: text, or bytes."""

    t: Int64
    f: Literal[1, 2]
    o: Int64
    d: str | None = None
    b: bytes | None = None


class Tag(msgspec.Struct, frozen=True, tag_field="k", tag=record.TAG):
    """A tag, set or removed."""

    t: Int64
    n: str
    v: Any = None
    delete: bool = msgspec.field(name="del", default=False)


class Param(msgspec.Struct, frozen=True, tag_field="k", tag=record.PARAM):
    """A parameter."""

    t: Int64
    n: str
    v: Any


class Property(msgspec.Struct, frozen=True, tag_field="k", tag=record.PROPERTY):
    """A property, set once."""

    t: Int64
    n: str
    v: Any


class Artifact(msgspec.Struct, frozen=True, tag_field="k", tag=record.ARTIFACT):
    """A version of an artifact. A path that is not UTF-8 has surrogate escapes."""

    t: Int64
    p: str
    size: Int64
    sha: str
    mt: Int64 | None = None
    src: str = "outputs"
    obs: bool = True


class Figure(msgspec.Struct, frozen=True, tag_field="k", tag=record.FIGURE):
    """An image, or a chart as data, whose bytes are an artifact."""

    t: Int64
    n: str
    p: str
    ty: str
    d: str | None = None


class Model(msgspec.Struct, frozen=True, tag_field="k", tag=record.MODEL):
    """A model was registered from the run."""

    t: Int64
    n: str
    ver: Int64
    files: dict[str, tuple[str, Int64]]
    p: str | None = None
    tags: dict[str, Any] | None = None
    props: dict[str, Any] | None = None
    d: str | None = None
    fw: str | None = None
    fwv: str | None = None


class Snapshot(msgspec.Struct, frozen=True, tag_field="k", tag=record.SNAPSHOT):
    """A copy of a folder is kept with the run."""

    t: Int64
    id: str
    sha: str
    size: Int64
    files: Int64 | None = None
    root: str | None = None


class Phase(msgspec.Struct, frozen=True, tag_field="k", tag=record.PHASE):
    """What the run is doing, while it has not ended."""

    t: Int64
    ph: str


class Seen(msgspec.Struct, frozen=True, tag_field="k", tag=record.SEEN):
    """What the outputs collector has captured; its own business."""

    t: Int64


class From(msgspec.Struct, frozen=True, tag_field="k", tag=record.FROM):
    """Which foreign files a collector follows, and how far; its own business."""

    t: Int64


class End(msgspec.Struct, frozen=True, tag_field="k", tag=record.END):
    """How the run ended."""

    t: Int64
    status: Literal["Completed", "Failed", "Canceled"]
    reason: str
    code: Int64 | None = None
    sig: Int64 | None = None
    err: Failure | None = None
    by: str | None = None
    oom: dict[str, Any] | None = None


class Gap(msgspec.Struct, frozen=True, tag_field="k", tag=record.GAP):
    """Records refused here."""

    t: Int64
    n: Int64
    bytes: Int64 | None = None
    why: str | None = None
    since: Int64 | None = None


class Note(msgspec.Struct, frozen=True, tag_field="k", tag=record.NOTE):
    """Something Outrider itself has to say."""

    t: Int64
    msg: str = ""
    lv: Int64 | None = None


Wire = (
    Head | Run | Metric | List | Row | Table | Log | Print | Console | Tag | Param | Property
    | Artifact | Figure | Model | Snapshot | Phase | Seen | From | End | Gap | Note
)  # fmt: skip

DECODER = msgspec.json.Decoder(Wire)
FAILURES = (msgspec.MsgspecError, ValueError, RecursionError)


class Aside(NamedTuple):
    """Bytes that were set aside: their place in the segment, how many, why, and the first of them."""

    offset: int
    length: int
    reason: str
    data: bytes


class Decoded(NamedTuple):
    """What some bytes hold: records in order, and what was set aside."""

    records: list[Any]
    aside: list[Aside]


def decode(data: bytes, offset: int = 0) -> Decoded:
    """Decodes complete lines, the first of which begins at `offset` of its segment. Never raises."""
    try:
        return Decoded(DECODER.decode_lines(data), [])
    except FAILURES:
        return by_pieces(data, offset)


def by_pieces(data: bytes, offset: int) -> Decoded:
    """The same where something is bad: piece by piece, and line by line in the bad ones."""
    found = Decoded([], [])
    for start, piece in lines.pieces(data, PIECE):
        try:
            found.records.extend(DECODER.decode_lines(piece))
        except FAILURES:
            for place, line in lines.each(piece):
                by_line(line, offset + start + place, found)
    return found


def by_line(line: bytes, offset: int, found: Decoded) -> None:
    """One line: a record, or set aside. NUL bytes (a power loss leaves them) are skipped and counted."""
    text = line.strip(b" \t\r\0")
    start = line.index(text) if text else len(line)
    aside_nuls(line[:start], offset, found)
    aside_nuls(line[start + len(text) :], offset + start + len(text), found)
    if not text:
        return
    try:
        found.records.append(DECODER.decode(text))
    except FAILURES:
        try:
            found.records.append(msgspec.convert(lenient.parse(text), Wire))
        except FAILURES as exc:
            found.aside.append(Aside(offset + start, len(text), reason(text, exc), text[:HEAD_BYTES]))


def aside_nuls(blank: bytes, offset: int, found: Decoded) -> None:
    """What is around a line's text is set aside from its first NUL to its last; nothing where there is none."""
    first = blank.find(b"\0")
    if first >= 0:
        found.aside.append(Aside(offset + first, blank.rindex(b"\0") + 1 - first, "NUL bytes, as a power loss leaves them", b""))


def reason(text: bytes, exc: BaseException) -> str:
    """Why a line was set aside, in a few words."""
    if isinstance(exc, RecursionError):
        return "nested too deeply"
    if isinstance(exc, UnicodeDecodeError):
        return "not UTF-8"
    message = str(exc)
    if isinstance(exc, json.JSONDecodeError):
        return f"not JSON: {message}"[:300]
    if "$.k`" in message or "missing required field `k`" in message:
        return "unknown kind" if b'"k"' in text else "no kind"
    return message.encode("utf-8", "backslashreplace").decode("utf-8")[:300]
