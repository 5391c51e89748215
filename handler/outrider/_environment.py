"""
Environment: what a submitted run runs in. Here that is always an environment that the user has made: an interpreter and variables. Images
and packages that a configuration names are kept with it; nothing is built or installed.

Registered environments are files: `OUTRIDER_HOME/environments/<name>/<version>.json`.
"""

from __future__ import annotations

import json
import os

from outrider import _shared, spool
from outrider._conda import CondaDependencies
from outrider._section import Section

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

DEFAULT_CPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
DEFAULT_GPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.1-cudnn8-ubuntu18.04"


class PythonSection(Section):
    """Which Python: `user_managed_dependencies`, `interpreter_path`, `conda_dependencies`."""

    user_managed_dependencies: bool
    interpreter_path: str
    conda_dependencies: CondaDependencies | None
    conda_dependencies_file: str | None
    base_conda_environment: str | None

    def __init__(self) -> None:
        super().__init__(
            user_managed_dependencies=False,
            interpreter_path="python",
            conda_dependencies=CondaDependencies(),
            conda_dependencies_file=None,
            base_conda_environment=None,
        )

    def as_dict(self) -> dict[str, Any]:
        """As everywhere, the packages as conda's file has them."""
        found = super().as_dict()
        packages = self.conda_dependencies
        found["conda_dependencies"] = packages.as_dict() if isinstance(packages, CondaDependencies) else packages
        return found

    def update(self, values: dict[str, Any]) -> None:
        """As everywhere, the packages from what conda's file has."""
        super().update({name: value for name, value in values.items() if name != "conda_dependencies"})
        packages = values.get("conda_dependencies")
        if isinstance(packages, dict):
            self.conda_dependencies = CondaDependencies(_underlying_structure=packages)


class DockerSection(Section):
    """An image. It is kept with the configuration, and not used: runs are processes of this machine."""

    enabled: bool
    base_image: str | None
    base_dockerfile: str | None

    def __init__(self) -> None:
        super().__init__(
            enabled=False,
            base_image=DEFAULT_CPU_IMAGE,
            base_dockerfile=None,
            base_image_registry=RegistrySection(),
            shared_volumes=True,
            gpu_support=False,
            shm_size="2g",
            arguments=[],
            platform=None,
            build_context=None,
        )


class RegistrySection(Section):
    """Where an image comes from."""

    def __init__(self) -> None:
        super().__init__(address=None, username=None, password=None, registry_identity=None)


class Environment(Section):
    """
    A named environment. What counts in a run: `python.interpreter_path` (default: the Python that submits), `environment_variables`.
    """

    name: str | None
    version: str | None
    environment_variables: dict[str, str]
    python: PythonSection
    docker: DockerSection

    def __init__(self, name: str | None = None, **_: Any) -> None:
        if name is not None and (not isinstance(name, str) or not name):
            raise TypeError(f"an environment's name is a text that is not empty, not {name!r}")
        super().__init__(
            name=name,
            version=None,
            environment_variables={},
            python=PythonSection(),
            docker=DockerSection(),
            spark=Section(repositories=[], packages=[], precache_packages=True),
            databricks=Section(maven_libraries=[], pypi_libraries=[], rcran_libraries=[], jar_libraries=[], egg_libraries=[]),
            r=None,
            inferencing_stack_version=None,
            asset_id=None,
        )

    def clone(self, new_name: str) -> Environment:
        """A copy under another name."""
        found = type(self)(new_name)
        found.update({key: value for key, value in json.loads(json.dumps(self.as_dict())).items() if key not in ("name", "version")})
        return found

    def register(self, workspace: Any = None) -> Environment:  # noqa: ARG002 -- the local workspace is one
        """Keeps it under its name as the next version, for `get`. A second one that says the same is no new version."""
        if not self.name:
            raise ValueError("an environment without a name cannot be registered: Environment('name')")
        folder = _folder(self.name)
        _shared.make_folders(folder)
        newest = _newest(folder)
        said = {**self.as_dict(), "version": None}
        if newest and {**_read(folder, newest), "version": None} == json.loads(json.dumps(said)):
            self.version = str(newest)
            return self
        while True:
            newest += 1
            try:
                fd = os.open(os.path.join(folder, f"{newest}.json"), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                continue
            _shared.share(fd, folder)
            with open(fd, "w", encoding="utf-8") as file:
                json.dump({**said, "version": str(newest)}, file)
            self.version = str(newest)
            return self

    @classmethod
    def get(cls, workspace: Any, name: str, version: Any = None, label: Any = None) -> Environment:  # noqa: ARG003
        """The registered environment of that name, the newest version by default; one that was never registered has only its name."""
        found = cls(name)
        folder = _folder(name)
        wanted = int(version) if version is not None and str(version).isdigit() else _newest(folder)
        if wanted:
            try:
                found.update(_read(folder, wanted))
            except FileNotFoundError as error:
                raise ValueError(f"there is no version {version} of the environment {name!r}: the newest is {_newest(folder)}") from error
        return found

    @classmethod
    def list(cls, workspace: Any = None) -> dict[str, Environment]:
        """The registered environments by name."""
        try:
            names = sorted(os.listdir(os.path.join(spool.home(), "environments")))
        except OSError:
            return {}
        found = [cls.get(workspace, _unquoted(name)) for name in names if not name.startswith(".")]
        return {one.name: one for one in found if one.name}

    @classmethod
    def from_conda_specification(cls, name: str, file_path: Any) -> Environment:
        """One with the packages of conda's file."""
        found = cls(name)
        found.python.conda_dependencies = CondaDependencies(file_path)
        return found

    @classmethod
    def from_pip_requirements(cls, name: str, file_path: Any, pip_version: str | None = None) -> Environment:  # noqa: ARG003
        """One with the packages of a requirements file."""
        found = cls(name)
        with open(file_path, encoding="utf-8") as file:
            lines = [line.partition(" #")[0].strip() for line in file]
        found.python.conda_dependencies = CondaDependencies.create(pip_packages=[line for line in lines if line and line[0] not in "#-"])
        return found

    @classmethod
    def from_docker_image(
        cls, name: str, image: str, container_registry: Any = None, conda_specification: Any = None, pip_requirements: Any = None
    ) -> Environment:
        """One that names an image. Its runs are processes of this machine even so."""
        if conda_specification is not None:
            found = cls.from_conda_specification(name, conda_specification)
        elif pip_requirements is not None:
            found = cls.from_pip_requirements(name, pip_requirements)
        else:
            found = cls(name)
        found.docker.base_image = image
        if container_registry is not None:
            found.docker.base_image_registry = container_registry
        return found

    @classmethod
    def from_dockerfile(cls, name: str, dockerfile: Any, conda_specification: Any = None, pip_requirements: Any = None) -> Environment:
        """One that names a Dockerfile, by path or text."""
        found = cls.from_docker_image(name, "", None, conda_specification, pip_requirements)
        found.docker.base_image, found.docker.base_dockerfile = None, os.fspath(dockerfile)
        return found

    @classmethod
    def from_existing_conda_environment(cls, name: str, conda_environment_name: str) -> Environment | None:
        """The Python of a conda environment of this machine; None where there is none of that name."""
        for root in _conda_folders():
            python = os.path.join(root, conda_environment_name, "bin", "python")
            if os.access(python, os.X_OK):
                found = cls(name)
                found.python.user_managed_dependencies = True
                found.python.interpreter_path = python
                return found
        return None

    def save_to_directory(self, path: Any, overwrite: bool = False) -> None:
        """Writes it into a folder: `azureml_environment.json` and conda's file."""
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "azureml_environment.json"), "w" if overwrite else "x", encoding="utf-8") as file:
            json.dump(self.as_dict(), file, indent=2)
        if self.python.conda_dependencies is not None:
            self.python.conda_dependencies.save(os.path.join(path, "conda_dependencies.yml"))

    @classmethod
    def load_from_directory(cls, path: Any) -> Environment:
        """What `save_to_directory` wrote."""
        with open(os.path.join(path, "azureml_environment.json"), encoding="utf-8") as file:
            said = json.load(file)
        found = cls(said.get("name"))
        found.update(said)
        return found

    def build(self, workspace: Any = None, **_: Any) -> Environment:  # noqa: ARG002
        """Nothing is built here: it is ready."""
        return self

    build_local = build

    def wait_for_completion(self, show_output: bool = True) -> None:
        """It is ready (of what `build` gives)."""


def _conda_folders() -> list[str]:
    home = os.path.expanduser("~")
    roots = [os.environ.get("CONDA_PREFIX_1") or os.environ.get("CONDA_PREFIX") or ""]
    roots += [os.path.join(home, name) for name in ("miniconda3", "anaconda3", "miniforge3", "mambaforge")] + ["/opt/conda"]
    return [os.path.join(root, "envs") for root in roots if root]


def _folder(name: str) -> str:
    from urllib.parse import quote

    return os.path.join(spool.home(), "environments", quote(name, safe=" ").replace(".", "%2E", name.startswith(".")))


def _unquoted(name: str) -> str:
    from urllib.parse import unquote

    return unquote(name)


def _newest(folder: str) -> int:
    try:
        numbers = [int(name[:-5]) for name in os.listdir(folder) if name.endswith(".json") and name[:-5].isdigit()]
    except OSError:
        return 0
    return max(numbers, default=0)


def _read(folder: str, version: int) -> dict[str, Any]:
    with open(os.path.join(folder, f"{version}.json"), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found
