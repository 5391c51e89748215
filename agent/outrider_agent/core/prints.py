"""
What the print of a log record looks like: by its handler's format where that is known (`Layout`), else by what surely belongs to it.

Pure. A layout's text is compared piece by piece: what the record tells must stand there as it is; a date must be of its format and of the
record's second; only what nobody can know is left open. Where there is no layout, nothing but the record's own words and marks may stand
on the line: a single word more, and it is taken for another's.
"""

from __future__ import annotations

import functools
import json
import re
import string
from typing import Any, Protocol

SECOND = 1_000_000_000
#: A text that short may stand anywhere by chance: more must speak for it.
SHORT = 8
#: A message may stand on a line more than once (`1`): so many places are looked at.
PLACES = 4

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\]8;[^\x07\x1b]*(?:\x07|\x1b\\)")
_PERCENT = re.compile(r"%(?:%|\((\w+)\)([#0+ -]*\d*(?:\.\d+)?[diouxXeEfFgGcrsa]))")
_NUMBER = re.compile(r" *[-+]?\d[\d.]*")
_NAME = r"[^\W\d]+\.?"
_DATES = {"Y": r"\d{4}", "b": _NAME, "B": _NAME, "a": _NAME, "A": _NAME, "p": r"\w*", "Z": r"[\w+-]*", "z": r"[\d:+-]*", "j": r"\d{3}"}
_WORDS = re.compile(r"[^\W\d_]")
_WHEN = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?|\d\d?:\d\d(?::\d\d)?(?:[.,]\d+)?(?: ?[AP]M)?\b"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d\d?\b|\bUTC\b"
)
_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_MESSAGE_KEYS = ("message", "msg", "event", "text")

Piece = str | re.Pattern[str] | None  #: as it is; of that form; anything


class Record(Protocol):
    """A log record, as the store has it."""

    @property
    def key(self) -> int: ...  # noqa: D102
    @property
    def writer(self) -> str: ...  # noqa: D102
    @property
    def time(self) -> int: ...  # noqa: D102
    @property
    def level(self) -> int: ...  # noqa: D102
    @property
    def level_name(self) -> str | None: ...  # noqa: D102
    @property
    def logger(self) -> str | None: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102
    @property
    def file(self) -> str | None: ...  # noqa: D102
    @property
    def line(self) -> int | None: ...  # noqa: D102
    @property
    def function(self) -> str | None: ...  # noqa: D102
    @property
    def thread(self) -> str | None: ...  # noqa: D102
    @property
    def process(self) -> str | None: ...  # noqa: D102
    @property
    def task(self) -> str | None: ...  # noqa: D102
    @property
    def extra(self) -> dict[str, Any] | None: ...  # noqa: D102
    @property
    def exception(self) -> dict[str, Any] | None: ...  # noqa: D102
    @property
    def stack(self) -> str | None: ...  # noqa: D102


def plain(text: str) -> str:
    """The line as a terminal would leave it: of a progress bar its last state; without colours and without blanks at its end."""
    if "\r" in text:
        pieces = [piece for piece in text.split("\r") if piece]
        text = pieces[-1] if pieces else ""
    return (_ANSI.sub("", text) if "\x1b" in text else text).rstrip()


def level_name(record: Record) -> str:
    """As it was logged."""
    return record.level_name or _LEVELS.get(record.level, f"Level {record.level}")


def below(record: Record) -> list[str]:
    """What every formatter appends under the message: traceback and stack."""
    traceback = (record.exception or {}).get("traceback") or ""
    return [line for part in (traceback, record.stack or "") if part for line in part.rstrip("\n").split("\n")]


class Layout:
    """A format of `logging`, in one of its three styles."""

    def __init__(self, fmt: str, style: str, dates: str | None) -> None:
        self._parts = parse(fmt, style)
        self._dates = dates
        #: Does the message stand in it? Else it shows too little to know a record by.
        self.is_telling = any(not isinstance(part, str) and part[0] == "message" for part in self._parts)

    def lines(self, record: Record) -> list[list[Piece]] | None:
        """What the record's print must be, line by line. None: it shows too little."""
        if not self.is_telling:
            return None
        found: list[list[Piece]] = [[]]
        for part in self._parts:
            piece = part if isinstance(part, str) else self._field(record, *part)
            if isinstance(piece, str):
                first, *more = piece.split("\n")
                before = found[-1].pop() if found[-1] else ""
                found[-1] += [before + first] if isinstance(before, str) else [before, first]
                found += [[line] for line in more]
            else:
                found[-1].append(piece)
        found += [[line] for line in below(record)]
        is_open = any(piece is None for piece in found[0])
        if is_open and sum(len(piece) for piece in found[0] if isinstance(piece, str)) < SHORT:
            return None
        return found

    def _field(self, record: Record, name: str, spec: str) -> Piece:
        is_left = "-" in spec or "<" in spec or "^" in spec  # blanks may follow: how many, only the value would tell
        if name == "asctime" and not is_left:
            return date_pattern(self._dates, record.time // SECOND % 60)
        if name in {"created", "msecs", "relativeCreated", "process", "thread"} and not is_left:
            return _NUMBER
        value = value_of(record, name)
        if value is None:
            return None
        try:
            return ("%" + spec[1:]) % value if spec.startswith("%") else format(value, spec)
        except (TypeError, ValueError):
            return None


def value_of(record: Record, name: str) -> str | int | None:
    """A field of the record as its formatter sees it; None where that is not known."""
    base = (record.file or "").rpartition("/")[2]
    known: dict[str, str | int | None] = {
        "message": record.message,
        "name": record.logger,
        "levelname": level_name(record),
        "levelno": record.level,
        "pathname": record.file,
        "filename": base or None,
        "module": base.rpartition(".")[0] or base or None,
        "lineno": record.line,
        "funcName": record.function,
        "threadName": record.thread,
        "processName": record.process or "MainProcess",
        "taskName": record.task or "None",
    }
    if name in known:
        return known[name]
    value = (record.extra or {}).get(name)
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


@functools.lru_cache(maxsize=256)
def parse(fmt: str, style: str) -> tuple[str | tuple[str, str], ...]:
    """A format as texts and (field, how it is formatted)."""
    found: list[str | tuple[str, str]] = []
    if style == "{":
        for text, name, spec, conversion in string.Formatter().parse(fmt):
            found.append(text)
            if name is not None:
                found.append((name, "?" if conversion else spec or ""))
        return tuple(found)
    at, pattern = 0, _PERCENT if style == "%" else string.Template.pattern
    for match in pattern.finditer(fmt):
        found.append(fmt[at : match.start()])
        at = match.end()
        if style == "%":
            found.append((match[1], "%" + match[2]) if match[1] else "%")
        else:
            name = match["named"] or match["braced"]
            found.append((name, "") if name else "$")
    return (*found, fmt[at:])


@functools.lru_cache(maxsize=1024)
def date_pattern(fmt: str | None, second: int) -> re.Pattern[str]:
    """A date of that format, at that second of whatever minute: time zones differ by whole minutes."""
    if fmt is None:
        return re.compile(rf" *\d{{4}}-\d\d-\d\d \d\d:\d\d:{second:02d},\d{{3}}")
    text, escaped = "", False
    for char in fmt:
        if escaped:
            text += {"S": f"{second:02d}", "T": rf"\d\d:\d\d:{second:02d}", "%": "%"}.get(char) or _DATES.get(
                char, r"\d\d" if char in "HIMdmy" else ".+?"
            )
        elif char != "%":
            text += re.escape(char)
        escaped = char == "%" and not escaped
    return re.compile(f" *{text}")


def fits(pieces: list[Piece], text: str) -> bool:
    """Is the text what the pieces say, from its first character to its last?"""
    at, is_open = 0, False
    for index, piece in enumerate(pieces):
        if piece is None:
            is_open = True
            continue
        if isinstance(piece, str):
            is_last = index == len(pieces) - 1
            wanted = piece.rstrip() if is_last else piece
            start = (len(text) - len(wanted) if is_last else text.find(wanted, at)) if is_open else at
            if start < at or not text.startswith(wanted, start):
                return False
            at = start + len(wanted)
        else:
            match = piece.search(text, at) if is_open else piece.match(text, at)
            if match is None:
                return False
            at = match.end()
        is_open = False
    return is_open or at == len(text)


def marks(record: Record, rest: str) -> tuple[int, str]:
    """How many signs of a log line there are beside the message, and what is left without them."""
    base = (record.file or "").rpartition("/")[2]
    count = 0
    level = level_name(record)
    initial = rest[:1] == level[:1] and rest[1:2].isdigit()  # I1122 10:30:00: as Google's libraries do
    shorter, dates = _WHEN.subn(" ", rest[1:] if initial else rest)
    count += bool(dates) + initial
    names = [f"{base}:{record.line}", record.file, base, base.rpartition(".")[0], record.logger, "__main__", record.function]
    names += [record.thread, record.process, "MainProcess", record.task, "root"]
    names += [text for key, value in (record.extra or {}).items() for text in (f"{key}={value}", f"{key}='{value}'")]
    shorter, levels = re.subn(rf"(?<!\w){re.escape(level)}(?!\w)|(?<!\w){re.escape(level[:4])}(?!\w)", " ", shorter, flags=re.IGNORECASE)
    count += bool(levels)
    for name in sorted({name for name in names if name}, key=len, reverse=True):
        if name in shorter:
            shorter = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", shorter)
            count += 1
    return count, shorter


def is_likely(record: Record, text: str) -> bool:
    """Is the line this record's print, by whatever formatter? Only where nothing on it is anybody else's."""
    first = record.message.split("\n", 1)[0].rstrip()
    if text == first:
        return True
    if text.startswith("{"):
        return _is_json(record, text)
    return bool(first.strip()) and any(_is_framed(record, first, text, start) for start in places(first, text))


def places(part: str, text: str) -> list[int]:
    """Where a part stands in a text, the last places first; a few at most."""
    found: list[int] = []
    at = text.rfind(part)
    while at >= 0 and len(found) < PLACES:
        found.append(at)
        at = text.rfind(part, 0, at + len(part) - 1)
    return found


def _is_framed(record: Record, first: str, text: str, start: int) -> bool:
    """Does nothing but signs of a log line stand around the message?"""
    before, after = text[:start], text[start + len(first) :]
    if before[-1:].isalnum() or after[:1].isalnum():
        return False
    count, rest = marks(record, f"{before} {after}")
    return count >= (1 if len(first) >= SHORT else 2) and not _WORDS.search(rest)


def _is_json(record: Record, text: str) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, dict):
        return False
    return any(found.get(key) == record.message for key in _MESSAGE_KEYS)


def wrapped(record: Record, text: str) -> str | None:
    """
    A line that ends in the record's own file and line, as rich draws it, and holds the beginning of its message: what of the message must
    follow, without blanks. None where it is no such line.
    """
    base = (record.file or "").rpartition("/")[2]
    where = f" {base}:{record.line}"
    if not base or not text.endswith(where):
        return None
    whole = "".join(record.message.split())
    body = re.sub(r"^\s*\[[^\]]*\]", "", text[: -len(where)]).strip()
    body = "".join(body.removeprefix(level_name(record)).split())
    return whole[len(body) :] if body and whole.startswith(body) else None
