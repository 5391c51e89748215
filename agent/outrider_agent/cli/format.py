"""
Values as people read them: times, durations, sizes, metric values, reasons, and text that is safe on a terminal.

Pure: takes values and `now`, returns text. No I/O, no clock, no colours.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND_NS = 1_000_000_000
MINUTE_S = 60
HOUR_S = 3_600
DAY_S = 86_400
MONTH_DAYS = 30
YEAR_DAYS = 365
KIB = 1024
LONGEST_CELL = 60

#: What a `reason` means, in words. docs/spool.md holds the vocabulary.
REASONS: Mapping[str, str] = {
    "completed": "it completed",
    "ended": "its process ended in order; the exit code is not known",
    "exit-code": "the command exited with code {code}",
    "signal": "the command was killed by {signal}",
    "exception": "an exception was not caught",
    "failed": "the script said that it failed",
    "canceled": "it was canceled{by}",
    "could-not-start": "the command could not be started (code {code})",
    "vanished": "its process ended without a word (killed, or the machine went away)",
    "keeper-lost": "the keeper of `outrider run` was killed before it could say how the command ended",
    "oom-killed": "the kernel killed it for memory",
}

_COLOUR = r"\x1b\[[0-9;:]{0,32}m"
# C0 but for tab and newline, DEL, C1, the separators that terminals take as line ends, bidirectional overrides, lone surrogates.
_UNSAFE = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
_TOKEN = re.compile(f"({_COLOUR})|({_UNSAFE})")


def moment(time_ns: int) -> dt.datetime:
    """The time as an aware UTC datetime, cut (not rounded) to microseconds: exact over the whole range, unlike a float."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=time_ns // 1_000)


def iso(time_ns: int | None) -> str | None:
    """ISO 8601 in UTC with microseconds and a Z, as every `--json` spells times; None stays None."""
    if time_ns is None:
        return None
    try:
        return moment(time_ns).isoformat(timespec="microseconds")[:26] + "Z"
    except OverflowError:
        return None


def local(time_ns: int | None, *, milliseconds: bool = False) -> str:
    """Date and time in this machine's zone; "-" where there is none."""
    if time_ns is None:
        return "-"
    try:
        at = moment(time_ns).astimezone()
    except (OverflowError, ValueError):
        return "-"
    text = at.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{at.microsecond // 1000:03d}" if milliseconds else text


def ago(time_ns: int | None, now_ns: int) -> str:
    """How long ago, roughly: "3 minutes ago"; "in 5 seconds" where a clock was wrong."""
    if time_ns is None:
        return "-"
    seconds = (now_ns - time_ns) / SECOND_NS
    if abs(seconds) < 2:
        return "just now"
    count, unit = _roughly(abs(seconds))
    text = f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"in {text}" if seconds < 0 else f"{text} ago"


def _roughly(seconds: float) -> tuple[int, str]:
    days = int(seconds // DAY_S)
    if seconds < MINUTE_S:
        return int(seconds), "second"
    if seconds < HOUR_S:
        return int(seconds // MINUTE_S), "minute"
    if seconds < DAY_S:
        return int(seconds // HOUR_S), "hour"
    if days < MONTH_DAYS:
        return days, "day"
    if days < YEAR_DAYS:
        return days // MONTH_DAYS, "month"
    return days // YEAR_DAYS, "year"


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units: "0.42 s", "13.2 s", "2 m 13 s", "3 h 05 m", "2 d 03 h"."""
    if seconds is None:
        return "-"
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 9.995:
        return f"{sign}{seconds:.2f} s"
    if seconds < 59.95:
        return f"{sign}{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR_S:
        return f"{sign}{whole // MINUTE_S} m {whole % MINUTE_S:02d} s"
    if whole < DAY_S:
        return f"{sign}{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02d} m"
    return f"{sign}{whole // DAY_S} d {whole % DAY_S // HOUR_S:02d} h"


def size(count: int | None) -> str:
    """Bytes in powers of 1,024: "512 B", "1.2 MiB"."""
    if count is None:
        return "-"
    if count < KIB:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        value /= KIB
        if value < KIB - 0.05:
            return f"{value:.1f} {unit}"
    return f"{value:.1f} PiB"


def number(count: int) -> str:
    """A count, with commas."""
    return f"{count:,}"


def plural(count: int, noun: str) -> str:
    """A count and its noun: "1 line", "2,000 lines"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def value(given: object) -> str:
    """A metric's value, or a tag's, in few characters: six digits of a float, text on one line."""
    if given is None:
        return "-"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, float):
        return f"{given:.6g}" if math.isfinite(given) else nonfinite(given)
    if isinstance(given, str):
        return shorten(one_line(given))
    if isinstance(given, int):
        return str(given)
    return shorten(one_line(json.dumps(given, ensure_ascii=False, default=str)))


def nonfinite(given: float) -> str:
    """The JSON spelling of a float that JSON has no word for."""
    if math.isnan(given):
        return "NaN"
    return "Infinity" if given > 0 else "-Infinity"


def shorten(text: str, limit: int = LONGEST_CELL) -> str:
    """At most `limit` characters, the cut marked."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escape(match: re.Match[str]) -> str:
    if match.group(1):
        return match.group(1)
    code = ord(match.group(2))
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def safe(text: str) -> str:
    """The text with every control character but tab, newline and colours escaped: it cannot move the cursor or talk to the terminal."""
    return _TOKEN.sub(_escape, text)


def one_line(text: str) -> str:
    """The text on one line, without colours and control characters."""
    plain = re.sub(_COLOUR, "", text).replace("\n", "\\n").replace("\t", " ")
    return _TOKEN.sub(_escape, plain)


def signal_name(number_: int | None) -> str:
    """The signal by name and number: "SIGKILL (9)"."""
    if number_ is None:
        return "a signal"
    try:
        return f"{signal.Signals(number_).name} ({number_})"
    except ValueError:
        return f"signal {number_}"


def reason(word: str | None, *, exit_code: int | None = None, signal_number: int | None = None, by: str | None = None) -> str:
    """Why a run ended, in words; an unknown word as it is."""
    if word is None:
        return ""
    text = REASONS.get(word, word)
    code = "unknown" if exit_code is None else exit_code
    return text.format(code=code, signal=signal_name(signal_number), by=f" by {by}" if by else "")


def evidence(found: Mapping[str, Any] | None) -> str:
    """What the kernel killed for memory while a run ran: docs/spool.md, `oom`. Empty where nothing is known of such."""
    kills = (found or {}).get("kills")
    if not found or not isinstance(kills, int):
        return ""
    limit = f", whose limit is {size(found['limit'])}" if isinstance(found.get("limit"), int) else ""
    processes = "1 process" if kills == 1 else f"{kills:,} processes"
    where = one_line(str(found.get("at", "?"))).rpartition("/")[0]
    return f"the kernel killed {processes} of its cgroup for memory while it ran ({where}{limit})"


def command_line(command: list[str] | tuple[str, ...] | None) -> str:
    """A command as a shell would take it; "-" where it is not known."""
    if not command:
        return "-"
    return " ".join(_quoted(word) for word in command)


def _quoted(word: str) -> str:
    # shlex.quote, without importing shlex for it.
    if word and re.fullmatch(r"[\w@%+=:,./-]+", word, re.ASCII):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"
