"""The azureml names: where they are offered and where not, what is in them, and what says that it is out of scope."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from handler_support import HANDLER, lines, run_script

from outrider.azureml import names, scope

LIST = [(module, name) for module, table in names.MODULES.items() for name in table]


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def test_every_name_of_the_table_is_there(home):
    """A name in the table is a promise: it is imported as scripts import it."""
    text = "import outrider.azureml\n" + "\n".join(f"from {module} import {name}" for module, name in LIST)
    run_script(home, text)


def test_every_module_of_the_table_can_be_imported_whole(home):
    """`import a.b.c` and `from a.b.c import *`, and a module as an attribute of the one above it."""
    text = "import outrider.azureml\n" + "\n".join(f"import {module}\nfrom {module} import *" for module in names.MODULES)
    text += "\nimport azureml.core\nassert azureml.core.run.Run is azureml.core.Run is Run\n"
    run_script(home, text)


def test_importing_says_nothing_and_writes_nothing(home):
    """Importing is no use: nothing is printed, no run is opened."""
    done = run_script(home, "import outrider.azureml, azureml.core\nfrom azureml.core import Run, Workspace, Experiment")
    assert (done.stdout, done.stderr) == ("", "")
    assert not (home / "spool").exists()


@pytest.mark.parametrize("module", sorted(scope.PACKAGES))
def test_a_package_that_is_out_of_scope_says_so_when_it_is_imported(home, module):
    """An ImportError, so that scripts which can do without go on; it says what is out of scope, and what works."""
    text = f"""
        import outrider.azureml
        for name in ("{module}", "{module}.something.below"):
            try:
                __import__(name)
            except ImportError as error:
                assert "out of scope" in str(error) and "docs/azureml.md" in str(error), error
            else:
                from outrider.azureml import names
                assert name == "{module}" and any(one.startswith("{module}.") for one in names.MODULES)
        """
    run_script(home, text)


def test_deployment_can_be_imported_and_says_so_when_it_is_used(home):
    """Scripts import it beside what they use, and often never reach it."""
    text = """
        import outrider.azureml
        from azureml.core.model import InferenceConfig, Model
        from azureml.core.webservice import AciWebservice, Webservice
        assert not isinstance(3, Webservice)
        uses = (
            lambda: AciWebservice.deploy_configuration(cpu_cores=1),
            lambda: InferenceConfig("score.py"),
            lambda: Model.deploy(None, "x"),
        )
        for use in uses:
            try:
                use()
            except NotImplementedError as error:
                assert "deployment is out of scope" in str(error)
            else:
                raise AssertionError(use)
        """
    run_script(home, text)


def test_what_does_not_exist_is_not_found(home):
    """As any other module and name."""
    text = """
        import outrider.azureml
        try:
            import azureml.nonsense
        except ModuleNotFoundError as error:
            assert error.name == "azureml.nonsense"
        else:
            raise AssertionError
        try:
            from azureml.core import Nonsense
        except ImportError as error:
            assert "Nonsense" in str(error)
        """
    run_script(home, text)


def sdk(folder, *, core=True):
    """Something that is installed as azureml."""
    (folder / "azureml" / "core").mkdir(parents=True)
    if core:
        (folder / "azureml" / "__init__.py").write_text("")
        (folder / "azureml" / "core" / "__init__.py").write_text("VERSION = 'the real one'\n")
    else:
        (folder / "azureml" / "core").rmdir()
        (folder / "azureml" / "train.py").write_text("")


def test_beside_the_real_sdk_nothing_is_offered(home, tmp_path):
    """A mixture would keep half of what is logged: `import outrider.azureml` refuses, and the real modules are untouched."""
    sdk(tmp_path / "site")
    text = f"""
        sys.path.insert(0, {str(tmp_path / "site")!r})
        from outrider import _offer
        assert _offer.FINDER.find_spec("azureml.widgets") is None
        try:
            import outrider.azureml
        except ImportError as error:
            assert "azureml-core is installed" in str(error)
        else:
            raise AssertionError
        import azureml.core
        assert azureml.core.VERSION == "the real one"
        assert _offer.FINDER.find_spec("azureml.widgets") is None
        """
    run_script(home, text)


def test_a_folder_that_happens_to_be_called_azureml_is_no_sdk(home, tmp_path):
    """Many repositories have one; the real SDK's modules are found beside it, and so are ours."""
    sdk(tmp_path / "site", core=False)
    text = f"""
        sys.path.insert(0, {str(tmp_path / "site")!r})
        import outrider.azureml
        from azureml.core import Run
        import azureml.train as train
        assert Run.__module__ == "outrider.azureml.run"
        """
    run_script(home, text)


@pytest.mark.parametrize("real", [False, True])
def test_outrider_run_offers_the_names_where_the_real_ones_are_absent(home, tmp_path, real):
    """The script imports azureml and nothing of ours; with the SDK installed it gets the SDK, and no more than that."""
    if real:
        sdk(tmp_path / "site")
    (tmp_path / "script.py").write_text(
        "import azureml.core\nprint(azureml.core.VERSION)\ntry:\n import azureml.widgets\nexcept ImportError: pass\n"
    )
    done = outrider_run(home, tmp_path, {"PYTHONPATH": str(tmp_path / "site")})
    assert (done.returncode, done.stdout, done.stderr) == (0, "the real one\n" if real else f"{names.VERSION}\n", "")


def test_strict_azure_is_an_option_of_outrider_run(home, tmp_path):
    """It reports, on stderr and in the run's log, and refuses nothing."""
    (tmp_path / "script.py").write_text(
        "from azureml.core import Run\nrun = Run.get_context()\nrun.log('text', 'x' * 300)\nrun.log_list('many', range(251))\n"
    )
    done = outrider_run(home, tmp_path, {}, "--strict-azure")
    assert done.returncode == 0
    assert done.stderr.count("strict-azure:") == 2
    assert "300 characters; Azure ML keeps 255" in done.stderr
    assert [line["lg"] for line in lines(home, "l")] == ["outrider.strict", "outrider.strict"]
    assert len(lines(home, "ls")[0]["v"]) == 251


def outrider_run(home, folder, environment, *options):
    """`outrider run -- python script.py` in a folder; the Python has the tests' packages."""
    outrider = str(Path(sys.executable).with_name("outrider"))
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "OUTRIDER_HOME": str(home), **environment}
    command = [outrider, "run", "--no-agent", *options, "--", sys.executable, "script.py"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_variables_of_a_job_are_set_for_this_process_and_not_for_its_children(home):
    """A child with the real SDK must not take itself for a job."""
    text = """
        import os, subprocess
        import outrider.azureml
        from azureml.core import Run
        run = Run.get_context()
        assert os.environ["AZUREML_RUN_ID"] == run.id
        for name in ("WORKSPACE_NAME", "SUBSCRIPTION", "RESOURCEGROUP", "PROJECT_NAME"):
            assert os.environ["AZUREML_ARM_" + name]
        assert "AZUREML_RUN_TOKEN" not in os.environ  # without it the real SDK knows that this is no job
        print(subprocess.run(["env"], stdout=subprocess.PIPE, check=True).stdout.decode())
        """
    assert "AZUREML" not in run_script(home, text).stdout


def test_the_handlers_folder_is_the_one_under_test():
    """Else the tests above test another one."""
    assert Path(names.__file__).is_relative_to(HANDLER)


def test_who_does_not_allow_offline_gets_the_exception_where_there_is_no_run(home):
    """Scripts catch it, and then start a run of their own."""
    text = """
        import outrider.azureml
        from azureml.core import Run
        from azureml.exceptions import AzureMLException, RunEnvironmentException
        try:
            Run.get_context(allow_offline=False)
        except RunEnvironmentException as error:
            assert isinstance(error, AzureMLException) and error.message.startswith("Could not load a submitted run")
        else:
            raise AssertionError
        run = Run.get_context()
        assert Run.get_context(allow_offline=False) is run
        """
    run_script(home, text)
