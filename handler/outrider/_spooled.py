"""
A run as its segments in the spool tell it: what the agent would answer, made here where there is none. docs/spool.md is the law.

Reads only, and of a run only what is not in a store yet: a `Stream` says from where on. What the store has is gone on with. Lines that
cannot be read are passed over, as an agent does.
"""

from __future__ import annotations

import os
import re
import stat

from outrider import record, spool
from outrider._errors import HistoryUnavailable

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

    Document = dict[str, Any]

#: Lines of these kinds say nothing of the run itself; ours are known by how they begin, and need not be parsed.
_BULK = ("m", "ls", "rw", "tb", "l", "pr", "c", "seen", "gap", "note")
#: The other lines.
_TELLING = re.compile(rb'\n(?!\{"k":"(?:' + "|".join(_BULK).encode() + rb')",)([^\n]+)')
_TIME = re.compile(rb'"t": ?(\d{1,19})')
_SAID_ONCE = ("name", "description", "type", "parent", "command", "cwd", "host", "user", "python", "outputs", "inputs")
#: A file that was touched so shortly before a run's start, or after its end, is the run's, ns.
_GRACE_NS = 10_000_000_000
_OBSERVED = ("vanished", "keeper-lost", "oom-killed")
_SEVERITY = {record.COMPLETED: 0, record.CANCELED: 1, record.FAILED: 2}


def folders(home: str, run: str) -> list[str]:
    """The folders of the run's streams, by name; none where it is not in the spool."""
    top = os.path.join(home, "spool", run)
    try:
        return [os.path.join(top, name) for name in sorted(os.listdir(top)) if is_stream(top, name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_stream(top: str, name: str) -> bool:
    """Is that a stream's folder?"""
    return not name.startswith(".") and not name.endswith(".tmp") and os.path.isdir(os.path.join(top, name))


class Stream:
    """A stream of the spool, from a position on: segments `first` to `last`, the first from byte `offset`."""

    def __init__(self, folder: str, first: int, last: int, offset: int) -> None:
        self.folder, self.first, self.last, self.offset = folder, first, last, offset
        self.writer = os.path.basename(folder)

    def size(self) -> int:
        """How many bytes there are, 0 where nothing is left to be read. Raises HistoryUnavailable."""
        try:
            sizes = [os.stat(spool.segment_path(self.folder, number)).st_size for number in range(self.first, self.last + 1)]
        except FileNotFoundError:
            raise HistoryUnavailable from None
        return max(0, sum(sizes) - self.offset)

    def began(self) -> tuple[int, str]:
        """When it began, as its first header there says: in this order a run's streams are told of, as an agent would have met them."""
        try:
            with open(spool.open_regular(spool.segment_path(self.folder, self.first)), "rb") as file:
                time = _TIME.search(file.read(4096))
        except OSError:
            time = None
        return (int(time.group(1)) if time else 0), self.writer

    def pieces(self) -> Iterator[bytes]:
        """Its whole lines, a segment at a time; a torn tail is left out. Raises HistoryUnavailable where a segment has gone."""
        for number in range(self.first, self.last + 1):
            try:
                with open(spool.open_regular(spool.segment_path(self.folder, number)), "rb") as file:
                    file.seek(self.offset if number == self.first else 0)
                    data = file.read()
            except FileNotFoundError:
                raise HistoryUnavailable from None
            yield data[: data.rfind(b"\n") + 1]

    def telling(self) -> Iterator[bytes]:
        """Those of its lines that say something of the run itself, or of its files."""
        for piece in self.pieces():
            if not piece.startswith(b"\n"):  # as who writes no empty lines between
                yield piece[: piece.find(b"\n")]
            yield from _TELLING.findall(piece)

    def lines(self) -> Iterator[bytes]:
        """The lines, without their newlines."""
        for piece in self.pieces():
            for raw in piece.split(b"\n"):
                if raw:
                    yield raw


def streams(home: str, run: str, passed: dict[str, tuple[int, int]]) -> list[Stream] | None:
    """
    The run's streams that are in the spool, each from where a store has it to (`passed`, by writer) on; None where something between is
    missing. (Of a stream the first segments go first; one that was passed on and deleted leaves `.shipped`.)
    """
    found = []
    for folder in folders(home, run):
        numbers = spool.segments(folder)
        first, offset = passed.get(os.path.basename(folder), (0, 0))
        last = numbers[-1] if numbers else first - 1
        if not set(range(first, last + 1)) <= set(numbers):
            return None
        found.append(Stream(folder, first, last, offset))
    if len(found) > 1:
        found.sort(key=Stream.began)
    if not passed and os.path.exists(os.path.join(home, "spool", run, ".shipped")):
        return None
    return found


def parsed_value(text: str) -> Any:
    """A value of JSON."""
    import json

    return json.loads(text)


def parsed(raw: bytes) -> dict[str, Any]:
    """A line's object; empty where it is none."""
    import json

    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def run(run_id: str, found: list[Stream], known: Document | None = None, so_far: Document | None = None) -> Document:
    """The run's document; what a store has of it (`known`, and `so_far` as of `stored`) is gone on with."""
    told = Told(run_id)
    if known is not None and so_far is not None:
        told.resume(known, so_far)
    for stream in found:
        told.begin(stream.folder)
        for raw in stream.telling():
            told.take(parsed(raw))
    return told.document()


def runs(home: str) -> list[str]:
    """The ids of the runs that have a stream in the spool."""
    top = os.path.join(home, "spool")
    return [name for name in (sorted(os.listdir(top)) if os.path.isdir(top) else []) if spool.valid_name(name) and folders(home, name)]


_GONE = object()


class Told:
    """What a run's lines say of it, as they are read."""

    def __init__(self, run_id: str) -> None:
        self._found: Document = {"run": run_id, "experiment": "default", "number": None, "started": 0, "snapshot": None, "phase": None}
        self._found.update((key, None) for key in _SAID_ONCE)
        self._kept: dict[str, dict[str, Any]] = {"tags": {}, "properties": {}, "params": {}}
        self._default, self._chosen = True, 0
        self._times: dict[tuple[str, str], tuple[int, str]] = {}  # when, and by which writer, something was said last
        self._owner: tuple[int, str] | None = None  # attempt, writer
        self._writer, self._attempt, self._own = "", 1, False
        self._streams: dict[str, tuple[bool, int]] = {}  # what is known of streams whose header was read before
        self._folders: list[str] = []
        self._seen: Document | None = None
        self._said: Document | None = None

    def resume(self, known: Document, so_far: Document) -> None:
        """What a store has of the run: its document, and `stored.so_far`."""
        said = so_far["said"]
        self._found.update((key, value) for key, value in known.items() if key not in self._kept)
        self._kept = {name: dict(known[name] or {}) for name in self._kept}
        for key, value, time, writer in so_far["tags"]:
            self._times["tag", key] = (time, writer or "")
            self._kept["tags"][key] = _GONE if value is None else parsed_value(value)
        self._times.update((("run", name), (said[when], "")) for name, when in _SAID_WHEN.items())
        self._default, self._chosen = bool(said["is_default"]), said["chosen"]
        self._streams = so_far["streams"]
        owners = [writer for writer, (owner, attempt) in self._streams.items() if owner and attempt == said["attempt"]]
        self._owner = (said["attempt"], owners[0]) if owners else None
        self._seen, self._said = map(_ending, (said["seen"], said["said"]))

    def begin(self, folder: str) -> None:
        """The lines that follow are of this stream."""
        self._folders.append(folder)
        self._writer = os.path.basename(folder)
        self._own, self._attempt = self._streams.get(self._writer, (False, 1))

    def take(self, line: Document) -> None:
        """One line; one of another form than the specification's is nothing."""
        take = _TAKES.get(line.get("k", ""))
        if take is not None:
            try:
                take(self, line)
            except (KeyError, TypeError, ValueError):
                return

    def document(self) -> Document:
        """What was said."""
        end = self._decided()
        self._found.update(self._kept)
        self._found["tags"] = {key: value for key, value in sorted(self._kept["tags"].items()) if value is not _GONE}
        self._found["status"] = end["status"] if end else self._living()
        self._found["ended"] = end["t"] if end else None
        for name, key in (("reason", "reason"), ("exit_code", "code"), ("signal", "sig"), ("error", "err")):
            self._found[name] = end.get(key) if end else None
        return self._found

    def _decided(self) -> Document | None:
        """The owner decides; the worse of what it saw and what the script said wins. As the agent's `core/ending.py`."""
        seen, said = self._seen, self._said
        if seen is None:
            return None if self._owner else said
        if said is None or seen["status"] == record.CANCELED or _SEVERITY[said["status"]] <= _SEVERITY[seen["status"]]:
            if said and said["status"] == seen["status"] == record.FAILED and not seen.get("err"):
                return {**seen, "err": said.get("err")}
            return seen
        return {**said, "t": seen["t"], "code": seen.get("code"), "sig": seen.get("sig")}

    def _living(self) -> str:
        """Running, while a stream of the run is locked; else nobody here can say (an agent would)."""
        locks = [os.path.join(folder, "lock") for folder in self._folders]
        known = [lock for lock in locks if os.path.lexists(lock)]
        return record.RUNNING if not known or any(map(spool.is_locked, known)) else record.UNKNOWN

    def _head(self, line: Document) -> None:
        found = self._found
        self._attempt, self._own = int(line.get("att", 1)), line.get("own") is True
        if self._own and (self._owner is None or self._attempt >= self._owner[0]):
            if self._owner is not None and self._attempt > self._owner[0]:
                self._seen = self._said = None  # a newer attempt has an end of its own
            self._owner = (self._attempt, self._writer)
        found["started"] = min(found["started"] or line["t"], line["t"])
        found["host"] = found["host"] or line.get("host")
        if line.get("exp") and self._default and found["experiment"] == "default":
            found["experiment"] = line["exp"]

    def _run(self, line: Document) -> None:
        for key in _SAID_ONCE:
            if line.get(key) is not None and self._is_latest("run", key, line["t"]):
                self._found[key] = line[key]
        for key, value in (line.get("tags") or {}).items():
            self._set_tag(key, value, line["t"])
        if line.get("experiment") and self._is_better(line):
            self._found["experiment"], self._default, self._chosen = line["experiment"], bool(line.get("default")), line["t"]

    def _is_better(self, line: Document) -> bool:
        """A chosen experiment beats a default one, the first choice a later one, any name none."""
        if line.get("default"):
            return self._default and self._found["experiment"] == "default"
        return self._default or int(line["t"]) < self._chosen

    def _tag(self, line: Document) -> None:
        self._set_tag(line["n"], _GONE if line.get("del") else line.get("v"), line["t"])

    def _set_tag(self, key: str, value: Any, time: int) -> None:
        if self._is_latest("tag", key, time):
            self._kept["tags"][key] = value

    def _is_latest(self, what: str, key: str, time: int) -> bool:
        """Of several streams the latest word counts, within one the last."""
        before = self._times.get((what, key), (0, ""))
        if time < before[0] and before[1] != self._writer:
            return False
        self._times[what, key] = (time, self._writer)
        return True

    def _param(self, line: Document) -> None:
        self._kept["params"][line["n"]] = line["v"]

    def _property(self, line: Document) -> None:
        self._kept["properties"].setdefault(line["n"], line["v"])

    def _snapshot(self, line: Document) -> None:
        if self._is_latest("snap", "", line["t"]):
            self._found["snapshot"] = line["id"]

    def _phase(self, line: Document) -> None:
        self._found["phase"] = line["ph"]

    def _end(self, line: Document) -> None:
        severity = _SEVERITY[line["status"]]
        if self._owner and self._attempt < self._owner[0]:
            return
        is_observed = line["reason"] in _OBSERVED
        if self._own or line.get("by") or is_observed:
            if self._seen is None or not is_observed or self._seen["reason"] in _OBSERVED:  # the owner's own word comes first
                self._seen = line
        elif self._said is None or severity > _SEVERITY[self._said["status"]]:
            self._said = line


_TAKES: dict[str, Callable[[Told, Document], None]] = {
    record.HEAD: Told._head,  # noqa: SLF001 -- its own
    record.RUN: Told._run,  # noqa: SLF001
    record.TAG: Told._tag,  # noqa: SLF001
    record.PARAM: Told._param,  # noqa: SLF001
    record.PROPERTY: Told._property,  # noqa: SLF001
    record.SNAPSHOT: Told._snapshot,  # noqa: SLF001
    record.PHASE: Told._phase,  # noqa: SLF001
    record.END: Told._end,  # noqa: SLF001
}


#: Of these the store keeps when they were said last.
_SAID_WHEN = {"name": "named", "description": "described", "outputs": "outputs_named"}


def _ending(kept: str | None) -> Document | None:
    """An `end` line again, of what the store keeps of it (the agent's `core/ending.py`)."""
    if kept is None:
        return None
    from outrider import stored

    found = parsed(kept.encode())
    error = {short: found.get(name) for short, name in stored.ERROR_COLUMNS}
    line = {"t": found["time"], "code": found.get("code"), "sig": found.get("signal"), "by": found.get("by")}
    has_error = any(value is not None for value in error.values())
    return {**line, "status": found["status"], "reason": found["reason"], "err": error if has_error else None}


def files(found: list[Stream], before: list[Document]) -> dict[str, Document]:
    """The run's files in their last versions, by path; `before`: what a store has."""
    last = {one["path"]: {key: one[key] for key in ("sha", "size", "time")} for one in before}
    for stream in found:
        for raw in stream.telling():
            line = parsed(raw) if b'"art"' in raw else {}
            if line.get("k") == record.ARTIFACT and isinstance(line.get("p"), str) and line.get("sha"):
                known = last.get(line["p"])
                if known is None or known["time"] <= line["t"]:
                    last[line["p"]] = {"sha": line["sha"], "size": line.get("size"), "time": line["t"]}
    return dict(sorted(last.items()))


def console(found: list[Stream]) -> bytes:
    """What the run's command wrote."""
    chunks = []
    for stream in found:
        for raw in stream.lines():
            if raw.startswith(b'{"k":"c",') or b'"k": "c"' in raw:
                line = parsed(raw)
                if line.get("k") == record.CONSOLE:
                    chunks.append(console_bytes(line))
    return b"".join(chunks)


def console_bytes(line: Document) -> bytes:
    """What a line of the console holds."""
    import base64

    return line["d"].encode("utf-8", "surrogatepass") if "d" in line else base64.b64decode(line.get("b", ""))


def left_behind(document: Document) -> list[tuple[str, str, int]]:
    """
    (path within the run, path, mtime) of what lies in the run's output folders, which no agent may have captured yet. As the agent's
    collector, it leaves out what was there long before the run, and what was changed long after its end: that is another run's.
    """
    found = []
    for root in document["outputs"] or []:
        found += files_of_run(root, document["started"], document["ended"])
    return found


def files_of_run(root: str, started: int, ended: int | None = None) -> list[tuple[str, str, int]]:
    """(path within the run, path, mtime) of the files in an output folder that are this run's."""
    base, found = os.path.basename(root.rstrip("/")), []
    for folder, inner, names in os.walk(root):
        inner.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            try:
                status = os.lstat(path)  # a link may lead out of the folder
            except OSError:
                continue
            is_later = ended is not None and min(status.st_mtime_ns, status.st_ctime_ns) > ended + _GRACE_NS
            if stat.S_ISREG(status.st_mode) and status.st_ctime_ns + _GRACE_NS >= started and not is_later:
                found.append((base + "/" + os.path.relpath(path, root).replace(os.sep, "/"), path, status.st_mtime_ns))
    return found
