"""
Runs among others: the documents that match, the runs made of them, parents and children, and what is asked of a run's document.

Functions over a Run's internals: the class itself stays small.
"""

# ruff: noqa: SLF001 -- the run's own half
from __future__ import annotations

from outrider import _history, _metrics, record
from outrider._errors import HistoryUnavailable, MetricsUnavailable, RunNotFound

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator

    from outrider._known import KnownRun
    from outrider._run import Run

    Document = Dict[str, Any]

#: Makers of runs of a type, as `Run.add_type_provider` was told.
_providers: dict[str, Callable[..., Any]] = {}


class Wanted:
    """Which runs: a text names a key that must be there, a dict keys with their values. Raises TypeError for anything else."""

    def __init__(self, *, tags: Any = None, properties: Any = None, type: str | None = None, status: str | None = None) -> None:  # noqa: A002
        self.tags, self.properties = _pairs(tags), _pairs(properties)
        self.type, self.status = type, status

    def fits(self, document: Document) -> bool:
        """Is that run one of them?"""
        if self.type is not None and document.get("type") != self.type:
            return False
        if self.status is not None and document.get("status") != self.status:
            return False
        return _has(document.get("tags") or {}, self.tags) and _has(document.get("properties") or {}, self.properties)


def _pairs(given: Any) -> dict[str, Any]:
    if given is None or isinstance(given, dict):
        return given or {}
    if isinstance(given, str):
        return {given: _ANY}
    if isinstance(given, (list, tuple, set)) and all(isinstance(key, str) for key in given):
        return dict.fromkeys(given, _ANY)
    raise TypeError(f"tags and properties to look for are a key or a dict of keys and values, not {type(given).__name__}")


def _has(there: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(key in there and (value is _ANY or _same(there[key], value)) for key, value in wanted.items())


def _same(one: Any, other: Any) -> bool:
    """Equal, or equal as text: a tag that was set as 3 is found as "3", and True as "True"."""
    return bool(one == other) or str(one) == str(other)


_ANY = object()


def add_provider(run_type: str, make: Callable[..., Any]) -> None:
    """Runs of that type are made by `make(experiment, document)`. Raises ValueError where one is there."""
    if run_type in _providers:
        raise ValueError(f"runs of the type {run_type!r} have a provider already")
    _providers[run_type] = make


def made(cls: Any, document: Document) -> Any:
    """The Run of a document, attached."""
    from outrider import _current

    provider = _providers.get(document.get("type") or "")
    if provider is not None:
        return provider(cls._experiment_type().of_name(document["experiment"]), document)
    own = _current.own(document["run"])
    if own is not None and not isinstance(own, cls):
        return cls.same_as(own)
    if own is not None:
        return own
    name = document.get("name")
    return cls.of_process(
        document["run"], _current.later_writer(document["run"]), experiment=document["experiment"], name=name, owns=False, known=document
    )


def get(cls: Any, run_id: str) -> Any:
    """The run of that id. Raises RunNotFound."""
    from outrider import _current

    if not isinstance(run_id, str) or not run_id:
        raise TypeError(f"the id of a run is a text that is not empty, not {run_id!r}")
    return made(cls, _history.run(_current.home(), run_id))


def listed(cls: Any, experiment: str, wanted: Wanted, *, include_children: bool) -> Iterator[Any]:
    """An experiment's runs, the newest first."""
    from outrider import _current

    for document in _history.runs(_current.home(), experiment=experiment):
        if wanted.fits(document) and (include_children or not document.get("parent")):
            yield made(cls, document)


def children(run: KnownRun, wanted: Wanted, *, recursive: bool) -> Iterator[Any]:
    """The runs below this one, the newest first."""
    try:
        found = _history.runs(run._home, parent=run.id, recursive=recursive)
    except RunNotFound:
        if not _is_silent(run):
            raise
        found = []
    for document in found:
        if wanted.fits(document):
            yield made(type(run), document)


def parent(run: KnownRun) -> Run | None:
    """The run that started this one, or None."""
    known = run._known if "parent" in run._known else run._asked()
    if not known.get("parent"):
        return None
    found: Run = get(type(run), known["parent"])
    return found


def number(run: KnownRun) -> int | None:
    """The run's number in its experiment; None where nobody can say it now."""
    asked_ = run._asked()
    if asked_.get("number") is None:
        try:
            every = _history.runs(run._home, experiment=asked_.get("experiment"))
        except HistoryUnavailable:
            return None
        asked_["number"] = next((one["number"] for one in every if one["run"] == run.id), None)
    found: int | None = asked_["number"]
    return found


def asked(run: KnownRun) -> Document:
    """The run's document, and what it says that the run object remembers."""
    try:
        found = _history.run(run._home, run.id)
    except RunNotFound:
        if not _is_silent(run):
            raise
        return {**run._known, "status": run._ended or record.RUNNING}
    run._known = found
    run._display_name = found.get("name") or run._display_name
    run._experiment_name = found.get("experiment") or run._experiment_name
    if run._ended is not None and run._owns:
        found["status"] = run._ended
    return found


def _is_silent(run: KnownRun) -> bool:
    """A run of this process that has written nothing yet, or under OUTRIDER_DISABLED: nobody else can know of it."""
    return getattr(run._writer, "name", None) is None and (run._owns or not run._known.get("started"))


def metrics(run: KnownRun, name: str | None, *, recursive: bool, run_type: str | None, populate: bool) -> dict[str, Any]:
    """`get_metrics()`."""
    try:
        payloads = _history.metrics(run._home, run.id, recursive=recursive)
        wanted = _of_type(run, run_type) if recursive and run_type else None
    except RunNotFound:
        if not _is_silent(run):
            raise MetricsUnavailable from None
        payloads, wanted = {run.id: {"series": [], "rows": [], "figures": []}}, None
    except MetricsUnavailable:
        raise
    except HistoryUnavailable:
        raise MetricsUnavailable from None
    shaped = {
        one: _metrics.shape(payload, name, _figure(run._home, one, populate=populate))
        for one, payload in payloads.items()
        if wanted is None or one in wanted
    }
    return shaped if recursive else shaped[run.id]


def _of_type(run: KnownRun, run_type: str) -> set[str]:
    every = [run._asked(), *_history.runs(run._home, parent=run.id, recursive=True)]
    return {one["run"] for one in every if one.get("type") == run_type}


def _figure(home: str | None, run_id: str, *, populate: bool) -> Callable[[Document], Any]:
    """What `get_metrics()` gives for an image or chart: its artifact's address, or what is in it."""

    def give(figure: Document) -> Any:
        if not populate:
            return f"aml://artifactId/ExperimentRun/dcid.{run_id}/{figure['path']}"
        from outrider import _files

        return _files.figure(home, run_id, figure)

    return give
