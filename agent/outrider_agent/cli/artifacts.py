"""
`outrider artifacts RUN` and `outrider download RUN [PATTERN…]`: the files a run left.

A path in a record was chosen by a script: a download never writes outside its folder, follows no link in it, and keeps nothing whose bytes
are not those of the record's sha256.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from outrider_agent import errors
from outrider_agent.cli import documents, fresh, output, runs
from outrider_agent.cli import format as fmt

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from outrider_agent.store import records

ARTIFACTS_EXAMPLES = """\
examples:
  outrider artifacts latest
  outrider artifacts ridge#3 --all-versions
  outrider artifacts latest --json | jq -r '.[].path'
"""
DOWNLOAD_EXAMPLES = """\
examples:
  outrider download latest                          everything, into ./<run id>
  outrider download latest 'outputs/*.pkl' -o models
  outrider download ridge#3 model.pkl --force       a file by its name, over what is there
  outrider download 9f3c model.pkl --file-version 2 an earlier version
"""
CHUNK = 1 << 20
SHA256 = re.compile(r"[0-9a-f]{64}")


def configure(parser: argparse.ArgumentParser, name: str) -> None:
    """Declares the arguments."""
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, `latest`, or EXPERIMENT#NUMBER")
    if name == "artifacts":
        parser.epilog = ARTIFACTS_EXAMPLES
        parser.add_argument("--all-versions", action="store_true", help="earlier versions too")
        parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md has the shape)")
        parser.set_defaults(handler=artifacts)
        return
    parser.epilog = DOWNLOAD_EXAMPLES
    parser.add_argument("patterns", metavar="PATTERN", nargs="*", help="paths, with * and ?; or a file's name (default: everything)")
    parser.add_argument("-o", "--output", metavar="DIR", help="the folder to write into (default: ./<run id>)")
    parser.add_argument("--file-version", type=runs.positive, metavar="N", help="version N of each file instead of its last")
    parser.add_argument("--force", action="store_true", help="write over files that are there")
    parser.set_defaults(handler=download)


def artifacts(args: argparse.Namespace) -> int:
    """Lists them."""
    with fresh.reader(args) as store:
        run_id = store.find_run(args.run)
        found = store.artifacts(run_id, all_versions=args.all_versions)
    if args.json:
        output.as_json([documents.artifact(one) for one in found])
        return 0
    if not found:
        output.tell(f"run {run_id} has no artifacts (yet)")
        return 0
    columns = [output.Column("PATH", fold=True), output.Column("SIZE", right=True), output.Column("VERSION", right=True)]
    columns += [output.Column("CAPTURED"), output.Column("SOURCE"), output.Column("SHA256")]
    output.table(columns, [_row(one) for one in found])
    if not all(one.observed for one in found):
        output.tell(
            "* earlier versions may have been missed: the file was there before the agent looked, or was replaced twice between two looks"
        )
    return 0


def _row(one: records.Artifact) -> output.Row:
    version = str(one.version) if one.observed else f"{one.version}*"
    return [one.path, fmt.size(one.size), version, runs.started(one.time), one.source, one.sha256[:12]]


def download(args: argparse.Namespace) -> int:
    """Copies them."""
    home = Path(fresh.home(args))
    with fresh.reader(args) as store:
        run_id = store.find_run(args.run)
        found = store.artifacts(run_id, all_versions=args.file_version is not None)
    chosen = [one for one in found if args.file_version in (None, one.version) and fits(one.path, args.patterns)]
    if not chosen:
        wanted = " that fits" if found else ""
        raise errors.NotFound(f"run {run_id} has no artifact{wanted}; nothing was written. `outrider artifacts {run_id}` lists them")
    folder = Path(args.output or run_id)
    targets = [(one, target(folder, one.path)) for one in chosen]
    _refuse_overwriting(targets, force=args.force)
    with output.progress(sum(one.size for one in chosen), "download", in_bytes=True) as progress:
        for one, path in targets:
            progress.describe(one.path)
            _fetch(home / "blobs", one, path, progress)
    total = fmt.size(sum(one.size for one in chosen))
    output.say(f"{fmt.plural(len(chosen), 'file')} ({total}) into {fmt.one_line(str(folder))}, each verified by its sha256")
    return 0


def fits(path: str, patterns: Sequence[str]) -> bool:
    """Is the path wanted? A pattern is a path with wildcards; one without a slash may be a file's name too."""
    name = path.rsplit("/", 1)[-1]
    return not patterns or any(fnmatch.fnmatchcase(path, one) or ("/" not in one and fnmatch.fnmatchcase(name, one)) for one in patterns)


def target(folder: Path, path: str) -> Path:
    """Where an artifact goes. Raises for a path that would leave the folder, by itself or through a link that is there."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\0" in path:
        raise errors.OutriderError(
            f"the artifact {path!r} would be written outside {folder}; nothing was written: choose others by PATTERN"
        )
    real = os.path.realpath(folder)
    inside = os.path.realpath(folder.joinpath(*pure.parts).parent)
    if inside != real and not inside.startswith(real.rstrip("/") + "/"):
        raise errors.OutriderError(f"a link in {folder} leads {path!r} outside of it; nothing was written: remove the link")
    return folder.joinpath(*pure.parts)


def _refuse_overwriting(targets: Sequence[tuple[records.Artifact, Path]], *, force: bool) -> None:
    there = [path for _, path in targets if os.path.lexists(path)]
    folders = [path for path in there if path.is_dir() and not path.is_symlink()]
    if folders:
        raise errors.OutriderError(f"{folders[0]} is a folder, and a file goes there; nothing was written: choose another -o")
    if there and not force:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise errors.OutriderError(f"{there[0]}{more} would be overwritten; nothing was written: choose another -o, or --force")


def _fetch(blobs: Path, one: records.Artifact, path: Path, progress: output.Progress) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _blob(blobs, one) as source, tempfile.NamedTemporaryFile(dir=path.parent, prefix=".outrider-", delete=False) as copy:
        try:
            _verify(one, _copy(source, copy, progress))
            copy.flush()
            os.chmod(copy.name, 0o666 & ~_umask())  # noqa: PTH101 (a temporary file is 0600)
            Path(copy.name).replace(path)
        except BaseException:
            Path(copy.name).unlink(missing_ok=True)
            raise


def _verify(one: records.Artifact, digest: str) -> None:
    if digest != one.sha256:
        raise errors.OutriderError(
            f"the bytes kept for {one.path!r} are not those that were captured (sha256 {digest[:12]}…, not {one.sha256[:12]}…); "
            "it was not written: its blob is damaged, look for another copy"
        )


def _blob(blobs: Path, one: records.Artifact) -> BinaryIO:
    if not SHA256.fullmatch(one.sha256):
        raise errors.OutriderError(f"the record of {one.path!r} has no valid sha256; it cannot be found among the blobs")
    try:
        return (blobs / one.sha256[:2] / one.sha256).open("rb")
    except FileNotFoundError as error:
        raise errors.NotFound(f"the bytes of {one.path!r} are not in {blobs}: they were deleted there; the record of it stays") from error


def _copy(source: BinaryIO, copy: tempfile._TemporaryFileWrapper[bytes], progress: output.Progress) -> str:
    digest = hashlib.sha256()
    while data := source.read(CHUNK):
        digest.update(data)
        copy.write(data)
        progress.advance(len(data))
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
