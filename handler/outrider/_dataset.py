"""
Dataset: files of this machine (or addresses) under a name, as a script's input. Small: tables are opened by pandas, files are listed and
copied. What is registered is a file of the home (`_registry`): the paths, not the bytes.
"""

from __future__ import annotations

import os
import time

from outrider import _current, _registry
from outrider._errors import DatasetNotFound

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Mapping

    About = Dict[str, Any]

KIND = "datasets"
_READERS = {"delimited": "read_csv", "parquet": "read_parquet", "json_lines": "read_json"}


class Dataset:
    """Files under a name, of one version. `Dataset.Tabular` and `Dataset.File` make them; `get_by_name` finds registered ones."""

    Tabular: Any
    File: Any

    def __init__(self, about: About, steps: tuple[Callable[[Any], Any], ...] = ()) -> None:
        self._about = about
        self._steps = steps
        self.name: str | None = about.get("name")
        self.version: int | None = about.get("version")
        self.id = f"{self.name}:{self.version}" if self.version else ",".join(map(str, about["paths"]))
        self.description: str = about.get("description") or ""
        self.tags: dict[str, Any] = about.get("tags") or {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name}, version={self.version}, paths={self._about['paths']})"

    @property
    def about(self) -> About:
        """What is known of it, as JSON can hold it: `of(about)` is the same dataset."""
        return self._about

    @staticmethod
    def get_by_name(workspace: Any, name: str, version: Any = "latest") -> Any:
        """The registered dataset, the newest or of that version. Raises DatasetNotFound."""
        home = _current.home()
        found = _registry.newest(home, KIND, name, None if version in ("latest", None) else int(version))
        if found is None:
            known = ", ".join(_registry.names(home, KIND)[:20]) or "none"
            raise DatasetNotFound(f"There is no dataset {name!r} (version {version}) in {home}. Registered are: {known}.")
        return of(found)

    @staticmethod
    def get_by_id(workspace: Any, id: str) -> Any:
        """The registered dataset of that id, `name:version`. Raises DatasetNotFound."""
        name, _, version = id.rpartition(":")
        return Dataset.get_by_name(workspace, name or id, version if name else "latest")

    @staticmethod
    def get_all(workspace: Any) -> Mapping[str, Any]:
        """The newest version of each registered dataset by name."""
        return {name: Dataset.get_by_name(workspace, name) for name in _registry.names(_current.home(), KIND)}

    def register(
        self,
        workspace: Any = None,
        name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        create_new_version: bool = False,
    ) -> Any:
        """Keeps its paths under a name; the dataset of that name and version. What is the same already is not kept again."""
        if not isinstance(name, str) or not name:
            raise TypeError("register() needs the name of the dataset: data.register(workspace, 'diabetes')")
        home = _current.home()
        about = {**self._about, "description": description, "tags": dict(tags or {}), "created": time.time_ns()}
        there = _registry.newest(home, KIND, name)
        if there is not None and there["paths"] == about["paths"] and not create_new_version:
            return of(there, self._steps)
        about = {key: value for key, value in about.items() if key not in ("name", "version")}
        version = _registry.add(home, KIND, name, about) if home is not None else 1
        return of({**about, "name": name, "version": version}, self._steps)

    def as_named_input(self, name: str) -> Any:
        """The same under the name by which a submitted script asks for it: `run.input_datasets[name]`."""
        return of({**self._about, "input": name}, self._steps)

    def as_mount(self, path_on_compute: str | None = None) -> Any:
        """The same, given to the script as a path."""
        return of({**self._about, "mode": "mount"}, self._steps)

    def as_download(self, path_on_compute: str | None = None) -> Any:
        """The same, given to the script as a path."""
        return of({**self._about, "mode": "download"}, self._steps)

    def to_path(self) -> list[str]:
        """The paths of its files."""
        return files_of(self._about["paths"])

    def download(self, target_path: str | None = None, overwrite: bool = False, **_more: Any) -> list[str]:
        """Copies its files into a folder (default: a new one for temporary files); their paths there. Raises FileExistsError."""
        import shutil
        import tempfile

        folder = target_path or tempfile.mkdtemp(prefix="outrider-dataset-")
        os.makedirs(folder, exist_ok=True)
        copied = []
        for path in self.to_path():
            target = os.path.join(folder, os.path.basename(path))
            if os.path.exists(target) and not overwrite:
                raise FileExistsError(f"{target} is there already, and was left as it is; give overwrite=True to write over it")
            copied.append(shutil.copyfile(path, target))
        return copied


class TabularDataset(Dataset):
    """A table in files: delimited text, Parquet, or lines of JSON."""

    def to_pandas_dataframe(self, **_more: Any) -> Any:
        """The table, as a DataFrame of pandas. Raises ImportError without pandas."""
        import importlib

        pandas: Any = importlib.import_module("pandas")
        read = getattr(pandas, _READERS[self._about.get("format", "delimited")])
        frames = [read(path, **self._about.get("options", {})) for path in self.to_path()]
        frame = frames[0] if len(frames) == 1 else pandas.concat(frames, ignore_index=True)
        for step in self._steps:
            frame = step(frame)
        return frame

    def take(self, count: int) -> TabularDataset:
        """Its first rows."""
        return self._then(lambda frame: frame.head(count))

    def skip(self, count: int) -> TabularDataset:
        """Without its first rows."""
        return self._then(lambda frame: frame.iloc[count:].reset_index(drop=True))

    def keep_columns(self, columns: Any, validate: bool = False) -> TabularDataset:
        """Only these columns."""
        return self._then(lambda frame: frame[[columns] if isinstance(columns, str) else list(columns)])

    def drop_columns(self, columns: Any) -> TabularDataset:
        """Without these columns."""
        return self._then(lambda frame: frame.drop(columns=columns))

    def random_split(self, percentage: float, seed: int | None = None) -> tuple[TabularDataset, TabularDataset]:
        """Two parts, the first of about that share of the rows; the same for the same seed."""
        seed = int.from_bytes(os.urandom(4), "little") if seed is None else seed

        def chosen(frame: Any) -> Any:
            return frame.sample(frac=percentage, random_state=seed).index

        first = self._then(lambda frame: frame.loc[sorted(chosen(frame))].reset_index(drop=True))
        return first, self._then(lambda frame: frame.drop(index=chosen(frame)).reset_index(drop=True))

    def _then(self, step: Callable[[Any], Any]) -> TabularDataset:
        return TabularDataset({key: value for key, value in self._about.items() if key not in ("name", "version")}, (*self._steps, step))


class FileDataset(Dataset):
    """Files, as they are."""

    def mount(self, mount_point: str | None = None, **_more: Any) -> Mounted:
        """The folder that its files are in, for a `with` block or `start()`: local files need no mounting."""
        return Mounted(self._about["paths"])


class Mounted:
    """A folder of files that are there already."""

    def __init__(self, paths: list[str]) -> None:
        first = str(paths[0])
        self.mount_point = first if os.path.isdir(first) else os.path.dirname(os.path.abspath(first))

    def start(self) -> None:
        """Nothing needs to be done."""

    def stop(self) -> None:
        """Nothing needs to be undone."""

    def __enter__(self) -> str:
        return self.mount_point

    def __exit__(self, *_raised: object) -> None:
        return


class TabularFactory:
    """`Dataset.Tabular`."""

    @staticmethod
    def from_delimited_files(path: Any, separator: str = ",", header: Any = True, encoding: str = "utf8", **_more: Any) -> TabularDataset:
        """A table in files of delimited text; `header` False (or PromoteHeadersBehavior.NO_HEADERS): they have none."""
        has_header = header not in (False, 0, "NO_HEADERS") and getattr(header, "name", "") != "NO_HEADERS"
        options = {"sep": separator, "encoding": encoding, **({} if has_header else {"header": None})}
        return TabularDataset({"type": "tabular", "format": "delimited", "paths": paths_of(path), "options": options})

    @staticmethod
    def from_parquet_files(path: Any, **_more: Any) -> TabularDataset:
        """A table in Parquet files."""
        return TabularDataset({"type": "tabular", "format": "parquet", "paths": paths_of(path)})

    @staticmethod
    def from_json_lines_files(path: Any, **_more: Any) -> TabularDataset:
        """A table in files of one JSON object a line."""
        return TabularDataset({"type": "tabular", "format": "json_lines", "paths": paths_of(path), "options": {"lines": True}})

    @staticmethod
    def register_pandas_dataframe(dataframe: Any, target: Any = None, name: str | None = None, **more: Any) -> Any:
        """Writes a DataFrame as CSV into the home, and registers it."""
        folder = os.path.join(_current.home() or ".", KIND, ".files", os.urandom(8).hex())
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "data.csv")
        dataframe.to_csv(path, index=False)
        said = {key: more[key] for key in ("description", "tags") if key in more}
        return TabularFactory.from_delimited_files(path).register(None, name, create_new_version=True, **said)


class FileFactory:
    """`Dataset.File`."""

    @staticmethod
    def from_files(path: Any, **_more: Any) -> FileDataset:
        """Files: paths, folders, patterns."""
        return FileDataset({"type": "file", "paths": paths_of(path)})

    @staticmethod
    def upload_directory(src_dir: str, target: Any = None, **_more: Any) -> FileDataset:
        """A folder's files, where they are."""
        return FileFactory.from_files(src_dir)


Dataset.Tabular, Dataset.File = TabularFactory, FileFactory


def of(about: About, steps: tuple[Callable[[Any], Any], ...] = ()) -> Any:
    """The dataset that `about` describes."""
    return (FileDataset if about.get("type") == "file" else TabularDataset)(about, steps)


def inputs(described: Mapping[str, Any]) -> dict[str, Any]:
    """What `run.input_datasets` gives: a dataset, or, where it was to be mounted or downloaded, its path."""
    found: dict[str, Any] = {}
    for name, about in described.items():
        is_path = about.get("mode") in ("mount", "download")
        paths = about.get("paths") or []
        found[name] = of(about) if not is_path else (paths[0] if len(paths) == 1 else Mounted(paths).mount_point)
    return found


def paths_of(given: Any) -> list[str]:
    """
    Absolute paths (addresses as they are) of a path, a (datastore, path) pair, or several of either. A datastore is a folder: its `path`.

    Raises TypeError.
    """
    if isinstance(given, (str, os.PathLike)):
        text = os.fspath(given)
        return [text if "://" in text else os.path.abspath(os.path.expanduser(text))]
    if isinstance(given, tuple) and len(given) == 2 and not isinstance(given[0], (str, os.PathLike)):
        return paths_of(os.path.join(str(getattr(given[0], "path", None) or "."), os.fspath(given[1])))
    if isinstance(given, (list, tuple)) and given:
        return [path for one in given for path in paths_of(one)]
    if hasattr(given, "path_on_datastore"):
        return paths_of((getattr(given, "datastore", None), given.path_on_datastore))
    raise TypeError(f"a dataset is made of a path or several, not of {type(given).__name__}")


def files_of(paths: list[str]) -> list[str]:
    """The files: of folders everything below them, of patterns what fits. Raises FileNotFoundError where there is none."""
    import glob

    found: list[str] = []
    for path in paths:
        if "://" in path or os.path.isfile(path):
            found.append(path)
        elif os.path.isdir(path):
            found += sorted(one for one in glob.glob(os.path.join(glob.escape(path), "**"), recursive=True) if os.path.isfile(one))
        else:
            matching = sorted(one for one in glob.glob(path, recursive=True) if os.path.isfile(one))
            if not matching:
                raise FileNotFoundError(f"the dataset names {path}, and there is no such file or folder")
            found += matching
    return found
