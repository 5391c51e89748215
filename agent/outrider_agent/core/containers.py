"""
What an engine says of a container, and what that makes of it: whether it is tracked, as which run, and what is known of the run. Pure.

Docker's answer to `inspect` (podman gives the same) and the files that docker keeps of each container are read here, nowhere else.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from outrider import record, spool
from outrider_agent.core import containerlog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Labels that Outrider reads begin so. `outrider.ignore` keeps a container out, whatever else is asked for.
PREFIX = "outrider."

#: Drivers whose log is a file that can be followed.
FILES = ("json-file", "k8s-file")
#: Drivers that keep nothing: neither file nor engine can give it back.
NOTHING = ("none",)

#: An engine's event and its state may differ so much about when a container ended.
_NEAR_NS = 2_000_000_000

#: And so much about when it was started.
_ONE_START_NS = 100_000_000

#: Two ends so near are one.
_ONE_END_NS = 1_000_000

#: So long after the end of a container its last lines may be stamped: docker reads them for 2 s, and has 10 s to write them down.
_LATE_NS = 12_000_000_000

_POD_LOG = re.compile(r"(?P<number>\d{1,6})\.log")
_RUN_CHARACTERS = re.compile(r"[^A-Za-z0-9_.-]+")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """
    A container as its engine knows it. Times are ns since the epoch, None where it has not come to that.

    `log`: the path of its log where there is one. `driver`: how the engine keeps it. `places`: (path in the container, path on this
    machine) of what is mounted into it, then of its own file system as "/". `number`: which start of it this is, where the engine counts.
    `most_files`: so many files of its log the engine keeps; None where it keeps all.
    """

    id: str
    name: str
    image: str | None = None
    image_id: str | None = None
    labels: dict[str, str] = {}
    command: tuple[str, ...] = ()
    cwd: str | None = None
    driver: str = "json-file"
    tty: bool = False
    log: str | None = None
    places: tuple[tuple[str, str], ...] = ()
    running: bool = False
    started: int | None = None
    finished: int | None = None
    code: int | None = None
    oom: bool = False
    error: str | None = None
    pod: dict[str, str] = {}
    run: str | None = None
    number: int = 1
    most_files: int | None = None

    @property
    def is_over(self) -> bool:
        """Has it run, and does not any more?"""
        return not self.running and (self.finished is not None or self.error is not None)


class Wish(NamedTuple):
    """Which run a container is, and what its labels say of it."""

    run: str
    named: bool  #: somebody chose the run: it may be there already, and others may belong to it
    experiment: str | None
    name: str
    description: str | None
    tags: dict[str, str]
    outputs: tuple[str, ...]


def from_inspect(document: Mapping[str, Any]) -> Facts:
    """Docker's or podman's answer to `GET /containers/{id}/json`."""
    config, host, state = (_object(document, key) for key in ("Config", "HostConfig", "State"))
    log = _object(host, "LogConfig")
    path = str(document.get("LogPath") or log.get("Path") or "")
    document = {**document, "LogPath": path, "ID": document.get("Id")}
    # Podman calls its k8s-file by docker's name when it is asked as docker; docker's own files all end so.
    if path and log.get("Type") == "json-file" and not path.endswith("-json.log"):
        log = {**log, "Type": "k8s-file"}
    places = [(str(one.get("Destination")), str(one.get("Source"))) for one in document.get("Mounts") or () if one.get("Source")]
    graph = _object(_object(document, "GraphDriver"), "Data")
    own = [("/", str(graph[key])) for key in ("UpperDir", "MergedDir") if graph.get(key)]
    if state.get("Pid"):
        own.append(("/", f"/proc/{int(state['Pid'])}/root"))
    return _facts(document, config, log, places=(*places, *own))


def from_config(document: Mapping[str, Any], host: Mapping[str, Any], log: str) -> Facts:
    """The files config.v2.json and hostconfig.json that docker keeps in a container's folder; `log`: where its json-file would be."""
    config, state = _object(document, "Config"), _object(document, "State")
    mounts = _object(document, "MountPoints").values()
    places = [(str(one.get("Destination")), str(one.get("Source"))) for one in mounts if isinstance(one, dict) and one.get("Source")]
    if state.get("Pid"):
        places.append(("/", f"/proc/{int(state['Pid'])}/root"))
    return _facts({**document, "LogPath": log}, config, _object(host, "LogConfig"), places=tuple(places))


def from_pod(folder: str, container: str, log: str, path: str) -> Facts | None:
    """A log in Kubernetes' `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log`; None for what is not called so."""
    found, parts = _POD_LOG.fullmatch(log), folder.split("_")
    if found is None or len(parts) != 3 or not all(parts):
        return None
    namespace, pod, uid = parts
    number = int(found["number"])
    return Facts(
        id=f"{uid}/{container}/{number}",
        name=f"{pod}/{container}",
        driver="k8s-file",
        log=path,
        running=True,
        started=0,
        pod={"namespace": namespace, "pod": pod, "container": container, "uid": uid},
        run=_run_name(f"{pod[:120]}.{container[:100]}.{uid[:8]}"),
        number=number + 1,
    )


def is_wanted(facts: Facts, select: str, names: Sequence[str]) -> bool:
    """Is it tracked: by a label, by its name, or because all are?"""
    if facts.labels.get("outrider.ignore", "").lower() in ("1", "true", "yes"):
        return False
    if select == "all" or any(key.startswith(PREFIX) for key in facts.labels):
        return True
    return any(fnmatch.fnmatchcase(facts.name, pattern) for pattern in names)


def wish(facts: Facts) -> Wish:
    """The run that it is. A run id that cannot be one is passed over."""
    labels = facts.labels
    named = labels.get("outrider.run", "")
    compose = labels.get("com.docker.compose.project")
    return Wish(
        run=named if spool.valid_name(named) else facts.run or _run_name(facts.id[:12]),
        named=spool.valid_name(named),
        experiment=labels.get("outrider.experiment") or facts.pod.get("namespace") or compose,
        name=labels.get("outrider.name") or facts.name,
        description=labels.get("outrider.description"),
        tags=_tags(labels.get("outrider.tags", "")),
        outputs=tuple(path for path in labels.get("outrider.outputs", "").split(",") if path.startswith("/")),
    )


def properties(facts: Facts) -> dict[str, str]:
    """What the run is told to be made of."""
    found = {"container.id": facts.id, "container.name": facts.name, "container.log_driver": facts.driver}
    if facts.image:
        found["container.image"] = facts.image
    if facts.image_id:
        found["container.image_id"] = facts.image_id
    found |= {f"kubernetes.{key}": value for key, value in facts.pod.items()}
    return found | {f"container.label.{key}": value for key, value in facts.labels.items() if not key.startswith(PREFIX)}


def places_of(facts: Facts, path: str) -> list[str]:
    """Where a path of the container may lie on this machine, the best first: its mount, the layer it writes to, its root while it runs."""
    found = []
    for inside, outside in sorted(facts.places, key=lambda place: -len(place[0].rstrip("/"))):
        prefix = inside.rstrip("/")
        if path == prefix or path.startswith(f"{prefix}/"):
            found.append(outside + path[len(prefix) :])
    return found


def ending(facts: Facts, now: int) -> dict[str, Any]:
    """The `end` of a container that is over, as docs/spool.md has it."""
    found: dict[str, Any] = {"k": record.END, "t": facts.finished or now}
    if facts.started is None:
        return found | {"status": record.FAILED, "reason": "could-not-start", "code": facts.code, "err": {"message": facts.error}}
    if facts.code is None:
        return found | {"status": record.COMPLETED, "reason": "ended"}
    found["code"] = facts.code
    if facts.oom:
        return found | {"status": record.FAILED, "reason": "oom-killed", "oom": {"kills": 1}}
    if facts.code == 0:
        return found | {"status": record.COMPLETED, "reason": "completed"}
    return found | {"status": record.FAILED, "reason": "exit-code"}


def said(facts: Facts, wish: Wish, experiment: str) -> dict[str, Any]:
    """What the `run` line of a run that is this container's says, but for its outputs."""
    found = {
        "experiment": wish.experiment or experiment,
        "name": wish.name,
        "default": wish.experiment is None,
        "command": list(facts.command),
        "cwd": facts.cwd,
        "description": wish.description,
        "tags": wish.tags,
    }
    return {key: value for key, value in found.items() if value not in (None, [], {})}


def removed(facts: Facts, deaths: Mapping[int, tuple[int, bool]], now: int) -> Facts:
    """Of a container that is gone before its end was seen: what events told (time -> exit code, killed for memory?), if they did."""
    when = max(deaths, default=None)
    code, oom = deaths[when] if when is not None else (None, False)
    return msgspec.structs.replace(facts, running=False, finished=when or now, code=code, oom=oom)


def settled(facts: Facts, finished: int | None, deaths: Mapping[int, tuple[int, bool]]) -> Facts:
    """How one start of it ended: from its state, or the event about it, where its state tells of the next start already."""
    facts = msgspec.structs.replace(facts, finished=finished if finished is not None else facts.finished)
    if facts.code is not None and not facts.running:
        return facts
    near = [when for when in deaths if facts.finished is None or abs(when - facts.finished) < _NEAR_NS]
    code, oom = deaths[max(near)] if near else (None, False)
    return msgspec.structs.replace(facts, code=code, oom=oom, running=False)


def is_next(facts: Facts, started: int | None, finished: int | None, *, ended: bool) -> bool:
    """
    Is this another start than the one that began at `started` (and has `ended`)? There is an end between two.

    `finished`: the last end that was known before. An engine may say of one start two times that differ by milliseconds; two starts are
    never so near. On a busy machine it may write down a start later than the end of that same start.
    """
    if facts.started is None or started is None or facts.started - started < _ONE_START_NS:
        return False
    return ended or (facts.finished or 0) >= started or (facts.finished or 0) > (finished or 0)


def is_further(facts: Facts, ended: int) -> bool:
    """Was it started again after the end that a store knows? Its ends tell, where they can: see `is_next` about the time of a start."""
    if facts.is_over and facts.finished is not None:
        return facts.finished - ended > _ONE_END_NS
    return (facts.started or 0) > ended


def end_before(facts: Facts, known: Facts) -> int | None:
    """When the start before the one that these tell of ended, as `known` says it or its state does while it runs; None: nobody knows."""
    return facts.finished if facts.running else known.finished if known.is_over else None


def between(finished: int | None, facts: Facts) -> int:
    """
    The moment that parts the start that ended at `finished` from the one that `facts` tell of, in the container's log.

    A line's time is when the engine read it: a last line may come after the end that the engine tells, a first one before the start.
    """
    started = facts.started or 0
    if finished is not None and finished < started:
        return finished + min((started - finished) // 2, _NEAR_NS)
    return min(started, facts.finished if facts.is_over and facts.finished is not None else started) - 20_000_000


def known_until(facts: Facts, ended: int, now: int) -> int:
    """Lines up to that time are of starts that a store has, the last of which ended at `ended`. `facts`: what is so at `now`."""
    return between(ended, facts) if is_further(facts, ended) else max(ended, min(now, ended + _LATE_NS))


def _facts(document: Mapping[str, Any], config: Mapping[str, Any], log: Mapping[str, Any], *, places: tuple[tuple[str, str], ...]) -> Facts:
    state = _object(document, "State")
    started, finished = _time(state.get("StartedAt")), _time(state.get("FinishedAt"))
    # Between two starts it is neither; what the state tells of the last end is overwritten by the next start.
    running = bool(state.get("Running")) and not state.get("Restarting")
    error = str(state.get("Error") or "") or None
    return Facts(
        id=str(document.get("ID") or ""),
        name=str(document.get("Name") or "").lstrip("/"),
        image=_text(config.get("Image")),
        image_id=_text(document.get("Image")),
        labels={str(key): str(value) for key, value in _object(config, "Labels").items()},
        command=tuple(str(word) for word in (document.get("Path"), *(document.get("Args") or ())) if word),
        cwd=_text(config.get("WorkingDir")),
        driver=str(log.get("Type") or "json-file"),
        tty=bool(config.get("Tty")),
        log=_text(document.get("LogPath")),
        places=places,
        running=running,
        started=started,
        finished=finished,
        code=None if running or not isinstance(state.get("ExitCode"), int) else state["ExitCode"],
        oom=bool(state.get("OOMKilled")) and not running,
        most_files=_most_files(_object(log, "Config"), str(log.get("Size") or "0B")),
        error=error if started is None and not running else None,
    )


def _most_files(options: Mapping[str, Any], size: str) -> int | None:
    """Nothing is deleted but where a size is set; one file is kept then, unless docker is asked for more. `size`: podman's word for it."""
    if str(options.get("max-size", "-1")) in ("-1", ""):
        return None if size.startswith(("0", "-")) else 1
    most = str(options.get("max-file", "1"))
    return int(most) if most.isdigit() else 1


def _object(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: Any) -> int | None:
    found = containerlog.nanoseconds(value) if isinstance(value, str) else None
    return found if found is not None and found > 0 else None


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {key.strip(): value.strip() for key, _equals, value in pairs if key.strip()}


def _run_name(text: str) -> str:
    return _RUN_CHARACTERS.sub("-", text).lstrip("_.-")[:256] or "container"
