"""`outrider extract FILE…`: what would be read from a log, without a run and without a store."""

from __future__ import annotations

import contextlib
import gzip
import json
import math
import sys
import tomllib
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import yaml

from outrider_agent import errors
from outrider_agent.cli import output
from outrider_agent.core.extract import Extractor, rules

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from outrider_agent.core.extract import Reading

EXAMPLES = """\
examples:
  outrider extract train.log                             what is read from it, line by line
  python train.py | outrider extract -                   the same, of what is printed now
  outrider extract train.log --json                      an object a line (docs/reading-output.md has the shape)
  outrider extract train.log --metric 'loss=([0-9.]+)'   a rule of your own goes first
"""
BLOCK = 1 << 16
GZIP = b"\x1f\x8b"


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("files", metavar="FILE", nargs="+", help="a log, also a .gz; - for standard input")
    parser.add_argument("--json", action="store_true", help="an object a line")
    add_rules(parser)
    parser.set_defaults(handler=extract)


def add_rules(parser: argparse.ArgumentParser) -> None:
    """The options for rules of one's own."""
    parser.add_argument(
        "--metric", metavar="RULE", action="append", default=[], help="NAME=PATTERN, the number in brackets; may be repeated"
    )
    parser.add_argument(
        "--rules", metavar="FILE", action="append", default=[], help="rules of a file (TOML, YAML or JSON): docs/reading-output.md"
    )


def extract(args: argparse.Namespace) -> int:
    """Reads and prints."""
    found = read_rules(args.metric, args.rules)
    for name in args.files:
        with readable(name), opened(name) as stream:
            _one(args, name, stream, found)
    return 0


@contextlib.contextmanager
def readable(name: str) -> Iterator[None]:
    """Says what is wrong with a file that cannot be read. Raises `NotFound`."""
    try:
        yield
    except FileNotFoundError as exc:
        raise errors.NotFound(f"There is no file {name}; nothing was read of it. Name a log, or - for standard input.") from exc
    except IsADirectoryError as exc:
        raise errors.NotFound(f"{name} is a folder; nothing was read. Name the logs in it: {name.rstrip('/')}/*.log") from exc
    except PermissionError as exc:
        raise errors.NotFound(f"{name} may not be read by this user; nothing was read of it. Mend its mode, or ask who owns it.") from exc
    except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
        raise errors.NotFound(
            f"{name} is a damaged .gz ({exc}): what stands behind that place cannot be read. To read what can be: "
            f"gzip -dc {name} | outrider extract -"
        ) from exc


def _one(args: argparse.Namespace, name: str, stream: IO[bytes], found: list[rules.Rule]) -> None:
    reader = Extractor(found)
    count = 0
    if not args.json and len(args.files) > 1:
        output.say(f"{name}:")
    for reading in _readings(reader, stream):
        count += 1
        output.say(as_json(reading) if args.json else _as_text(reading))
    for rule in reader.left_out:
        output.tell(
            f"the rule “{rule}” took longer than {rules.LIMIT_S:g} s a line, and was left out: its pattern has too many ways to match"
        )
    if not args.json:
        unread = f"; {reader.unread} more look like numbers" if reader.unread else ""
        output.tell(f"{count} of the lines of {'standard input' if name == '-' else name} hold metrics{unread}")


def _readings(reader: Extractor, stream: IO[bytes]) -> Iterator[Reading]:
    offset, rest = 0, b""
    while block := _some(stream):
        data = rest + block
        end = data.rfind(b"\n") + 1
        if end:
            yield from reader.read(data[:end], offset)
        offset, rest = offset + end, data[end:]
    if rest:
        yield from reader.read(rest, offset)
    yield from reader.finish()


def _some(stream: IO[bytes]) -> bytes:
    """What is there; of a pipe what has come."""
    return stream.read1(BLOCK) if hasattr(stream, "read1") else stream.read(BLOCK)


def opened(name: str) -> IO[bytes]:
    """The file's bytes, unpacked where it is a gzip. Raises OSError."""
    if name == "-":
        return cast("IO[bytes]", sys.stdin.buffer)
    path = Path(name)
    with path.open("rb") as peeked:
        packed = peeked.read(2) == GZIP
    return cast("IO[bytes]", gzip.open(path) if packed else path.open("rb"))


def read_rules(options: list[str], files: list[str]) -> list[rules.Rule]:
    """The rules that the command line names. Raises `BadRule`, OSError."""
    found = [rules.from_option(text) for text in options]
    for name in files:
        made = rules.from_settings(_document(name))
        if not made:
            raise errors.BadRule(f"{name} holds no rules; it is for [[metrics]] with name and pattern (docs/reading-output.md).")
        found += made
    return found


def _document(name: str) -> Any:
    """A file's content: TOML, or YAML, of which JSON is a part. Raises `BadRule`, OSError."""
    with readable(name):
        text = Path(name).read_text("utf-8", "replace")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        no_toml = exc
    try:
        return json.loads(text) if name.endswith(".json") else _documents(text)
    except (ValueError, yaml.YAMLError, RecursionError) as exc:
        why = no_toml if name.endswith(".toml") else exc
        raise errors.BadRule(f"{name} is neither TOML nor YAML nor JSON ({why}); none of its rules was taken.") from exc


def _documents(text: str) -> Any:
    """The documents of a YAML file; where it holds one, that."""
    found = [one for one in yaml.safe_load_all(text) if one is not None]
    return found[0] if len(found) == 1 else found


def made_rule(pattern: str, name: str | None) -> rules.Rule:
    """One rule. Raises `BadRule`."""
    return rules.Rule(pattern, name, f"user: {name or pattern}")


def as_json(reading: Reading) -> str:
    """One object. Numbers that are not finite are spelled as docs/spool.md does."""
    return json.dumps(
        {
            "line": reading.line,
            "step": whole(reading.step),
            "epoch": whole(reading.epoch),
            "split": reading.split,
            "rank": reading.rank,
            "metrics": {name: spelled(value) for name, value in reading.metrics.items()},
        }
    )


def whole(value: float | None) -> float | int | None:
    """A step as it is printed: whole where it is."""
    return int(value) if value is not None and math.isfinite(value) and value.is_integer() else value


def spelled(value: float) -> float | int | str:
    """A number for JSON."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _as_text(reading: Reading) -> str:
    where = [f"{reading.line}:"]
    if reading.epoch is not None and reading.epoch != reading.step:
        where.append(f"epoch {whole(reading.epoch)}")
    if reading.step is not None:
        where.append(f"step {whole(reading.step)}")
    where += [text for text in (reading.split, None if reading.rank is None else f"rank {reading.rank}") if text]
    values = "  ".join(f"{name}={value:g}" for name, value in reading.metrics.items())
    return f"{' '.join(where)}  {values}  {output.styled('[' + reading.rule + ']', 'dim')}"
