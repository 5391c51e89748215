"""
The azureml names of datasets: Outrider's, built from datastores too, with what scripts do to them on the way to a run.

A table with steps (columns dropped, rows taken) is written out where it leaves the process, registered or as a submitted script's input:
a dataset is its files. Here: that, and the SDK's names and exceptions. What a dataset is stands in `outrider._dataset`.
"""

from __future__ import annotations

import os

from outrider import _dataset
from outrider.azureml import datastores
from outrider.azureml.exceptions import DatasetValidationError, UserErrorException, translated

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Mapping, Tuple

    Steps = Tuple[Callable[[Any], Any], ...]


class _Named:
    """What tables and files have in common."""

    _about: dict[str, Any]

    def register(self, workspace: Any = None, name: str | None = None, *arguments: Any, **named: Any) -> Any:
        """Keeps it under a name; the dataset as registered."""
        with translated():
            return own(_as_files(self).register(workspace, name, *arguments, **named))

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """For a submitted script, which finds it under that name in `run.input_datasets`."""
        return DatasetConsumptionConfig(name, self)

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """For a submitted script, as a path."""
        return DatasetConsumptionConfig(None, self, "mount", path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """For a submitted script, as a path."""
        return DatasetConsumptionConfig(None, self, "download", path_on_compute)

    as_hdfs = as_mount

    def add_tags(self, tags: Mapping[str, Any]) -> _Named:
        """Adds tags to this object."""
        self._about["tags"] = {**(self._about.get("tags") or {}), **tags}
        return self

    def unregister_all_versions(self) -> None:
        """What was registered stays: it is small, and runs name it."""


class TabularDataset(_Named, _dataset.TabularDataset):
    """A table."""

    timestamp: str | None = None

    def to_pandas_dataframe(self, **more: Any) -> Any:
        """The table as a DataFrame of pandas. Raises DatasetValidationError where it cannot be read."""
        try:
            return super().to_pandas_dataframe(**more)
        except (OSError, ValueError, ImportError) as error:
            raise DatasetValidationError(f"{self!r} cannot be read: {error}", inner_exception=error) from error

    def take_sample(self, probability: float, seed: int | None = None) -> Any:
        """A part of the rows, about that share."""
        return self.random_split(probability, seed)[0]

    def filter(self, expression: Callable[[Any], Any]) -> Any:
        """The rows for which `expression` of the table is true."""
        return self._then(lambda frame: frame[expression(frame)])

    def __getitem__(self, columns: Any) -> Callable[[Any], Any]:
        """A column, for `filter`."""
        return lambda frame: frame[columns]

    def with_timestamp_columns(self, timestamp: str | None = None, *_arguments: Any, **_named: Any) -> TabularDataset:
        """The column that `time_before`, `time_after` and `time_between` look at."""
        self.timestamp = timestamp
        return self

    def time_after(self, start_time: Any, *_arguments: Any, **_named: Any) -> Any:
        """The rows since then."""
        column = self.timestamp
        return self._then(lambda frame: frame[frame[column] >= str(start_time)])

    def time_before(self, end_time: Any, *_arguments: Any, **_named: Any) -> Any:
        """The rows until then."""
        column = self.timestamp
        return self._then(lambda frame: frame[frame[column] <= str(end_time)])

    def time_between(self, start_time: Any, end_time: Any, *_arguments: Any, **_named: Any) -> Any:
        """The rows from one time to another."""
        return self.time_after(start_time).time_before(end_time)

    def to_csv_files(self, separator: str = ",") -> FileDataset:
        """The table, written to a file of text."""
        return FileDataset({"type": "file", "paths": [_written(self, separator)]})

    def _then(self, step: Callable[[Any], Any]) -> TabularDataset:
        made: TabularDataset = own(super()._then(step))
        made.timestamp = self.timestamp
        return made


class FileDataset(_Named, _dataset.FileDataset):
    """Files."""

    def to_path(self) -> list[str]:
        """Their paths. Raises DatasetValidationError where there are none."""
        with translated(DatasetValidationError):
            return super().to_path()

    def download(self, *arguments: Any, **named: Any) -> list[str]:
        """Copies them into a folder; their paths. Raises UserErrorException for one that is there already."""
        try:
            return super().download(*arguments, **named)
        except FileExistsError as error:
            raise UserErrorException(str(error), inner_exception=error) from error

    def take(self, count: int) -> FileDataset:
        """The first ones."""
        return FileDataset({**self._about, "paths": self.to_path()[:count]})

    def skip(self, count: int) -> FileDataset:
        """All but the first ones."""
        return FileDataset({**self._about, "paths": self.to_path()[count:]})


class DatasetConsumptionConfig:
    """A dataset as an argument of a submitted script. What the script gets is its path."""

    def __init__(self, name: str | None, dataset: Any, mode: str = "direct", path_on_compute: str | None = None) -> None:
        self.name, self.dataset, self.mode, self.path_on_compute = name, dataset, mode, path_on_compute

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """As a path."""
        return DatasetConsumptionConfig(self.name, self.dataset, "mount", path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """As a path."""
        return DatasetConsumptionConfig(self.name, self.dataset, "download", path_on_compute)

    def as_direct(self) -> DatasetConsumptionConfig:
        """As an object."""
        return DatasetConsumptionConfig(self.name, self.dataset)

    as_hdfs = as_mount

    @property
    def about(self) -> dict[str, Any]:
        """What `submit` keeps of it, for the script's `run.input_datasets`."""
        about = {**_as_files(self.dataset).about, "mode": self.mode}
        if self.mode != "direct":
            about["paths"] = [_place(about["paths"], self.dataset)]
        return about if self.name is None else {**about, "input": self.name}

    def to_path(self) -> list[str]:
        """What the script gets: the file, or the folder of the files. Raises DatasetValidationError where there are none."""
        return [_place(self.about["paths"], self.dataset)]

    def __str__(self) -> str:
        return self.to_path()[0]


class OutputFileDatasetConfig:
    """A folder that a submitted script writes to: one of a datastore (default: of the workspace's own)."""

    def __init__(self, name: str | None = None, destination: Any = None, source: Any = None, **_more: Any) -> None:
        self.name = name or "output"
        self.source = source
        where = destination or (datastores.Datastore(), f"outputs/{self.name}-{os.urandom(4).hex()}")
        self._folder = datastores.local_paths(where)[0]

    def __str__(self) -> str:
        os.makedirs(self._folder, exist_ok=True)
        return self._folder

    def as_input(self, name: str | None = None) -> DatasetConsumptionConfig:
        """For the next script."""
        return DatasetConsumptionConfig(name or self.name, FileDataset({"type": "file", "paths": [str(self)]}), "mount")

    def read_delimited_files(self, **options: Any) -> Any:
        """As a table."""
        return Dataset.Tabular.from_delimited_files(str(self), **options)

    def as_mount(self, *_arguments: Any, **_named: Any) -> OutputFileDatasetConfig:
        """Itself: nothing has to be mounted."""
        return self

    as_upload = as_hdfs = register_on_complete = as_mount


class DataType:
    """Types of columns, for `set_column_types`: as pandas calls them."""

    @staticmethod
    def to_string() -> str:
        """Text."""
        return "object"

    @staticmethod
    def to_float(*_arguments: Any, **_named: Any) -> str:
        """Floating point."""
        return "float64"

    @staticmethod
    def to_long() -> str:
        """Whole numbers, or none."""
        return "Int64"

    @staticmethod
    def to_bool(*_arguments: Any, **_named: Any) -> str:
        """True, false, or none."""
        return "boolean"

    @staticmethod
    def to_datetime(*_arguments: Any, **_named: Any) -> str:
        """Times."""
        return "datetime64[ns]"

    to_stream = to_string


class PromoteHeadersBehavior:
    """Whether the first line names the columns, for `header`."""

    NO_HEADERS = 0
    ONLY_FIRST_FILE_HAS_HEADERS = ALL_FILES_HAVE_SAME_HEADERS = COMBINE_ALL_FILES_HEADERS = 1


class TabularDatasetFactory:
    """Builds tables."""

    @staticmethod
    def from_delimited_files(path: Any, validate: bool = True, **options: Any) -> Any:  # noqa: ARG004 -- the SDK's name
        """A table of text files: `separator`, `header`, `encoding` and `set_column_types` count."""
        kept = {key: options[key] for key in ("separator", "header", "encoding") if options.get(key) is not None}
        made = own(_dataset.TabularFactory.from_delimited_files(datastores.local_paths(path), **kept))
        types = options.get("set_column_types")
        return made._then(lambda frame: frame.astype(types)) if types else made  # noqa: SLF001 -- of this module

    @staticmethod
    def from_parquet_files(path: Any, **_options: Any) -> Any:
        """A table of Parquet files."""
        return own(_dataset.TabularFactory.from_parquet_files(datastores.local_paths(path)))

    @staticmethod
    def from_json_lines_files(path: Any, **_options: Any) -> Any:
        """A table of files with a JSON object a line."""
        return own(_dataset.TabularFactory.from_json_lines_files(datastores.local_paths(path)))

    @staticmethod
    def register_pandas_dataframe(dataframe: Any, target: Any = None, name: str | None = None, **more: Any) -> Any:
        """Keeps a DataFrame of pandas, and registers it."""
        return own(_dataset.TabularFactory.register_pandas_dataframe(dataframe, target, name, **more))


class FileDatasetFactory:
    """Builds sets of files."""

    @staticmethod
    def from_files(path: Any, validate: bool = True, **_options: Any) -> Any:  # noqa: ARG004 -- the SDK's name
        """Files of paths, folders or patterns."""
        return own(_dataset.FileFactory.from_files(datastores.local_paths(path)))

    @staticmethod
    def upload_directory(src_dir: str, target: Any, overwrite: bool = False, show_progress: bool = True, **_more: Any) -> Any:
        """Copies a folder into a datastore."""
        reference = target if isinstance(target, datastores.DataReference) else datastores.DataReference(*_parted(target))
        reference.datastore.upload(src_dir, reference.path_on_datastore, overwrite, show_progress)
        return FileDataset({"type": "file", "paths": [reference.local_path]})


def _parted(target: Any) -> tuple[datastores.Datastore, None, str | None]:
    return (target, None, None) if isinstance(target, datastores.Datastore) else (target[0], None, target[1])


class Dataset:
    """Builds datasets (`Dataset.Tabular`, `Dataset.File`), and finds registered ones."""

    Tabular = TabularDatasetFactory
    File = FileDatasetFactory

    @staticmethod
    def get_by_name(workspace: Any, name: str, version: Any = "latest") -> Any:
        """The registered dataset, in its newest version or the one asked for. Raises UserErrorException."""
        if not isinstance(name, str):
            raise UserErrorException(f"get_by_name needs the name of a dataset, not {name!r}: is the script's argument missing?")
        with translated():
            return own(_dataset.Dataset.get_by_name(workspace, name, version))

    @staticmethod
    def get_by_id(workspace: Any, id: str, **_more: Any) -> Any:  # noqa: A002 -- the SDK's name
        """
        The dataset of that id; or of that path or address, which is what a submitted script gets as an argument. Raises UserErrorException.
        """
        if not isinstance(id, str):
            raise UserErrorException(
                f"get_by_id needs the id of a dataset, a path or an address, not {id!r}: is the script's argument missing?"
            )
        found = _given(id) or _at(id)
        if found is not None:
            return found
        with translated():
            return own(_dataset.Dataset.get_by_id(workspace, id))

    @staticmethod
    def get(workspace: Any, name: str | None = None, id: str | None = None) -> Any:  # noqa: A002 -- the SDK's name
        """By name or id."""
        return Dataset.get_by_id(workspace, id) if id else Dataset.get_by_name(workspace, name or "")

    @staticmethod
    def get_all(workspace: Any) -> dict[str, Any]:
        """The newest version of each registered one by name."""
        return {name: own(found) for name, found in _dataset.Dataset.get_all(workspace).items()}


def _given(text: str) -> Any:
    """The input of this run that an argument of it names, as it was given: its separator, its types; None where none is."""
    from outrider import _current

    if not _current.is_in_a_run():
        return None
    from outrider.azureml.run import Run

    for about in (Run.get_context()._asked().get("inputs") or {}).values():  # noqa: SLF001 -- its own kind
        if text == ",".join(about.get("paths") or ()):
            return own(_dataset.of({key: value for key, value in about.items() if key not in ("mode", "input")}))
    return None


def _at(text: str) -> Any:
    """A table of a file, files of a folder, or a table of several files of text; None where they are not there."""
    paths = [text] if "://" in text or os.path.exists(text) else text.split(",")
    if not all("://" in path or os.path.exists(path) for path in paths):
        return None
    if os.path.isdir(paths[0]):
        return Dataset.File.from_files(paths)
    kind = os.path.splitext(paths[0].partition("?")[0])[1].lower()
    make: dict[str, Callable[[Any], Any]] = {
        ".parquet": Dataset.Tabular.from_parquet_files,
        ".jsonl": Dataset.Tabular.from_json_lines_files,
    }
    made = make.get(kind, Dataset.Tabular.from_delimited_files)
    return made(paths)


def _place(paths: list[str], dataset: Any) -> str:
    """One path for all: the only one, the folder that a pattern begins with, or the folder that all are in."""
    if len(paths) == 1 and ("://" in paths[0] or os.path.exists(paths[0])):
        return paths[0]
    files: list[str] = dataset.to_path()
    folders = [os.path.dirname(path) if os.path.isfile(path) else path for path in files]
    return os.path.commonpath(folders)


def own(found: _dataset.Dataset) -> Any:
    """A dataset under its azureml name."""
    kind = FileDataset if isinstance(found, _dataset.FileDataset) else TabularDataset
    return found if isinstance(found, kind) else kind(found.about, found._steps)  # noqa: SLF001 -- its own kind


def inputs(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a submitted run was given, by name: a dataset, or the path where it was to be mounted."""
    for name, found in _dataset.inputs(given).items():
        yield name, own(found) if isinstance(found, _dataset.Dataset) else found


def _as_files(dataset: Any) -> Any:
    """The dataset as Outrider's own: its files, or where steps choose of them a file with what is left."""
    if not getattr(dataset, "_steps", ()):
        return _dataset.of(dataset.about)
    return _dataset.TabularFactory.from_delimited_files(_written(dataset))


def _written(dataset: TabularDataset, separator: str = ",") -> str:
    """The path of a new file with the table."""
    folder = os.path.join(datastores.folder_of(datastores.DEFAULT), "tables")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{os.urandom(8).hex()}.csv")
    dataset.to_pandas_dataframe().to_csv(path, index=False, sep=separator)
    return path
