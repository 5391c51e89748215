"""What is submitted: configurations refuse what they do not know, and keep what they were given."""

from __future__ import annotations

import pytest

from outrider._conda import CondaDependencies, distribution
from outrider._environment import Environment
from outrider._script_config import RunConfiguration, ScriptRunConfig

CONDA = """\
# made by hand
name: project
channels:
  - conda-forge
dependencies:
  - python=3.8.5
  - numpy=1.19   # pinned
  - pip:
      - azureml-defaults
      - "scikit-learn==0.22.2"
      - --index-url https://example.org/simple
  - scipy
"""


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """Registered environments go there."""
    monkeypatch.setenv("OUTRIDER_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("make", "name", "meant"),
    [
        (RunConfiguration, "enviroment", "environment"),
        (Environment, "pyhton", "python"),
        (lambda: Environment("x").python, "user_managed_dependency", "user_managed_dependencies"),
        (lambda: Environment("x").docker, "enable", "enabled"),
    ],
)
def test_an_unknown_attribute_is_an_error_that_says_what_was_meant(make, name, meant):
    """A misspelled setting must not be without effect."""
    with pytest.raises(AttributeError, match=meant):
        setattr(make(), name, True)


def test_the_old_idioms_of_the_original_are_taken():
    """As notebooks write them."""
    old = RunConfiguration()
    old.environment.python.user_managed_dependencies = True
    old.environment.python.interpreter_path = "/usr/bin/python3"
    src = ScriptRunConfig(source_directory="./", script="train.py", run_config=old)
    env = Environment("user-managed-env")
    src.run_config.environment = env
    assert src.run_config.environment is env
    assert ScriptRunConfig(".", script="train.py", environment=env).run_config.environment is env


@pytest.mark.parametrize(
    "wrong",
    [
        {"source_directory": 3, "script": "a.py"},
        {"source_directory": ".", "script": 3},
        {"source_directory": ".", "script": "a.py", "run_config": {}},
        {"source_directory": ".", "script": "a.py", "environment": "env"},
        {"source_directory": ".", "script": "a.py", "arguments": 3},
    ],
)
def test_wrong_types_are_refused(wrong):
    """At the call, not in the run."""
    with pytest.raises(TypeError):
        ScriptRunConfig(**wrong)


@pytest.mark.parametrize("wrong", [{"source_directory": "."}, {"source_directory": ".", "script": "a.py", "command": "ls"}])
def test_what_runs_is_said_once(wrong):
    """A script or a command."""
    with pytest.raises(ValueError, match="what"):
        ScriptRunConfig(**wrong)


def test_arguments_may_be_a_line():
    """Read as the shell would."""
    assert ScriptRunConfig(".", "a.py", "--name 'two words' --n 3").arguments == ["--name", "two words", "--n", "3"]


def test_condas_file_is_read_and_written(tmp_path):
    """What Outrider writes it reads, and the same is in it."""
    (tmp_path / "env.yml").write_text(CONDA)
    found = CondaDependencies(tmp_path / "env.yml")
    assert (found.python_version, found.conda_packages, found.conda_channels) == ("3.8.5", ["numpy=1.19", "scipy"], ["conda-forge"])
    assert found.pip_packages == ["azureml-defaults", "scikit-learn==0.22.2"]
    found.save(tmp_path)
    assert CondaDependencies(tmp_path / "conda_dependencies.yml").as_dict() == found.as_dict()


def test_a_package_that_is_named_again_replaces_the_first():
    """Another version of one package is not a second package."""
    found = CondaDependencies.create(pip_packages=["numpy==1.0", "scikit_learn"])
    found.add_pip_package("NumPy==2.0")
    found.add_conda_package("scipy=1")
    found.remove_conda_package("scipy")
    assert (found.pip_packages, found.conda_packages) == (["scikit_learn", "NumPy==2.0"], [])


@pytest.mark.parametrize(
    ("text", "name"),
    [("scikit-learn==1.2", "scikit-learn"), ("a[b]>=1", "a"), ("x;python_version<'3'", "x"), ("-r other.txt", ""), ("git+https://h/x", "")],
)
def test_the_name_of_what_a_requirement_asks_for(text, name):
    """For the system log to say what is missing."""
    assert distribution(text) == name


def test_registered_environments_have_versions():
    """One that says the same is no new one."""
    env = Environment("my/env .1")
    env.python.conda_dependencies = CondaDependencies.create(pip_packages=["numpy"])
    env.environment_variables = {"A": "1"}
    assert [env.register(None).version, env.register(None).version] == ["1", "1"]
    env.environment_variables = {"A": "2"}
    assert env.register(None).version == "2"
    assert Environment.get(None, "my/env .1").environment_variables == {"A": "2"}
    assert Environment.get(None, "my/env .1", version=1).environment_variables == {"A": "1"}
    assert Environment.get(None, "my/env .1").python.conda_dependencies.pip_packages == ["numpy"]
    assert list(Environment.list()) == ["my/env .1"]
    with pytest.raises(ValueError, match="newest is 2"):
        Environment.get(None, "my/env .1", version=7)


def test_a_curated_environment_that_was_never_registered_has_its_name():
    """Runs take the interpreter they are given anyway."""
    assert Environment.get(None, "AzureML-sklearn-1.0").clone("mine").name == "mine"


def test_configurations_are_saved_and_loaded(tmp_path):
    """Into the folder that the original uses."""
    one = RunConfiguration()
    one.environment.python.interpreter_path = "/opt/python"
    one.arguments = ["--a", 1]
    one.save(tmp_path, "mine")
    back = RunConfiguration.load(tmp_path, "mine")
    assert (back.arguments, back.environment.python.interpreter_path) == (["--a", 1], "/opt/python")
    env = Environment("e")
    env.save_to_directory(tmp_path / "env")
    assert Environment.load_from_directory(tmp_path / "env").name == "e"
