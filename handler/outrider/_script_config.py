"""
ScriptRunConfig and RunConfiguration: what is to be submitted, and how. They only say it; `_submit.py` does it.

What concerns a cluster (nodes, communicators, images, compute targets) is taken, and has no effect: runs are processes of this machine.
Unknown attributes are errors.
"""

from __future__ import annotations

import json
import os

from outrider._encode import safe_str
from outrider._environment import Environment
from outrider._section import Section

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterable

MAX_DURATION_S = 2_592_000  #: 30 days


class RunConfiguration(Section):
    """How a script runs: `environment`, `environment_variables`, `arguments`, `max_run_duration_seconds` count."""

    script: str | None
    arguments: list[Any]
    command: Any
    target: str
    environment: Environment
    environment_variables: dict[str, str]
    max_run_duration_seconds: float | None

    def __init__(
        self,
        script: str | None = None,
        arguments: Iterable[Any] | None = None,
        framework: str | None = None,
        communicator: str | None = None,
        conda_dependencies: Any = None,
        _history_enabled: bool | None = None,
        _path: Any = None,
        _name: str | None = None,
        command: Any = None,
    ) -> None:
        super().__init__(
            script=script,
            arguments=list(arguments or ()),
            command=command,
            target="local",
            framework=framework or "Python",
            communicator=communicator or "None",
            node_count=1,
            max_run_duration_seconds=None,
            environment=Environment(),
            environment_variables={},
            history=Section(output_collection=True, snapshot_project=True, directories_to_watch=["logs"]),
            docker=DockerConfiguration(),
            spark=Section(configuration={}),
            hdi=Section(yarn_deploy_mode="cluster"),
            tensorflow=TensorflowConfiguration(),
            mpi=MpiConfiguration(),
            pytorch=PyTorchConfiguration(),
            paralleltask=ParallelTaskConfiguration(),
            amlcompute=Section(vm_size=None, vm_priority=None, retain_cluster=False, name=None, cluster_max_node_count=1),
            data_references={},
            data={},
            datacaches=[],
            output_data={},
            source_directory_data_store=None,
            auto_prepare_environment=False,
            prepare_environment=True,
            credential_passthrough=False,
            identity=None,
            services={},
        )
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies

    def save(self, path: Any = None, name: str = "local", separate_environment_yaml: bool = False) -> None:  # noqa: ARG002
        """Writes it into `.azureml/<name>.json` of a folder, for `load`."""
        folder = os.path.join(os.fspath(path) if path is not None else ".", ".azureml")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump(self.as_dict(), file, indent=2, default=safe_str)

    @classmethod
    def load(cls, path: Any, name: str | None = None) -> RunConfiguration:
        """What `save` wrote: of a folder and a name, or a file's path."""
        file_path = os.fspath(path)
        if os.path.isdir(file_path):
            file_path = os.path.join(file_path, ".azureml", f"{name or 'local'}.json")
        with open(file_path, encoding="utf-8") as file:
            said = json.load(file)
        found = cls()
        found.update(said)
        return found


class DockerConfiguration(Section):
    """Docker's part of a run configuration; has no effect."""

    def __init__(self, use_docker: bool = False, shared_volumes: bool = True, arguments: Any = None, shm_size: str | None = None) -> None:
        super().__init__(use_docker=use_docker, shared_volumes=shared_volumes, arguments=arguments or [], shm_size=shm_size)


class MpiConfiguration(Section):
    """How many processes MPI starts; has no effect: a script runs once."""

    def __init__(self, process_count_per_node: int = 1, node_count: int = 1) -> None:
        super().__init__(process_count_per_node=process_count_per_node, node_count=node_count)


class PyTorchConfiguration(Section):
    """How many processes torch.distributed has; has no effect: a script runs once."""

    def __init__(self, communication_backend: str = "Nccl", process_count: int | None = None, node_count: int = 1) -> None:
        super().__init__(communication_backend=communication_backend, process_count=process_count, node_count=node_count)


class TensorflowConfiguration(Section):
    """How many workers TensorFlow has; has no effect: a script runs once."""

    def __init__(self, worker_count: int = 1, parameter_server_count: int = 0) -> None:
        super().__init__(worker_count=worker_count, parameter_server_count=parameter_server_count)


class ParallelTaskConfiguration(Section):
    """How many tasks there are; has no effect: a script runs once."""

    def __init__(self, max_retries_per_worker: int = 0, worker_count_per_node: int = 1, terminal_exit_codes: Any = None) -> None:
        more = {"terminal_exit_codes": terminal_exit_codes}
        super().__init__(max_retries_per_worker=max_retries_per_worker, worker_count_per_node=worker_count_per_node, **more)


class ScriptRunConfig:
    """
    What `Experiment.submit` takes: a folder, a script in it (or a whole command), arguments, an environment.

    `arguments` are texts and numbers, passed as text. `command`, instead of a script: a list of words, or a line for the shell.
    """

    def __init__(
        self,
        source_directory: Any,
        script: str | None = None,
        arguments: Any = None,
        run_config: RunConfiguration | None = None,
        _telemetry_values: Any = None,
        compute_target: Any = None,
        environment: Environment | None = None,
        distributed_job_config: Any = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = MAX_DURATION_S,
        command: Any = None,
        docker_runtime_config: Any = None,
    ) -> None:
        _check("source_directory", source_directory, (str, os.PathLike), "a folder's path")
        _check("script", script, str, "a file's path within source_directory")
        _check("run_config", run_config, RunConfiguration, "a RunConfiguration")
        _check("environment", environment, Environment, "an Environment")
        _check("command", command, (str, list, tuple), "a list of words, or a line for the shell")
        if script is not None and command is not None:
            raise ValueError("script and command are two ways to say what runs: give one of them")
        self.source_directory = source_directory if source_directory is not None else "."
        self.run_config = RunConfiguration() if run_config is None else run_config
        self.script = script if script is not None else self.run_config.script
        self.command = command if command is not None or script is not None else self.run_config.command
        self.arguments: list[Any] = _words(arguments) if arguments is not None else list(self.run_config.arguments)
        self.compute_target = compute_target
        self.distributed_job_config = distributed_job_config
        self.docker_runtime_config = docker_runtime_config
        self.resume_from = resume_from
        self.max_run_duration_seconds = self.run_config.max_run_duration_seconds or max_run_duration_seconds
        if environment is not None:
            self.run_config.environment = environment
        if compute_target is not None:
            self.run_config.target = safe_str(getattr(compute_target, "name", compute_target))
        if not self.script and not self.command:
            raise ValueError("say what to run: ScriptRunConfig(source_directory='.', script='train.py')")

    def __repr__(self) -> str:
        what = self.command or " ".join([str(self.script), *map(safe_str, self.arguments)])
        return f"ScriptRunConfig({os.fspath(self.source_directory)!r}: {what})"


def _check(name: str, value: Any, kinds: Any, what: str) -> None:
    if value is not None and not isinstance(value, kinds):
        raise TypeError(f"{name} must be {what}, not {type(value).__name__}")


def _words(given: Any) -> list[Any]:
    """A list of them; a text is read as the shell would."""
    if isinstance(given, str):
        import shlex

        return shlex.split(given)
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"arguments must be a list of texts and numbers, not {type(given).__name__}")
    return list(given)
