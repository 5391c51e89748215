"""
Datasets: tables and files of this machine, built from paths or datastores, registered under names, and handed to submitted scripts.

A dataset is a definition (where its files are, and what to do with them): `OUTRIDER_HOME/datasets/by-id/<id>.json`, and the versions of a
registered one in `datasets/by-name/<name>/`. Nothing is read before it is asked for; tables are read with the script's own pandas.
"""

from __future__ import annotations

import os

from outrider.azureml import dataset_store as store
from outrider.azureml import datastores
from outrider.azureml.exceptions import DatasetValidationError, UserErrorException

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterator, Mapping


class AbstractDataset:
    """What tables and files have in common."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self._definition = dict(definition)

    @property
    def id(self) -> str:
        """Made from the definition: equal datasets have the same."""
        return store.keep(self._definition)

    @property
    def name(self) -> str | None:
        """The name that it is registered under, or None."""
        return self._definition.get("name")

    @property
    def version(self) -> int | None:
        """The version of a registered one."""
        return self._definition.get("version")

    @property
    def description(self) -> str | None:
        """What was said of it."""
        return self._definition.get("description")

    @property
    def tags(self) -> dict[str, Any]:
        """Its tags."""
        return dict(self._definition.get("tags") or {})

    def __repr__(self) -> str:
        named = f"{self.name}:{self.version}, " if self.name else ""
        return f"{type(self).__name__}({named}{', '.join(self._definition['paths'])})"

    def register(
        self, workspace: Any, name: str, description: str | None = None, tags: Any = None, create_new_version: bool = False
    ) -> AbstractDataset:
        """
        Keeps it under a name, and gives it as registered. One that is registered as it is keeps its version; another of a name that is
        taken needs `create_new_version`.
        """
        found: AbstractDataset = of(store.register(self._definition, name, description, tags, create_new_version), workspace)
        return found

    def unregister_all_versions(self) -> None:
        """Forgets the name; the files stay."""
        store.forget(self.name)

    def add_tags(self, tags: Mapping[str, Any]) -> AbstractDataset:
        """Adds tags."""
        self._definition["tags"] = {**self.tags, **tags}
        return self

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """For a submitted script, which finds it under that name in `run.input_datasets`."""
        return DatasetConsumptionConfig(name, self)

    def _with(self, **changes: Any) -> Any:
        fresh = {key: value for key, value in self._definition.items() if key not in ("name", "version", "description", "tags")}
        return type(self)({**fresh, **changes})

    def _then(self, *step: Any) -> Any:
        return self._with(steps=[*self._definition.get("steps", ()), list(step)])

    def take(self, count: int) -> Any:
        """The first ones."""
        return self._then("take", count)

    def skip(self, count: int) -> Any:
        """All but the first ones."""
        return self._then("skip", count)

    def random_split(self, percentage: float, seed: int | None = None) -> tuple[Any, Any]:
        """Two parts, the first of that share; always the same ones for the same seed."""
        return self._then("split", percentage, seed or 0, True), self._then("split", percentage, seed or 0, False)

    def take_sample(self, probability: float, seed: int | None = None) -> Any:
        """A part of that share."""
        return self._then("split", probability, seed or 0, True)


class TabularDataset(AbstractDataset):
    """A table."""

    def to_pandas_dataframe(self, on_error: str = "null", out_of_range_datetime: str = "null") -> Any:  # noqa: ARG002 -- the SDK's names
        """The table as a DataFrame of pandas. Raises DatasetValidationError where it cannot be read."""
        from outrider.azureml import tables

        try:
            return tables.frame(self._definition)
        except OSError as error:
            raise DatasetValidationError(f"{self!r} cannot be read: {error}", inner_exception=error) from error

    def keep_columns(self, columns: Any, validate: bool = False) -> Any:  # noqa: ARG002 -- the SDK's name
        """These columns only."""
        return self._then("keep", [columns] if isinstance(columns, str) else list(columns))

    def drop_columns(self, columns: Any) -> Any:
        """All but these columns."""
        return self._then("drop", [columns] if isinstance(columns, str) else list(columns))

    def with_timestamp_columns(self, timestamp: str | None = None, partition_timestamp: str | None = None, **_more: Any) -> Any:  # noqa: ARG002
        """The column that `time_before`, `time_after` and `time_between` look at."""
        return self._with(timestamp=timestamp)

    def time_after(self, start_time: Any, include_boundary: bool = True, **_more: Any) -> Any:  # noqa: ARG002 -- the SDK's name
        """The rows since then."""
        return self._then("since", self._definition.get("timestamp"), str(start_time))

    def time_before(self, end_time: Any, include_boundary: bool = True, **_more: Any) -> Any:  # noqa: ARG002 -- the SDK's name
        """The rows until then."""
        return self._then("until", self._definition.get("timestamp"), str(end_time))

    def time_between(self, start_time: Any, end_time: Any, **_more: Any) -> Any:
        """The rows from one time to another."""
        return self.time_after(start_time).time_before(end_time)

    def to_csv_files(self, separator: str = ",") -> FileDataset:
        """The table, written to a file of text."""
        path = store.table_path(self.id)
        self.to_pandas_dataframe().to_csv(path, index=False, sep=separator)
        return FileDataset({"kind": "file", "paths": [path]})


class FileDataset(AbstractDataset):
    """Files."""

    def _files(self) -> list[tuple[str, str]]:
        from outrider.azureml import tables

        return tables.chosen(self._definition, store.files(self._definition["paths"]))

    def to_path(self) -> list[str]:
        """Their paths within the dataset, each beginning with `/`."""
        return ["/" + inner for inner, _path in self._files()]

    def download(self, target_path: str | None = None, overwrite: bool = False, **_more: Any) -> list[str]:
        """Copies them into a folder (default: a new temporary one); their paths."""
        import shutil
        import tempfile

        folder = target_path or tempfile.mkdtemp(prefix="outrider-dataset-")
        made = []
        for inner, path in self._files():
            target = os.path.join(folder, inner)
            if os.path.exists(target) and not overwrite:
                raise UserErrorException(f"{target} is there already; nothing more was copied. Give overwrite=True, or another folder")
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)
            made.append(target)
        return made

    def mount(self, mount_point: str | None = None, **_more: Any) -> Mount:  # noqa: ARG002 -- the SDK's name
        """A folder with the files: the one that they are in, where they are all in one."""
        return Mount(self)

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """For a submitted script, as a folder."""
        return DatasetConsumptionConfig("input", self, mode="mount", path_on_compute=path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """For a submitted script, as a folder."""
        return DatasetConsumptionConfig("input", self, mode="download", path_on_compute=path_on_compute)

    as_hdfs = as_mount


class Mount:
    """A "mounted" dataset: its own folder."""

    def __init__(self, dataset: AbstractDataset) -> None:
        self.mount_point = store.folder(dataset._definition["paths"])  # noqa: SLF001 -- of this module

    def start(self) -> None:
        """It is there."""

    def stop(self) -> None:
        """It stays."""

    def __enter__(self) -> Mount:  # noqa: PYI034 -- typing.Self is not for 3.8
        return self

    def __exit__(self, *_how: object) -> None:
        """It stays."""


class DatasetConsumptionConfig:
    """A dataset as an argument of a submitted script: its id, or, mounted, the path of its folder."""

    def __init__(self, name: str, dataset: Any, mode: str = "direct", path_on_compute: str | None = None) -> None:
        self.name, self.dataset, self.mode = name, dataset, mode
        self._path_on_compute = path_on_compute

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """As a folder."""
        return DatasetConsumptionConfig(self.name, self.dataset, "mount", path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """As a folder."""
        return DatasetConsumptionConfig(self.name, self.dataset, "download", path_on_compute)

    def as_direct(self) -> DatasetConsumptionConfig:
        """As an object."""
        return DatasetConsumptionConfig(self.name, self.dataset)

    as_hdfs = as_mount

    @property
    def local_path(self) -> str:
        """What the script gets in its arguments."""
        identity: str = self.dataset.id
        return identity if self.mode == "direct" else store.folder(self.dataset._definition["paths"])  # noqa: SLF001 -- of this module

    def __str__(self) -> str:
        return self.local_path


class OutputFileDatasetConfig:
    """A folder that a submitted script writes to: one of a datastore (default: of the workspace's own)."""

    def __init__(self, name: str | None = None, destination: Any = None, source: Any = None, **_more: Any) -> None:
        self.name = name or "output"
        self.source = source
        where = destination or (datastores.Datastore(), f"outputs/{self.name}-{os.urandom(4).hex()}")
        self._folder = datastores.local_paths(where)[0]

    @property
    def local_path(self) -> str:
        """The folder; made now."""
        os.makedirs(self._folder, exist_ok=True)
        return self._folder

    def __str__(self) -> str:
        return self.local_path

    def as_input(self, name: str | None = None) -> DatasetConsumptionConfig:
        """For the next script."""
        return DatasetConsumptionConfig(name or self.name, FileDataset({"kind": "file", "paths": [self.local_path]}), mode="mount")

    def read_delimited_files(self, **options: Any) -> TabularDataset:
        """As a table."""
        return Dataset.Tabular.from_delimited_files(os.path.join(self.local_path, "**", "*"), **options)

    def as_mount(self, *_arguments: Any, **_named: Any) -> OutputFileDatasetConfig:
        """Itself: nothing has to be mounted."""
        return self

    as_upload = as_hdfs = register_on_complete = as_mount


class DataType:
    """Types of columns, for `set_column_types`."""

    @staticmethod
    def to_string() -> str:
        """Text."""
        return "str"

    @staticmethod
    def to_float(decimal_mark: str = ".") -> str:  # noqa: ARG004 -- the SDK's name
        """Floating point."""
        return "float"

    @staticmethod
    def to_long() -> str:
        """Whole numbers, or none."""
        return "Int64"

    @staticmethod
    def to_bool(*_values: Any, **_named: Any) -> str:
        """True, false, or none."""
        return "boolean"

    @staticmethod
    def to_datetime(formats: Any = None) -> str:  # noqa: ARG004 -- the SDK's name
        """Times."""
        return "datetime"

    to_stream = to_string


class PromoteHeadersBehavior:
    """Whether the first line names the columns, for `header`."""

    NO_HEADERS = 0
    ONLY_FIRST_FILE_HAS_HEADERS = ALL_FILES_HAVE_SAME_HEADERS = COMBINE_ALL_FILES_HEADERS = 1


class TabularDatasetFactory:
    """Builds tables."""

    @staticmethod
    def from_delimited_files(path: Any, validate: bool = True, **options: Any) -> TabularDataset:  # noqa: ARG004 -- the SDK's name
        """A table of text files: `separator`, `header`, `set_column_types`, `encoding`, `include_path` count."""
        kept = {key: options[key] for key in ("separator", "set_column_types", "encoding", "include_path") if options.get(key)}
        if options.get("header") is not None:
            kept["header"] = bool(options["header"])
        return TabularDataset({"kind": "table", "format": "csv", "paths": datastores.local_paths(path), "options": kept})

    @staticmethod
    def from_parquet_files(path: Any, **_options: Any) -> TabularDataset:
        """A table of Parquet files."""
        return TabularDataset({"kind": "table", "format": "parquet", "paths": datastores.local_paths(path)})

    @staticmethod
    def from_json_lines_files(path: Any, **_options: Any) -> TabularDataset:
        """A table of files with a JSON object a line."""
        return TabularDataset({"kind": "table", "format": "jsonl", "paths": datastores.local_paths(path)})

    @staticmethod
    def register_pandas_dataframe(dataframe: Any, target: Any = None, name: str | None = None, **more: Any) -> TabularDataset:
        """Writes a DataFrame of pandas into a datastore, and registers it."""
        folder = datastores.local_paths(target or datastores.Datastore())[0]
        path = os.path.join(folder, f"{name or 'table'}-{os.urandom(4).hex()}.csv")
        os.makedirs(folder, exist_ok=True)
        dataframe.to_csv(path, index=False)
        made = TabularDataset({"kind": "table", "format": "csv", "paths": [path], "options": {}})
        return made if name is None else made.register(None, name, more.get("description"), more.get("tags"), True)  # type: ignore[return-value]


class FileDatasetFactory:
    """Builds sets of files."""

    @staticmethod
    def from_files(path: Any, validate: bool = True, **_options: Any) -> FileDataset:  # noqa: ARG004 -- the SDK's name
        """Files of paths, folders or patterns."""
        return FileDataset({"kind": "file", "paths": datastores.local_paths(path)})

    @staticmethod
    def upload_directory(src_dir: str, target: Any, overwrite: bool = False, show_progress: bool = True, **_more: Any) -> FileDataset:
        """Copies a folder into a datastore."""
        reference = target if isinstance(target, datastores.DataReference) else datastores.DataReference(*_parted(target))
        reference.datastore.upload(src_dir, reference.path_on_datastore, overwrite, show_progress)
        return FileDataset({"kind": "file", "paths": [reference.local_path]})


def _parted(target: Any) -> tuple[datastores.Datastore, None, str | None]:
    return (target, None, None) if isinstance(target, datastores.Datastore) else (target[0], None, target[1])


class Dataset:
    """Builds datasets (`Dataset.Tabular`, `Dataset.File`), and finds registered ones."""

    Tabular = TabularDatasetFactory
    File = FileDatasetFactory

    @staticmethod
    def get_by_name(workspace: Any, name: str, version: Any = "latest") -> Any:
        """The registered dataset, in its newest version or the one asked for. Raises UserErrorException."""
        return of(store.registered(name, version), workspace)

    @staticmethod
    def get_by_id(workspace: Any, id: str, **_more: Any) -> Any:  # noqa: A002 -- the SDK's name
        """The dataset of that id. Raises UserErrorException."""
        return of(store.of_id(id), workspace)

    @staticmethod
    def get(workspace: Any, name: str | None = None, id: str | None = None) -> Any:  # noqa: A002 -- the SDK's name
        """By name or id."""
        return Dataset.get_by_id(workspace, id) if id else Dataset.get_by_name(workspace, name or "")

    @staticmethod
    def get_all(workspace: Any) -> Registered:
        """All registered ones by name."""
        return Registered(workspace)


class Registered(dict):  # type: ignore[type-arg]
    """`workspace.datasets`: the newest version of each registered dataset by its name; each is read when it is asked for."""

    def __init__(self, workspace: Any) -> None:
        super().__init__({name: Dataset.get_by_name(workspace, name) for name in store.names()})

    def __missing__(self, name: str) -> Any:
        return of(store.registered(name, "latest"), None)


def of(definition: Mapping[str, Any], _workspace: Any = None) -> Any:
    """The dataset of a definition."""
    return (TabularDataset if definition["kind"] == "table" else FileDataset)(definition)


def inputs(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a submitted run was given, by name: a dataset where it was given as one, else the path."""
    for name, one in given.items():
        path = one.get("path") if isinstance(one, dict) else one
        yield name, of(store.of_id(path)) if isinstance(path, str) and store.is_id(path) else path
