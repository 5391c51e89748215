"""
Model: a named, versioned artifact: a file or folder of a run, or of the disk, under a name that is easy to ask for.

Its bytes are blobs; what is known of a version is a file of the home (`_registry`), and, where it comes from a run, a `model` line of that
run, so that the store has it.
"""

from __future__ import annotations

import os
import time

from outrider import _current, _files, _history, _registry, _uploads, spool
from outrider._errors import ModelNotFound, ModelPathNotFound

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import datetime as dt
    from typing import Any, Dict, List, Mapping, TypeVar

    from outrider._logged import LoggedRun
    from outrider._run import Run
    from outrider._workspace import Workspace

    M = TypeVar("M", bound="Model")
    Models = List[M]
    About = Dict[str, Any]

KIND = "models"


class Model:
    """A registered model: the newest of that name, or the version asked for. `id` is `name:version`. Raises ModelNotFound."""

    def __init__(
        self,
        workspace: Workspace | None = None,
        name: str | None = None,
        id: str | None = None,
        tags: Any = None,
        properties: Any = None,
        version: int | None = None,
        run_id: str | None = None,
        **_more: Any,
    ) -> None:
        if id is not None:
            name, _, number = id.rpartition(":")
            version = int(number) if number.isdigit() else version
            name = name or id
        wanted = _Wanted(tags, properties, run_id)
        found = [about for about in _registry.versions(_current.home(), KIND, name or "") if wanted.fits(about)]
        found = [about for about in found if version is None or about["version"] == int(version)]
        if not found:
            raise ModelNotFound(_missing(name, version))
        self._take(workspace, found[0])

    def _take(self, workspace: Workspace | None, about: About) -> None:
        self.workspace = workspace
        self._about = about
        self.name: str = about["name"]
        self.version: int = about["version"]
        self.id = f"{self.name}:{self.version}"
        self.tags: dict[str, Any] = about.get("tags") or {}
        self.properties: dict[str, Any] = about.get("properties") or {}
        self.description: str = about.get("description") or ""
        self.run_id: str | None = about.get("run")
        self.experiment_name: str | None = about.get("experiment")
        self.model_framework: str | None = about.get("framework")
        self.model_framework_version: str | None = about.get("framework_version")

    @classmethod
    def of(cls: type[M], workspace: Workspace | None, about: About) -> M:
        """The model that `about` describes."""
        found = cls.__new__(cls)
        found._take(workspace, about)  # noqa: SLF001 -- its own class
        return found

    def __repr__(self) -> str:
        of_run = f", run_id={self.run_id}" if self.run_id else ""
        return f"Model(name={self.name}, id={self.id}, version={self.version}, tags={self.tags}, properties={self.properties}{of_run})"

    @property
    def created_time(self) -> dt.datetime:
        """When it was registered, UTC."""
        import datetime as dt

        return dt.datetime.fromtimestamp(self._about["created"] / 1e9, tz=dt.timezone.utc)

    @property
    def files(self) -> dict[str, int]:
        """Its files: path within the model -> bytes."""
        return {path: size for path, (_, size) in self._about["files"].items()}

    @property
    def run(self) -> Run | None:
        """The run that it comes from, or None."""
        from outrider import _family
        from outrider._run import Run

        return _family.get(Run, self.run_id) if self.run_id else None

    def download(self, target_dir: str = ".", exist_ok: bool = False, exists_ok: bool | None = None) -> str:
        """Copies the model into a folder; the path of the file or folder. Raises FileExistsError without `exist_ok`."""
        home = _current.home() or ""
        target = os.path.join(target_dir, self._base)
        if os.path.exists(target) and not (exist_ok or exists_ok):
            raise FileExistsError(f"{target} is there already, and was left as it is; give exist_ok=True to write over it")
        for path, (sha, _) in self._about["files"].items():
            _files.copy_blob(home, sha, target if self._about["single"] else os.path.join(target, *path.split("/")))
        return target

    @property
    def _base(self) -> str:
        """The name of its file or folder."""
        return str(self._about.get("base") or self.name)

    @classmethod
    def register(
        cls: type[M],
        workspace: Workspace | None,
        model_path: str,
        model_name: str,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        description: str | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        **more: Any,
    ) -> M:
        """Registers a file or folder of the disk as the next version of a model. Raises ModelPathNotFound."""
        about = described(tags, properties, description, model_framework, model_framework_version)
        home = _current.home()
        if home is None:
            return cls.of(workspace, {**about, "name": model_name, "version": 1, "files": {}, "single": True, "base": model_name})
        about.update(of_disk(home, model_path))
        about["version"] = _registry.add(home, KIND, model_name, about)
        return cls.of(workspace, {**about, "name": model_name})

    @classmethod
    def list(
        cls: type[M],
        workspace: Workspace | None = None,
        name: str | None = None,
        tags: Any = None,
        properties: Any = None,
        run_id: str | None = None,
        latest: bool = False,
        **_more: Any,
    ) -> Models[M]:
        """Registered models, the newest first. `latest`: only the newest version of each."""
        home, wanted = _current.home(), _Wanted(tags, properties, run_id)
        found: list[About] = []
        for one in [name] if name is not None else _registry.names(home, KIND):
            fitting = [about for about in _registry.versions(home, KIND, one) if wanted.fits(about)]
            found += fitting[:1] if latest else fitting
        return [cls.of(workspace, about) for about in sorted(found, key=lambda about: -int(about["created"]))]

    @staticmethod
    def get_model_path(model_name: str, version: int | None = None, _workspace: Workspace | None = None) -> str:
        """The path of the model's file or folder, ready to be read. Raises ModelNotFound."""
        found = Model(_workspace, model_name, version=version)
        kept = os.path.join(_current.home() or "", KIND, ".files", f"{found.name}-{found.version}".replace("/", "_"))
        target = os.path.join(kept, found._base)
        return target if os.path.exists(target) else found.download(kept, exist_ok=True)

    def add_tags(self, tags: Mapping[str, Any]) -> None:
        """Sets tags."""
        self._change(merged={"tags": dict(tags)})

    def remove_tags(self, tags: Any) -> None:
        """Removes tags by their keys."""
        self._change(gone={"tags": [tags] if isinstance(tags, str) else list(tags)})

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Sets properties that are not there yet."""
        self._change(merged={"properties": {key: value for key, value in properties.items() if key not in self.properties}})

    def update(self, tags: Mapping[str, Any] | None = None, description: str | None = None, **_more: Any) -> None:
        """Replaces tags and description, where given."""
        fields = {"tags": None if tags is None else dict(tags), "description": description}
        self._change(fields={key: value for key, value in fields.items() if value is not None})

    def serialize(self) -> dict[str, Any]:
        """As a dict."""
        names = ("name", "id", "version", "tags", "properties", "description")
        found: dict[str, Any] = {name: getattr(self, name) for name in names}
        return {**found, "createdTime": self.created_time.isoformat(), "runId": self.run_id, "framework": self.model_framework}

    def delete(self) -> None:
        """Removes this version from the registry; its number is not given out again."""
        _registry.remove(_current.home() or "", KIND, self.name, self.version)

    def _change(self, **changed: Any) -> None:
        """What two processes say of it at once is both said; the model is as it is then."""
        home = _current.home()
        if home is not None:
            _registry.change(home, KIND, self.name, self.version, **changed)
            self._take(self.workspace, _registry.newest(home, KIND, self.name, self.version) or self._about)


class _Wanted:
    """Which models: by tags and properties (keys, `[key, value]` pairs, or a dict), and the run."""

    def __init__(self, tags: Any, properties: Any, run_id: str | None) -> None:
        self._tags, self._properties, self._run = _pairs(tags), _pairs(properties), run_id

    def fits(self, about: About) -> bool:
        """Is that one of them?"""
        if self._run is not None and about.get("run") != self._run:
            return False
        return _has(about.get("tags") or {}, self._tags) and _has(about.get("properties") or {}, self._properties)


def _pairs(given: Any) -> list[tuple[Any, ...]]:
    if not given:
        return []
    if hasattr(given, "items"):
        return list(given.items())
    if isinstance(given, str):
        return [(given,)]
    return [tuple(one) if isinstance(one, (list, tuple)) else (one,) for one in given]


def _has(there: dict[str, Any], wanted: list[tuple[Any, ...]]) -> bool:
    return all(pair[0] in there and (len(pair) < 2 or str(there[pair[0]]) == str(pair[1])) for pair in wanted)


def described(tags: Any, properties: Any, description: Any, framework: Any, framework_version: Any) -> About:
    """What was said of a model. Raises TypeError."""
    for what, given in (("tags", tags), ("properties", properties)):
        if given is not None and not hasattr(given, "items"):
            raise TypeError(f"{what} of a model must be a dict, not {type(given).__name__}")
    return {
        "created": time.time_ns(),
        "tags": {str(key): value for key, value in (tags or {}).items()},
        "properties": {str(key): value for key, value in (properties or {}).items()},
        "description": description,
        "framework": None if framework is None else str(framework),
        "framework_version": None if framework_version is None else str(framework_version),
    }


def of_disk(home: str, path: str) -> About:
    """The files of a file or folder of the disk, copied into the blobs. Raises ModelPathNotFound."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"model_path must be a path, not {type(path).__name__}")
    top = os.path.abspath(os.fspath(path))
    if os.path.isdir(top):
        files = {inner: _uploads.keep(home, file) for inner, file in _uploads.files_below(top)}
        return {"single": False, "base": os.path.basename(top), "files": files}
    if not os.path.exists(top):
        raise ModelPathNotFound(
            f"Could not locate the provided model_path {path}: there is no such file or folder. No model was registered."
        )
    return {"single": True, "base": os.path.basename(top), "files": {os.path.basename(top): _uploads.keep(home, top)}}


def of_run(home: str, run_id: str, path: str) -> About:
    """The files of a file or folder of a run. Raises ModelPathNotFound with the run's files."""
    plain = "/".join(part for part in path.split("/") if part not in ("", "."))
    there = _history.files(home, run_id)
    if plain in there:
        return {"single": True, "base": os.path.basename(plain), "files": {os.path.basename(plain): _kept(home, there[plain])}}
    inside = {name[len(plain) + 1 :]: known for name, known in there.items() if name.startswith(plain + "/") or not plain}
    if not inside:
        raise ModelPathNotFound(
            f"Could not locate the provided model_path {path} in the set of files uploaded to the run: {sorted(there)}. No model was "
            f"registered. What a script writes into ./outputs is there as outputs/…; upload_file() adds others."
        )
    return {
        "single": False,
        "base": os.path.basename(plain) or run_id,
        "files": {name: _kept(home, known) for name, known in inside.items() if "sha" in known or "local" in known},
    }


def _kept(home: str, known: dict[str, Any]) -> tuple[str, int]:
    return _uploads.keep(home, known["local"]) if "local" in known else (known["sha"], known["size"])


def register_from_run(run: LoggedRun, name: str, path: str | None, file_name: Any, about: About) -> Any:
    """`Run.register_model`: the version is allotted first, then said in the run."""
    cls = run.model_type()
    if not isinstance(name, str) or not name:
        raise TypeError(f"model_name must be a text that is not empty, not {name!r}")
    home = run._home  # noqa: SLF001 -- the run's own half
    if file_name is not None:
        path = "outputs/" + os.path.basename(os.fspath(file_name))
        run.upload_file(path, file_name)
    about.update(run=run.id, experiment=run._experiment_name, path=path or name)  # noqa: SLF001
    if home is None:
        return cls.of(None, {**about, "name": name, "version": 1, "files": {}, "single": True, "base": name})
    about.update(of_run(home, run.id, path or name))
    about["version"] = version = _registry.add(home, KIND, name, about)
    line = {"k": "model", "t": about["created"], "n": name, "ver": version, "p": about["path"], "files": about["files"]}
    line.update(
        tags=about["tags"], props=about["properties"], d=about["description"], fw=about["framework"], fwv=about["framework_version"]
    )
    run.add_line(spool.line({key: value for key, value in line.items() if value is not None}))
    return cls.of(None, {**about, "name": name})


def _missing(name: str | None, version: int | None) -> str:
    home = _current.home()
    known = [about["version"] for about in _registry.versions(home, KIND, name or "")]
    if known:
        return f"The model {name!r} has no version {version} that fits; it has {', '.join(map(str, known[:20]))}."
    return f"There is no model {name!r} in {home}. Registered are: {', '.join(_registry.names(home, KIND)[:20]) or 'none'}."
