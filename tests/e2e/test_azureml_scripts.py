"""
What old scripts of Azure ML do around their training, unmodified: how they find their run, what they rely on to fail, their boilerplate,
and how data reaches them. They import azureml and nothing of ours; no agent is anywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from old_scripts import script, series
from tracked import OUTRIDER, end, gone, lines, result, run_folders


@pytest.fixture(autouse=True)
def nothing_stays(home, tmp_path, monkeypatch):
    """Whatever a test starts ends with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    yield
    gone(home)


def test_what_scripts_rely_on_to_go_wrong_goes_wrong(home):
    """A list to `log`, unequal columns, a list in a row, a property changed, a file and a model that are not there."""
    script("""
        from azureml.core import Run, Model, Workspace
        from azureml.exceptions import AzureMLException, ModelPathNotFoundException, UserErrorException, WebserviceException

        run = Run.get_context()
        run.add_properties({"author": "one"})
        run.add_properties({})
        ws = Workspace.from_config()
        for kind, call in (
            (UserErrorException, lambda: run.log("x", [1, 2])),
            (AzureMLException, lambda: run.log_row("x", y=[1])),
            (AzureMLException, lambda: run.log_table("x", {"y": [1, 2], "z": [1]})),
            (AzureMLException, lambda: run.log_list("x", [[1]])),
            (AzureMLException, lambda: run.log_image("x")),
            (AzureMLException, lambda: run.add_properties({"author": "two"})),
            (UserErrorException, lambda: run.download_file("nothing.txt")),
            (UserErrorException, lambda: run.upload_file("x", "nothing.txt")),
            (ModelPathNotFoundException, lambda: run.register_model("m", "nothing.pkl")),
            (WebserviceException, lambda: Model(ws, "nothing")),
        ):
            try:
                call()
            except kind as error:
                assert str(error).startswith(type(error).__name__ + ":\\n\\tMessage: "), error
            else:
                raise AssertionError(kind)
        """)
    assert end(home)["status"] == "Completed"


def test_the_idioms_by_which_scripts_find_out_that_they_are_tracked(home):
    """Each of them says so: a run of this machine is online."""
    script("""
        from azureml.core.run import Run, _OfflineRun

        run = Run.get_context()
        assert not run.id.startswith("OfflineRun") and not run._run_id.startswith("OfflineRun")
        assert type(run) != _OfflineRun and not isinstance(run, _OfflineRun) and "_OfflineRun" not in str(run)
        assert hasattr(run, "experiment")
        ws = run.experiment.workspace
        print(ws.name, ws.resource_group, ws.location, ws.subscription_id, sep="\\n")
        assert ws.get_default_datastore() is not None
        assert run.parent is None
        """)


@pytest.mark.parametrize("how", ["outrider run", "nothing at all"])
def test_get_context_is_one_object_and_asks_nobody(home, how):
    """It is called at the top of modules: quick, quiet, and the same each time; a later start_logging is another run."""
    text = """
        {first}
        from azureml.core import Run, Experiment, Workspace
        run = Run.get_context()
        assert Run.get_context() is run and Run.get_context(allow_offline=False) is run and Run.get_submitted_run() is run
        run.log("loss", 0.5)
        other = Experiment(Workspace.from_config(), "other").start_logging(snapshot_directory=None)
        assert Run.get_context().id == other.id != run.id
        other.complete()
        run.log("loss", 0.25)
        """
    if how == "outrider run":
        assert script(text.format(first="")) == ""
    else:
        with open("script.py", "w") as file:
            file.write(textwrap.dedent(text.format(first="import outrider.azureml")))
        assert result([sys.executable, "script.py"]) == (0, b"", b"")
    assert series(home, "loss") == [0.5, 0.25]
    assert sorted(line["status"] for line in lines(home, "end")) == ["Completed", "Completed"]


def test_boilerplate_on_the_way_to_a_run_is_harmless(home):
    """Sign-in, clusters, key vault, datastores, environments: what stands before the training in most notebooks."""
    out = script("""
        from azureml.core import Workspace, Environment, Dataset, Datastore, Keyvault
        from azureml.core.authentication import InteractiveLoginAuthentication, ServicePrincipalAuthentication
        from azureml.core.compute import AmlCompute, ComputeTarget
        from azureml.core.compute_target import ComputeTargetException
        from azureml.core.conda_dependencies import CondaDependencies
        from azureml.core.runconfig import DEFAULT_CPU_IMAGE, RunConfiguration
        from azureml.telemetry import set_diagnostics_collection

        set_diagnostics_collection(send_diagnostics=True)
        ws = Workspace.from_config(auth=InteractiveLoginAuthentication(tenant_id="t"))
        ws.write_config(path="elsewhere")
        assert Workspace.from_config(path="nowhere/workspace.json").name == "default"
        open("config.json", "w").close()
        assert Workspace.from_config().name == Workspace.from_config(path="elsewhere/.azureml/config.json").name == "default"
        try:
            cluster = ComputeTarget(workspace=ws, name="cpu-cluster")
            print("Found existing")
        except ComputeTargetException:
            config = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=4)
            cluster = ComputeTarget.create(ws, "cpu-cluster", config)
        cluster.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
        print(cluster.get_status().serialize()["provisioningState"])
        assert type(cluster) is AmlCompute and "anything" not in ws.compute_targets and ws.compute_targets["anything"].name == "anything"
        vault = ws.get_default_keyvault()
        vault.set_secret(name="key", value="secret")
        assert ws.get_default_keyvault().get_secret("key") == "secret"
        env = Environment("env")
        env.docker.enabled = True
        env.docker.base_image = DEFAULT_CPU_IMAGE
        env.python.conda_dependencies = CondaDependencies.create(conda_packages=["scikit-learn"], pip_packages=["joblib"])
        env.register(workspace=ws)
        run_config = RunConfiguration()
        run_config.target = cluster
        run_config.environment = ws.environments["AzureML-Tutorial"]
        """)
    assert "Found existing" in out
    assert "Succeeded" in out


def test_what_the_sdk_brought_along_is_there(home):
    """`import urllib` was enough for `urllib.request` once azureml.core was imported; nothing of it is imported before it is used."""
    script("""
        import sys
        import concurrent, urllib, xml
        from azureml.core import Run, Workspace

        run = Run.get_context()
        assert "urllib.request" not in sys.modules
        run.log("found", int(callable(urllib.request.urlopen)) + int(callable(urllib.parse.quote)))
        run.log("found", int(callable(concurrent.futures.wait)) + int(xml.dom.__name__ == "xml.dom"))
        assert not hasattr(urllib, "nothing")
        assert Workspace.setup().name == Workspace.from_config().name
        """)
    assert series(home, "found") == [2, 2]


def test_what_a_run_left_in_its_outputs_is_a_path_of_the_datastore(home):
    """And a scoring explainer is a file that it may leave there: it asks the explainer that it was made of."""
    script("""
        import os
        from azureml.core import Run, Workspace
        from azureml.interpret import ExplanationClient
        from azureml.interpret.scoring.scoring_explainer import TreeScoringExplainer, load, save

        class Explainer:
            def explain_local(self, rows):
                self.local_importance_values = [[0.5] * len(rows)]
                return self

        os.makedirs("made")
        assert save(TreeScoringExplainer(Explainer()), directory="made", exist_ok=True) == ["made/scoring_explainer.pkl"]
        assert load("made").explain([1, 2]) == [[0.5, 0.5]]
        try:
            save(TreeScoringExplainer(), directory="made")
        except FileExistsError:
            pass
        else:
            raise AssertionError
        run = Run.get_context()
        run.upload_file("outputs/deep/scoring_explainer.pkl", "made/scoring_explainer.pkl")
        path = run._get_outputs_datapath().create_data_reference().local_path
        assert os.listdir(os.path.join(path, "deep")) == ["scoring_explainer.pkl"], os.listdir(path)
        assert ExplanationClient.from_run_id(Workspace(), "any", run.id).run.id == run.id
        """)
    assert end(home)["status"] == "Completed"


def test_a_script_that_takes_its_outputs_for_granted_is_told_where_they_are(home):
    """What it logged until then is kept; submitted it runs."""
    text = "from azureml.core import Run\nRun.get_context().log('x', 1)\nopen('./outputs/model.pkl', 'w').close()\n"
    script(text, code=1)
    assert series(home, "x") == [1]
    assert "outrider submit FOLDER SCRIPT" in end(home)["err"]["message"]


#: The part of MLflow's client that is followed, with its signatures; the real one was run on published notebooks (docs/azureml.md).
MLFLOW = """
from types import SimpleNamespace as Record

class MlflowClient:
    tracking_uri = None
    made = 0

    def create_run(self, experiment_id, start_time=None, tags=None, run_name=None):
        MlflowClient.made += 1
        return Record(info=Record(run_id=str(self.made), experiment_id=experiment_id), data=Record(tags=tags or {}))

    def get_experiment(self, experiment_id):
        return Record(name=experiment_id)

    def log_metric(self, run_id, key, value, timestamp=None, step=None, synchronous=None, **more): pass
    def log_batch(self, run_id, metrics=(), params=(), tags=(), synchronous=None): pass
    def log_param(self, run_id, key, value, synchronous=None): pass
    def set_tag(self, run_id, key, value, synchronous=None): pass
    def log_artifact(self, run_id, local_path, artifact_path=None): pass
    def log_artifacts(self, run_id, local_dir, artifact_path=None): pass
    def log_model_artifacts(self, model_id, local_dir, artifact_path=None): pass
    def get_logged_model(self, model_id): return Record(source_run_id="1", name=model_id)
    def set_terminated(self, run_id, status=None, end_time=None): pass
"""


def mlflow(folder):
    """A folder with what of MLflow is followed."""
    os.makedirs(f"{folder}/mlflow/tracking")
    for name, text in {"__init__": "", "tracking/__init__": "", "tracking/client": MLFLOW}.items():
        with open(f"{folder}/mlflow/{name}.py", "w") as file:
            file.write(text)


def test_a_run_of_mlflow_in_the_workspace_is_a_run_of_its_experiment(home):
    """Points, parameters, tags, files, its children and its end; one of another server is none of ours, and neither is an error."""
    mlflow(".")
    script("""
        import os
        from types import SimpleNamespace as Record
        from azureml.core import Experiment, Workspace
        from mlflow.tracking.client import MlflowClient

        ws = Workspace.from_config()
        client = MlflowClient()
        client.tracking_uri = ws.get_mlflow_tracking_uri()
        run = client.create_run("flows", tags={"mlflow.runName": "first"}).info.run_id
        client.log_metric(run, "loss", 2)
        client.log_metric(run, "loss", 1.0, None, 3)
        client.log_batch(run, metrics=[Record(key="loss", value=0.5, step=4)], params=[Record(key="p", value="1")])
        client.set_tag(run, "kind", "ridge")
        client.set_tag(run, "mlflow.user", "me")
        os.makedirs("files/deep")
        open("files/deep/x.txt", "w").close()
        client.log_artifacts(run, "files", "all")
        client.log_artifact(run, "files/deep/x.txt")
        client.log_model_artifacts("ridge", "files/deep")
        child = client.create_run("flows", tags={"mlflow.parentRunId": run}).info.run_id
        client.set_terminated(child, "FAILED")
        client.log_artifact(run, "nowhere.txt")
        client.set_terminated(run)

        kept, = Experiment(ws, "flows").get_runs()
        assert (kept.get_status(), kept.display_name) == ("Completed", "first"), kept
        assert kept.get_metrics() == {"loss": [2.0, 1.0, 0.5]}, kept.get_metrics()
        assert kept.tags == {"kind": "ridge"}, kept.tags
        files = [name for name in kept.get_file_names() if "logs" not in name]
        assert files == ["all/deep/x.txt", "ridge/x.txt", "x.txt"], files
        assert [one.get_status() for one in kept.get_children()] == ["Failed"]
        client.tracking_uri = "https://elsewhere"
        client.log_metric(client.create_run("others").info.run_id, "loss", 1)
        assert list(Experiment(ws, "others").get_runs()) == []
        """)


def test_what_a_submitted_script_logs_through_mlflow_is_its_own(home):
    """Without a word of azureml in it: the first run of MLflow is the submitted one."""
    mlflow("job")
    with open("job/train.py", "w") as file:
        file.write(
            "from mlflow.tracking.client import MlflowClient\n"
            "client = MlflowClient()\n"
            "run = client.create_run('0').info.run_id\n"
            "client.log_metric(run, 'observations', 10)\n"
            "client.log_param(run, 'alpha', 0.5)\n"
            "client.set_terminated(run)\n"
        )
    script("""
        from azureml.core import Experiment, ScriptRunConfig, Workspace

        run = Experiment(Workspace.from_config(), "flows").submit(ScriptRunConfig("job", script="train.py"))
        run.wait_for_completion()
        assert run.get_metrics() == {"observations": 10.0}, run.get_metrics()
        """)
    assert [line["v"] for line in lines(home, "param")] == [0.5]


def test_an_environment_that_was_enabled_offers_the_names(home, tmp_path):
    """A script that logs nothing but through azureml, started without `outrider run`, in an environment that has no outrider."""
    folder = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    assert result([OUTRIDER, "enable", "--venv", str(folder)])[0] == 0
    with open("old.py", "w") as file:
        file.write("from azureml.core.run import Run\nrun = Run.get_context()\nrun.log('loss', 0.5)\nprint(run.id)\n")
    code, out, err = result([str(folder / "bin" / "python"), "old.py"])
    assert (code, err) == (0, b"")
    assert series(home, "loss") == [0.5]
    assert [run.name for run in run_folders(home)] == [out.decode().strip()]
    assert [line["status"] for line in lines(home, "end")] == ["Completed"]


DATASETS = """
import os
from azureml.core import Dataset, Environment, Experiment, ScriptRunConfig, Workspace

ws = Workspace.from_config()
store = ws.get_default_datastore()
os.makedirs("data")
open("data/one.csv", "w").write("x,y\\n1,2\\n3,4\\n")
open("data/two.csv", "w").write("x,y\\n5,6\\n")
open("data/semi.csv", "w").write("a;b\\n1;2\\n")
semi = Dataset.Tabular.from_delimited_files("data/semi.csv", separator=";")
store.upload_files(files=["./data/one.csv", "./data/two.csv"], target_path="numbers/", overwrite=True, show_progress=False)
table = Dataset.Tabular.from_delimited_files(path=(store, "numbers/*.csv"))
assert table.take(2).to_pandas_dataframe()["x"].tolist() == [1, 3]
table = table.register(workspace=ws, name="numbers", description="two files", tags={"format": "CSV"}, create_new_version=True)
files = Dataset.File.from_files(path=(store, "numbers/*.csv")).register(workspace=ws, name="number files", create_new_version=True)
assert len(files.to_path()) == 2 and [name for name in ws.datasets] == ["number files", "numbers"]
assert Dataset.get_by_name(ws, "numbers").version == 1
env = Environment("here")
env.python.user_managed_dependencies = True
src = ScriptRunConfig(
    source_directory="job", script="train.py", environment=env,
    arguments=["--rate", 0.1, "--in", ws.datasets.get("numbers").as_named_input("training"), "--files",
               files.as_named_input("folder").as_download(), "--only-x", table.drop_columns("y").as_named_input("only_x"),
               "--semi", semi.as_named_input("semi"), "--ref", str(store.path("numbers").as_mount())],
)
run = Experiment(ws, "with-data").submit(src)
run.wait_for_completion(show_output=True)
"""
READS = """
import argparse, glob, os
from azureml.core import Dataset, Run

parser = argparse.ArgumentParser()
for name in ("--rate", "--in", "--files", "--only-x", "--semi", "--ref"):
    parser.add_argument(name, dest=name.strip("-").replace("-", "_"))
args = parser.parse_args()
run = Run.get_context()
assert run.id == os.environ["AZUREML_RUN_ID"]
run.log("rows", len(run.input_datasets["training"].to_pandas_dataframe()))
run.log("files", len(glob.glob(os.path.join(run.input_datasets["folder"], "*.csv"))))
run.log("columns", ",".join(run.input_datasets["only_x"].to_pandas_dataframe().columns))
run.log("by reference", len(os.listdir(args.ref)))
run.log("by its argument", ",".join(Dataset.get_by_id(run.experiment.workspace, args.semi).to_pandas_dataframe().columns))
run.log("by name", len(Dataset.get_by_name(run.experiment.workspace, "numbers").to_pandas_dataframe()))
run.log("in the arguments", os.path.exists(args.files))
run.complete()
"""


def test_data_reaches_a_submitted_script(home):
    """Datastores, registered tables and files, as objects, as folders and by reference; without Azure there is only this machine."""
    os.mkdir("job")
    with open("job/train.py", "w") as file:
        file.write(READS)
    script(DATASETS)
    logged = {line["n"]: line["v"] for line in lines(home, "m")}
    assert logged == {
        "rows": 3,
        "files": 2,
        "columns": "x",
        "by reference": 2,
        "by its argument": "a,b",
        "by name": 3,
        "in the arguments": True,
    }
