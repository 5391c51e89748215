"""`outrider export RUN` and `outrider import FILE`: a run out of a home, and into one. One function a kind of file."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from outrider_agent import errors
from outrider_agent.blobs import local
from outrider_agent.cli import documents, extract, fresh, importing, output
from outrider_agent.cli import format as fmt
from outrider_agent.export import bundle, follow, page, tables
from outrider_agent.portal import assets
from outrider_agent.store import browsing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXPORT_EXAMPLES = """\
examples:
  outrider export latest --html              one page with every chart, that opens without a server or a network
  outrider export latest                     the whole run as a bundle, for `outrider import` on another machine
  outrider export ridge#3 --csv -o -         every point, a line each, to the terminal
  outrider export latest --parquet --metric loss --metric accuracy
  outrider export latest --csv --table leaderboard
  outrider export latest --jsonl -o run.jsonl   points, rows, log, console and files as JSON lines

--parquet needs pyarrow: pip install 'outrider[parquet]'.
"""
IMPORT_EXAMPLES = """\
examples:
  outrider import 9f3c2a.outrider.zip
  outrider import *.outrider.zip --home /data/outrider
  outrider import train.log                     a run of what was printed; its metrics are read from it
  outrider import slurm-*.out --experiment old  each file is a run
  outrider import logs/*.gz /var/lib/docker/containers/*/*-json.log
  outrider import old-runs/                     every *.log, *.out and *.err below it, also .1 and .gz, and every bundle
  ssh node7 cat train.log | outrider import - --experiment node7
  outrider import *.log --json                  {"file": …, "run_id": …, "is_new": …}, a line each

What a file is, its content tells. An exported run keeps its id, its times and everything of it; its number too, where its experiment has
not given that to another run. What is there already is left as it is, whatever its file is called now.
"""
#: Form -> what a file of it is called by.
SUFFIX = {"bundle": ".outrider.zip", "html": ".html", "csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet"}


def configure(parser: argparse.ArgumentParser, name: str) -> None:
    """Declares the arguments."""
    if name == "import":
        parser.epilog = IMPORT_EXAMPLES
        parser.add_argument(
            "files",
            metavar="FILE",
            nargs="+",
            help="bundles that `outrider export` wrote; logs, also .gz, and Docker's json-file; a folder of them; - for standard input",
        )
        parser.add_argument("--experiment", metavar="NAME", help="of runs that are made of logs (else the name of each file's folder)")
        parser.add_argument("--json", action="store_true", help="one object a file, on a line each, as each is taken in")
        parser.set_defaults(handler=import_)
        return
    parser.epilog = EXPORT_EXAMPLES
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, `latest`, or EXPERIMENT#NUMBER")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument(
        "--bundle", dest="form", action="store_const", const="bundle", help="everything of the run, for `outrider import` (default)"
    )
    forms.add_argument("--html", dest="form", action="store_const", const="html", help="one page with its charts")
    forms.add_argument("--csv", dest="form", action="store_const", const="csv", help="points, a line each; with --table that table")
    forms.add_argument("--jsonl", dest="form", action="store_const", const="jsonl", help="everything but the files' bytes, as JSON lines")
    forms.add_argument("--parquet", dest="form", action="store_const", const="parquet", help="points; with --table that table")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to; - for stdout (default: RUN.<form> in this folder)")
    parser.add_argument("--metric", metavar="NAME", action="append", default=[], help="only this metric (may be given again)")
    parser.add_argument("--table", metavar="NAME", help="a table or rows that were logged, instead of points")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    parser.add_argument("--follow", action="store_true", help=argparse.SUPPRESS)  # for a notebook: see follow.py
    parser.set_defaults(handler=export, form="bundle")


def export(args: argparse.Namespace) -> int:
    """Writes the run in the form asked for."""
    if (args.table or args.metric) and args.form not in ("csv", "parquet"):
        raise errors.OutriderError("--table and --metric go with --csv or --parquet; nothing was written")
    home = fresh.home(args)
    fresh.refresh(args, home)
    with browsing.Browser(fresh.store_path(home)) as store:
        run_id = store.find_run(args.run)
        if args.follow:
            follow.follow(store, _blobs(home), run_id, sys.stdin.fileno(), sys.stdout.buffer)
            return 0
        where = args.output or f"{run_id}{SUFFIX[args.form]}"
        with _target(where, force=args.force) as target:
            remarks = _write(args, home, store, run_id, target)
    for remark in remarks:
        output.warn(remark)
    if where != "-":
        output.say(f"run {run_id} into {fmt.one_line(where)} ({fmt.size(Path(where).stat().st_size)})")
    return 0


def _write(args: argparse.Namespace, home: str, store: browsing.Browser, run_id: str, target: IO[bytes]) -> Sequence[str]:
    """Writes it; returns what the user should know of it."""
    if args.form == "bundle":
        about = bundle.write(fresh.store_path(home), _blobs(home), run_id, target)
        missing = fmt.plural(len(about.missing), "file")
        return (
            [f"the bytes of {missing} of the run are not there any more, and not in the bundle; their records are"] if about.missing else []
        )
    if args.form == "html":
        given = page.content(store, _blobs(home), run_id)
        target.write(page.page(given, assets.Assets()).encode("utf-8", "xmlcharrefreplace"))
        return [f"{fmt.plural(len(given.left_out), 'picture')} too large for one page left out"] if given.left_out else []
    if args.form == "parquet":
        if args.table:
            tables.table_parquet(target, tables.table(store, run_id, args.table))
        else:
            tables.points_parquet(target, store, run_id, tables.chosen(store, run_id, args.metric))
        return []
    text = tables.as_text(target)
    if args.form == "jsonl":
        run = store.run(run_id)
        tables.lines(text, store, run_id, documents.run(run, time.time_ns()) | documents.details(run))
    elif args.table:
        tables.table_csv(text, tables.table(store, run_id, args.table))
    else:
        tables.points_csv(text, store, run_id, tables.chosen(store, run_id, args.metric))
    text.flush()
    text.detach()
    return []


def _blobs(home: str) -> local.LocalBlobs:
    return local.LocalBlobs(Path(home) / "blobs")


@contextlib.contextmanager
def _target(where: str, *, force: bool) -> Iterator[IO[bytes]]:
    """A file that is there whole or not at all; or stdout."""
    if where == "-":
        if output.is_terminal(sys.stdout):
            sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(where)
    if path.is_dir():
        raise errors.OutriderError(f"{where} is a folder; nothing was written: name a file with -o")
    if os.path.lexists(path) and not force:
        raise errors.OutriderError(f"{where} is there already; nothing was written: choose another -o, or --force")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".outrider-", delete=False) as file:
        try:
            yield file
            file.flush()
            mask = os.umask(0o077)
            os.umask(mask)
            Path(file.name).chmod(0o666 & ~mask)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def import_(args: argparse.Namespace) -> int:
    """Takes files in, one after the other."""
    home = Path(fresh.home(args))
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    has_log = False
    for name in args.files:
        path = Path(name)
        if name == "-":
            with importing.received(sys.stdin.buffer) as kept:
                has_log = _take(args, home, kept, name) or has_log
            continue
        if not path.exists():
            raise errors.NotFound(f"There is no file {name}; what came before it in the list was imported.")
        for one in importing.logs_in(path) if path.is_dir() else [path]:
            has_log = _take(args, home, one, str(one) if path.is_dir() else name) or has_log
    if has_log:
        fresh.refresh(args, str(home))
    return 0


def _take(args: argparse.Namespace, home: Path, path: Path, name: str) -> bool:
    """Takes one file in; `name`: what the user calls it. Did it hold a log?"""
    if zipfile.is_zipfile(path):
        _take_bundle(home, path, as_json=args.json)
        return False
    bundle.refuse_torn(path)
    with extract.readable(name):
        is_empty = importing.is_empty(path)
    if is_empty:
        output.warn(f"{fmt.one_line(name)} is empty: no run was made of it")
        if args.json:
            output.as_json_line({"file": name, "run_id": None, "is_new": False})
        return False
    experiment, source = (args.experiment, None) if name != "-" else (args.experiment or Path.cwd().name, "standard input")
    with extract.readable(name), output.progress(importing.work(path), f"import {path.name}", in_bytes=True) as progress:
        run_id, is_new = importing.take_log(home, path, experiment, progress, source=source)
    if args.json:
        output.as_json_line({"file": name, "run_id": run_id, "is_new": is_new})
    else:
        output.say(f"{fmt.one_line(name)}: run {run_id}" + ("" if is_new else ", which is there already"))
    return True


def _take_bundle(home: Path, path: Path, *, as_json: bool) -> None:
    taken = bundle.take(path, fresh.store_path(str(home)), _blobs(str(home)))
    about = taken.about
    if as_json:
        told = {"file": str(path), "run_id": about.run_id, "experiment": about.experiment, "number": taken.number, "missing": about.missing}
        output.as_json_line(told)
        return
    moved = "" if taken.number == about.number else f" (it was #{about.number}; that number is another run's here)"
    output.say(f"run {about.run_id} is {fmt.one_line(about.experiment)}#{taken.number}{moved}, with {fmt.plural(taken.blobs, 'new file')}")
    if about.missing:
        output.warn(f"the bytes of {fmt.plural(len(about.missing), 'file')} were not in the bundle; their records are")
