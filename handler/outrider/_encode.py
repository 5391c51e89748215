"""
Pure: anything into JSON text. Total: whatever object comes, text comes out, and it is ASCII.

No I/O, no `json` import (the escaper is the C function behind it). Objects of the script are asked for their `repr` here and nowhere else;
what they raise stays here.
"""

from __future__ import annotations

from outrider import _signals

try:
    from _json import encode_basestring_ascii
except ImportError:  # an interpreter without the C module
    from json.encoder import py_encode_basestring_ascii as encode_basestring_ascii

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

quote = encode_basestring_ascii  #: text as a JSON string, ASCII, lone surrogates and NUL included

_RARE = bytes(code for code in range(32) if code not in b"\t\n\r\x1b")
_COMMON = ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"), (b"\x1b", b"\\u001b"))

MAX_TEXT = 1 << 20  #: characters of one text that are kept of a log record
MAX_REPR = 64 * 1024  #: characters of an object's repr
_DEEP = 40
_INF = float("inf")


def line(obj: dict[str, Any]) -> bytes:
    """One record as it is appended: a newline, one JSON object, a newline. Total; floats that JSON lacks become their names."""
    return ("\n" + json_text(obj) + "\n").encode("ascii")


def json_text(value: Any, budget: int | None = None) -> str:
    """
    The value as JSON text. What JSON has no word for becomes its `repr`; cycles, depth beyond 40 and (with a `budget`) more values than
    that are cut with a word that says so.
    """
    return _Encoder(budget).text(value, 0)


def quote_plain(data: bytes) -> bytes:
    """
    What `quote` makes of text, at three times its speed, for bytes as programs print them: ASCII with line ends, tabs and colours. Empty
    for others.
    """
    if not data.isascii() or any(code in data for code in _RARE):  # each a search at the speed of memory
        return b""
    for plain, escaped in _COMMON:
        data = data.replace(plain, escaped)
    return b'"%b"' % data


def float_text(value: float) -> str:
    """A float as a metric value: a JSON number, or the quoted name of one that JSON lacks."""
    if -_INF < value < _INF:
        return float.__repr__(value)
    if value != value:  # noqa: PLR0124 -- NaN is what differs from itself
        return '"NaN"'
    return '"Infinity"' if value == _INF else '"-Infinity"'


def int_text(value: int) -> str:
    """An int as a JSON number; as text in hex where Python refuses to write it in decimal (over 4,300 digits)."""
    try:
        return int.__repr__(value)
    except ValueError:
        return '"' + hex(value) + '"'


def safe_repr(value: Any) -> str:
    """`repr`, cut at 64 Ki characters; a word about the object when its `repr` raises."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 -- a script's __repr__ may raise anything
        _signals.pass_on(error)
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
    return text if len(text) <= MAX_REPR else text[:MAX_REPR] + "…"


def safe_str(value: Any) -> str:
    """`str`, total."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 -- a script's __str__ may raise anything
        _signals.pass_on(error)
        return safe_repr(value)


class _Encoder:
    """The walk over nested values: remembers the containers it is in, and how many values it may still write."""

    __slots__ = ("_inside", "_left")

    def __init__(self, budget: int | None) -> None:
        self._inside: set[int] = set()
        self._left = budget

    def text(self, value: Any, depth: int) -> str:
        # By type(), not isinstance(): proxies and mocks lie about their __class__, or raise when asked for it.
        kind = type(value)
        if issubclass(kind, str):
            return quote(value)
        if value is None:
            return "null"
        if kind is bool:
            return "true" if value else "false"
        if issubclass(kind, int):
            return int_text(value)
        if issubclass(kind, float):
            return float_text(value)
        if issubclass(kind, (dict, list, tuple, set, frozenset)):
            return self._container(value, depth)
        return self._other(value)

    def _container(self, value: Any, depth: int) -> str:
        if depth >= _DEEP or id(value) in self._inside:
            return quote("<cut: nested too deep or within itself>")
        if self._left is not None:
            self._left -= len(value) + 1
            if self._left < 0:
                return quote("<cut: too many values>")
        self._inside.add(id(value))
        try:
            return self._items(value, depth + 1)
        except Exception as error:  # noqa: BLE001 -- changed by another thread, or a subclass that cannot be walked
            _signals.pass_on(error)
            return quote(safe_repr(value))
        finally:
            self._inside.discard(id(value))

    def _items(self, value: Any, depth: int) -> str:
        if issubclass(type(value), dict):
            parts: list[str] = [quote(_key(key)) + ":" + self.text(item, depth) for key, item in dict.items(value)]
            return "{" + ",".join(parts) + "}"
        return "[" + ",".join([self.text(item, depth) for item in value]) + "]"

    def _other(self, value: Any) -> str:
        from outrider import _values

        plain = _values.unwrap(value)
        if plain is not value and isinstance(plain, (str, int, float)):
            return self.text(plain, _DEEP)
        return quote(safe_repr(value))


def _key(key: Any) -> str:
    return key if issubclass(type(key), str) else safe_repr(key)
