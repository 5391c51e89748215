"""
Datastores: where scripts put data and read it again. Here each is a folder, `OUTRIDER_HOME/datastores/<name>`.

Registering one of Azure's gives the folder of that name: what the real one holds is not fetched, so copy it there.
"""

from __future__ import annotations

import os
import shutil

from outrider import spool
from outrider._encode import safe_str
from outrider.azureml.exceptions import UserErrorException

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, Mapping, Sequence

DEFAULT = "workspaceblobstore"

_made: dict[str, DataReference] = {}  #: the references of this process, by name, to be found again in an argument's text


def folder_of(name: str) -> str:
    """Where a datastore keeps its files. Raises UserErrorException for what cannot be a name."""
    if not spool.valid_name(name):
        raise UserErrorException(f"{safe_str(name)[:80]!r} cannot be the name of a datastore: use letters, digits, '_', '.', '-'")
    return os.path.join(spool.home(), "datastores", name)


def within(folder: str, path: str | None) -> str:
    """A path below a folder; a leading `/` is the folder's. Raises UserErrorException for one that leaves it."""
    found = os.path.normpath(os.path.join(folder, (path or "").lstrip("/")))
    if found != folder and not found.startswith(folder + os.sep):
        raise UserErrorException(f"the path {path!r} leaves the datastore; give one within it")
    return found


class Datastore:
    """A folder under a name."""

    datastore_type = "AzureBlob"
    account_name = "local"
    endpoint = "local"
    protocol = "file"
    is_default = False

    def __init__(self, workspace: Any = None, name: str | None = None, **_more: Any) -> None:
        self.workspace = workspace
        self.name = name or DEFAULT
        self.container_name = self.name
        self.folder = folder_of(self.name)

    def __repr__(self) -> str:
        return f"Datastore(name={self.name}: {self.folder})"

    @classmethod
    def get(cls, workspace: Any, datastore_name: str) -> Datastore:
        """The datastore of that name; it is there with its first file."""
        return cls(workspace, datastore_name)

    @classmethod
    def get_default(cls, workspace: Any) -> Datastore:
        """The datastore that is used when none is named."""
        found: Datastore = workspace.get_default_datastore()
        return found

    def set_as_default(self) -> None:
        """Is used when none is named, from now on."""
        self.workspace.set_default_datastore(self.name)

    def upload(
        self,
        src_dir: str,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = False,
        **_more: Any,
    ) -> DataReference:
        """Copies the files below a folder; those that are there stay, without `overwrite`."""
        if not os.path.isdir(src_dir):
            raise UserErrorException(f"there is no folder {src_dir!r}, so nothing was uploaded")
        files = [os.path.join(folder, name) for folder, _folders, names in os.walk(src_dir) for name in sorted(names)]
        return self.upload_files(files, src_dir, target_path, overwrite, show_progress)

    def upload_files(
        self,
        files: Sequence[str],
        relative_root: str | None = None,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
        **_more: Any,
    ) -> DataReference:
        """Copies files; each keeps its path below `relative_root` (default: the folder that all are in)."""
        missing = [path for path in files if not os.path.isfile(path)]
        if missing:
            raise UserErrorException(f"there is no file {missing[0]!r}, so nothing was uploaded")
        root = relative_root or os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in files] or ["/"])
        for path in files:
            target = within(self.folder, os.path.join(target_path or "", os.path.relpath(path, root)))
            if overwrite or not os.path.exists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copyfile(path, target)
            if show_progress:
                print(f"Uploaded {path} to the datastore {self.name}")
        return DataReference(self, path_on_datastore=target_path)

    def download(
        self, target_path: str, prefix: str | None = None, overwrite: bool = False, show_progress: bool = False, **_more: Any
    ) -> int:
        """Copies the files whose paths begin with `prefix` into a folder; how many."""
        count = 0
        for inner, path in _files_below(self.folder):
            if not inner.startswith((prefix or "").strip("/")):
                continue
            target = os.path.join(target_path, inner)
            if overwrite or not os.path.exists(target):
                os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
                shutil.copyfile(path, target)
                count += 1
            if show_progress:
                print(f"Downloaded {inner}")
        return count

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataReference:
        """A path within."""
        return DataReference(self, data_reference_name, path)

    def as_mount(self) -> DataReference:
        """All of it."""
        return DataReference(self)

    as_download = as_upload = as_mount

    def unregister(self) -> None:
        """Nothing was registered anywhere; the files stay."""


def _register(workspace: Any, datastore_name: str, **_more: Any) -> Datastore:
    import warnings

    made = Datastore(workspace, datastore_name)
    warnings.warn(
        f"The datastore {datastore_name!r} is a folder of this machine, {made.folder}: nothing is fetched from Azure. Copy the data there",
        stacklevel=2,
    )
    return made


for _kind in (
    "azure_blob_container", "azure_file_share", "azure_data_lake", "azure_data_lake_gen2", "azure_sql_database", "azure_postgre_sql",
    "azure_my_sql", "dbfs", "hdfs",
):  # fmt: skip
    setattr(Datastore, f"register_{_kind}", staticmethod(_register))


class DataReference:
    """A path within a datastore, as an argument of a script or to build a Dataset from. As a text it is a variable that `submit` knows."""

    def __init__(
        self,
        datastore: Datastore,
        data_reference_name: str | None = None,
        path_on_datastore: str | None = None,
        mode: str = "mount",
        path_on_compute: str | None = None,  # noqa: ARG002 -- the SDK's name; it is on this machine anyway
        overwrite: bool = False,
    ) -> None:
        self.datastore, self.path_on_datastore, self.mode, self.overwrite = datastore, path_on_datastore, mode, overwrite
        self.data_reference_name = self.name = data_reference_name or datastore.name
        _made[self.name] = self

    @property
    def local_path(self) -> str:
        """The folder or file of this machine."""
        return within(self.datastore.folder, self.path_on_datastore)

    def __str__(self) -> str:
        return f"$AZUREML_DATAREFERENCE_{self.name}"

    __repr__ = __str__

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataReference:
        """A path below it."""
        return DataReference(self.datastore, data_reference_name or self.name, os.path.join(self.path_on_datastore or "", path or ""))

    def as_mount(self) -> DataReference:
        """Itself: nothing has to be mounted."""
        return self

    def as_download(self, path_on_compute: str | None = None, overwrite: bool = False) -> DataReference:  # noqa: ARG002 -- the SDK's names
        """Itself: nothing has to be downloaded."""
        return self

    def as_upload(self, path_on_compute: str | None = None, overwrite: bool = False) -> DataReference:  # noqa: ARG002 -- the SDK's names
        """Itself, made: what is written there is in the datastore."""
        os.makedirs(self.local_path, exist_ok=True)
        return self

    def to_config(self) -> DataReference:
        """Itself."""
        return self


class DataPath(DataReference):
    """A path within a datastore."""

    def __init__(self, datastore: Datastore, path_on_datastore: str | None = None, name: str | None = None) -> None:
        super().__init__(datastore, name, path_on_datastore)

    def create_data_reference(self, data_reference_name: str | None = None, datapath_compute_binding: Any = None) -> DataReference:
        """The same for a script's arguments; how it would be reached makes no difference here."""
        mode = getattr(datapath_compute_binding, "mode", None) or "mount"
        return DataReference(self.datastore, data_reference_name or self.name, self.path_on_datastore, mode)


class DataPathComputeBinding:
    """How a path would reach a compute target."""

    def __init__(self, mode: str = "mount", path_on_compute: str | None = None, overwrite: bool = False) -> None:
        self.mode, self.path_on_compute, self.overwrite = mode, path_on_compute, overwrite


def references(config: Any) -> dict[str, str]:
    """The paths of the data references that a run configuration names, and of those made until now, by their names."""
    found = {name: reference.local_path for name, reference in _made.items()}
    for name, reference in dict(getattr(config, "data_references", None) or {}).items():
        store = getattr(reference, "datastore", None) or Datastore(None, getattr(reference, "datastore_name", None) or name)
        found[name] = within(store.folder, getattr(reference, "path_on_datastore", None))
    return found


def resolved(arguments: list[Any], paths: Mapping[str, str]) -> list[Any]:
    """A script's arguments with the paths in the place of data references."""
    made: list[Any] = []
    for argument in arguments:
        text = argument.local_path if isinstance(argument, DataReference) else argument
        for name in sorted(paths, key=len, reverse=True) if isinstance(text, str) else ():
            text = text.replace(f"$AZUREML_DATAREFERENCE_{name}", paths[name])
        made.append(text)
    return made


def known() -> list[str]:
    """The names of those that hold files."""
    top = os.path.join(spool.home(), "datastores")
    return sorted(os.listdir(top)) if os.path.isdir(top) else []


def local_paths(path: Any) -> list[str]:
    """
    What a dataset is built from, as paths, patterns or addresses: a text, (datastore, path), a DataPath, or a list of these.

    A relative path is one of the working folder.
    """
    if isinstance(path, (str, os.PathLike)):
        text = os.fspath(path)
        return [text if "://" in text else os.path.abspath(text)]
    if isinstance(path, DataReference):
        return [path.local_path]
    if isinstance(path, tuple) and len(path) == 2 and isinstance(path[0], Datastore):
        return [within(path[0].folder, inner) for inner in _each(path[1])]
    if isinstance(path, (list, tuple)):
        return [found for one in path for found in local_paths(one)]
    if hasattr(path, "as_input"):  # the output of another script
        return [str(path)]
    raise UserErrorException(f"a dataset is built from paths or (datastore, path), not {type(path).__name__}")


def _each(paths: Any) -> Iterable[str]:
    return [paths] if isinstance(paths, str) else list(paths)


def _files_below(folder: str) -> Iterator[tuple[str, str]]:
    for top, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(top, name)
            yield os.path.relpath(path, folder).replace(os.sep, "/"), path
