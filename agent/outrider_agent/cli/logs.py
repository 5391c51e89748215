"""`outrider logs RUN`: what it logged and printed, by time, and what it goes on to say."""

from __future__ import annotations

import argparse
import collections
import logging
import re
import sys
import time
from typing import TYPE_CHECKING

from outrider_agent import errors
from outrider_agent.cli import documents, fresh, journal, output, runs, transcript
from outrider_agent.cli import format as fmt
from outrider_agent.store import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from outrider_agent.store import reading

EXAMPLES = """\
examples:
  outrider logs latest                       everything, by time
  outrider logs latest -f                    and what comes, until the run ends
  outrider logs ridge#3 -n 20                the last 20 lines
  outrider logs 9f3c --level warning         log records from WARNING up (printed lines have no level)
  outrider logs 9f3c --grep 'loss.*nan'
  outrider logs 9f3c --stream stdout > out   what the command wrote there, byte for byte
  outrider logs 9f3c --attempt 2             of a run that was resumed, the second attempt
  outrider logs 9f3c --json | jq -r 'select(.level == "ERROR").message'

A printed line that is a log record's own print is shown once, as the record; `--json` has it with "echo": true.
"""
STREAMS = ("console", "stdout", "stderr", "log")
POLL_S = 0.2
LEVEL_STYLES = ((40, "red"), (30, "yellow"), (20, ""), (0, "dim"))


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, `latest`, or EXPERIMENT#NUMBER")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the run ends")
    parser.add_argument("--level", type=level, metavar="L", help="only log records from this level up: a name or a number")
    parser.add_argument("--grep", type=pattern, metavar="RE", help="only lines in which this regular expression is found")
    parser.add_argument("--stream", choices=STREAMS, metavar="S", help="only: console (stdout and stderr), stdout, stderr, log")
    parser.add_argument("--attempt", type=runs.positive, metavar="N", help="only this attempt of a run that was resumed")
    parser.add_argument("-n", "--lines", type=runs.positive, metavar="N", help="only the last N lines")
    parser.add_argument("--json", action="store_true", help="one JSON object a line (docs/cli.md has the shape)")
    parser.set_defaults(handler=logs)


def level(text: str) -> int:
    """A level's number by name or number."""
    known = logging.getLevelNamesMapping().get(text.upper())
    if known is not None:
        return known
    if text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no level: debug, info, warning, error, critical, or a number")


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from error


def logs(args: argparse.Namespace) -> int:
    """Shows them."""
    with fresh.reader(args) as store:
        run = store.find_run(args.run)
        if args.attempt is not None:
            known(store, run, args.attempt)
        told = journal.Journal(store, run, args.attempt)
        if args.stream in ("console", "stdout", "stderr") and not (args.json or args.grep or args.lines or args.level is not None):
            _raw(told, args)
        else:
            _told(told, args)
    return 0


def known(store: reading.Reader, run: str, attempt: int) -> None:
    """Raises `NotFound` where the run has no such attempt."""
    numbers = [one.attempt for one in store.attempts(run)]
    if attempt not in numbers:
        count = fmt.plural(len(numbers), "attempt")
        raise errors.NotFound(f"Run {run} has {count}, and none of number {attempt}. outrider show {run} lists them.")


def _raw(told: journal.Journal, args: argparse.Namespace) -> None:
    sys.stdout.flush()
    while True:
        over = told.is_over() if args.follow else True  # asked before reading: what came until then is read below
        for chunk in told.chunks():
            if args.stream in ("console", transcript.stream(chunk.fd)):
                sys.stdout.buffer.write(chunk.data)
        sys.stdout.buffer.flush()
        if over:
            return
        time.sleep(POLL_S)


def _told(told: journal.Journal, args: argparse.Namespace) -> None:
    wanted = chooser(args)
    show = show_json if args.json else show_text
    if args.lines and not (args.follow or args.grep or args.stream or args.level is not None):
        for entry in journal.tail(told.store, told.run_id, args.lines, with_echoes=args.json, attempt=told.attempt):
            show(entry)
        return
    past: Iterable[journal.Entry] = filter(wanted, told.past(logs=args.stream in (None, "log"), console=_has_console(args)))
    if not args.follow:
        past = _with_rest(past, told, wanted)
    for entry in collections.deque(past, args.lines) if args.lines else past:
        show(entry)
    if args.follow:
        _follow(told, wanted, show)


def _has_console(args: argparse.Namespace) -> bool:
    return args.stream != transcript.LOG and args.level is None


def _with_rest(past: Iterable[journal.Entry], told: journal.Journal, wanted: Callable[[journal.Entry], bool]) -> Iterable[journal.Entry]:
    yield from past
    yield from filter(wanted, told.rest())


def _follow(told: journal.Journal, wanted: Callable[[journal.Entry], bool], show: Callable[[journal.Entry], None]) -> None:
    while True:
        sys.stdout.flush()
        over = told.is_over()
        for entry in filter(wanted, told.news(time.monotonic())):
            show(entry)
        if over:
            break
        time.sleep(POLL_S)
    for entry in filter(wanted, told.rest()):
        show(entry)


def chooser(args: argparse.Namespace) -> Callable[[journal.Entry], bool]:
    """Which entries the arguments ask for."""
    streams = {None: ("log", "stdout", "stderr"), "console": ("stdout", "stderr")}.get(args.stream, (args.stream,))
    keep_echoes = args.json or args.stream is not None

    def wanted(entry: journal.Entry) -> bool:
        if entry.stream not in streams or (entry.echo is not None and not keep_echoes):
            return False
        if args.level is not None and (entry.record is None or entry.record.level < args.level):
            return False
        return args.grep is None or args.grep.search(entry.text) is not None

    return wanted


def show_json(entry: journal.Entry) -> None:
    """As a JSON object on a line."""
    if entry.record is not None:
        output.as_json_line(documents.log(entry.record))
    elif entry.line is not None:
        output.as_json_line(documents.console(entry.line, echo=entry.echo))


def show_text(entry: journal.Entry) -> None:
    """For people: time, level or stream, and the text; what does not fit one line is indented under it."""
    output.say(text(entry))


def text(entry: journal.Entry) -> str:
    """An entry for people."""
    at = output.styled(fmt.local(entry.time, milliseconds=True), "dim")
    if entry.record is None:
        return f"{at} {entry.stream:<8} {_inner(transcript.shown(entry.text))}"
    record = entry.record
    name = documents.level_name(record)
    style = next(style for at_least, style in LEVEL_STYLES if record.level >= at_least)
    where = output.styled(f"{record.logger or 'root'}:", "dim")
    below = journal.appended(record)
    body = f"{_inner(record.message)}{_figures(record)}" + (f"\n    {_inner(below)}" if below else "")
    return f"{at} {output.styled(f'{name:<8}', style)} {where} {body}"


def _inner(given: str) -> str:
    safe = fmt.safe(given) if output.is_terminal(sys.stdout) else given
    reset = "\x1b[0m" if "\x1b[" in safe and output.is_terminal(sys.stdout) else ""
    return safe.replace("\n", "\n    ") + reset


def _figures(record: records.LogRecord) -> str:
    if not record.metrics:
        return ""
    figures = " ".join(f"{fmt.one_line(str(name))}={fmt.value(records.json_value(value))}" for name, value in record.metrics.items())
    step = "" if record.step is None else f" step={record.step}"
    return output.styled(f"  [{figures}{step}]", "dim")
