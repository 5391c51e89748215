"""
The documentation that users copied from: its examples, and every row of its table, unmodified, under `outrider run`.

The scripts import azureml and nothing of ours; no agent is anywhere. What they log is read from the spool.
"""

from __future__ import annotations

import pytest
from old_scripts import script, series
from tracked import end, gone, lines, run_folders

DATA = """
# load diabetes dataset, a well-known small dataset that comes with scikit-learn
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.externals import joblib

X, y = load_diabetes(return_X_y = True)
columns = ['age', 'gender', 'bmi', 'bp', 's1', 's2', 's3', 's4', 's5', 's6']
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size = 0.2, random_state = 0)
data = {
   "train":{"X": X_train, "y": y_train},
   "test":{"X": X_test, "y": y_test}
}
"""
WORKSPACE = """
from azureml.core import Experiment, Run, Workspace
import azureml.core

ws = Workspace(workspace_name = "name", subscription_id = "id", resource_group = "group")
"""
WITHIN_NOTEBOOK = """
# Get an experiment object from Azure Machine Learning
experiment = Experiment(workspace = ws, name = "train-within-notebook")

# Create a run object in the experiment
run = experiment.start_logging()# Log the algorithm parameter alpha to the run
run.log('alpha', 0.03)

# Create, fit, and test the scikit-learn Ridge regression model
regression_model = Ridge(alpha=0.03)
regression_model.fit(data['train']['X'], data['train']['y'])
preds = regression_model.predict(data['test']['X'])

# Output the Mean Squared Error to the notebook and to the run
print('Mean Squared Error is', mean_squared_error(data['test']['y'], preds))
run.log('mse', mean_squared_error(data['test']['y'], preds))

# Save the model to the outputs directory for capture
joblib.dump(value=regression_model, filename='outputs/model.pkl')

# Take a snapshot of the directory containing this notebook
run.take_snapshot('./')

# Complete the run
run.complete()
"""
IN_NOTEBOOK = """
experiment = Experiment(workspace = ws, name = 'train-in-notebook')
run = experiment.start_logging()
run.tag("Description","My first run!")
run.log('alpha', 0.03)
reg = Ridge(alpha = 0.03)
reg.fit(data['train']['X'], data['train']['y'])
preds = reg.predict(data['test']['X'])
run.log('mse', mean_squared_error(preds, data['test']['y']))
joblib.dump(value = reg, filename = 'model.pkl')
# Upload file directly to the outputs folder
run.upload_file(name = 'outputs/model.pkl', path_or_stream = './model.pkl')

run.complete()
"""
TRAIN = """
import os
import mylib
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from azureml.core.run import Run
from sklearn.externals import joblib

X, y = load_diabetes(return_X_y = True)

run = Run.get_context()

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size = 0.2, random_state = 0)
data = {"train": {"X": X_train, "y": y_train},
       "test": {"X": X_test, "y": y_test}}

# list of numbers from 0.0 to 1.0 with a 0.05 interval
alphas = mylib.get_alphas()

for alpha in alphas:
   # Use Ridge algorithm to create a regression model
   reg = Ridge(alpha = alpha)
   reg.fit(data["train"]["X"], data["train"]["y"])

   preds = reg.predict(data["test"]["X"])
   mse = mean_squared_error(preds, data["test"]["y"])
   # log the alpha and mse values
   run.log('alpha', alpha)
   run.log('mse', mse)

   model_file_name = 'ridge_{0:.2f}.pkl'.format(alpha)
   # save model in the outputs folder so it automatically get uploaded
   with open(model_file_name, "wb") as file:
       joblib.dump(value = reg, filename = model_file_name)

   # upload the model file explicitly into artifacts
   run.upload_file(name = model_file_name, path_or_stream = model_file_name)

   print('alpha is {0:.2f}, and mse is {1:0.2f}'.format(alpha, mse))
"""
MYLIB = """
import numpy as np

def get_alphas():
   # list of numbers from 0.0 to 1.0 with a 0.05 interval
   return np.arange(0.0, 1.0, 0.05)
"""
BY_RUN_CONFIG = """
from azureml.core.runconfig import RunConfiguration

# Editing a run configuration property on-fly.
run_config_user_managed = RunConfiguration()

run_config_user_managed.environment.python.user_managed_dependencies = True
from azureml.core import ScriptRunConfig

experiment = Experiment(workspace=ws, name="train-on-local")
src = ScriptRunConfig(source_directory = './', script = 'train.py', run_config = run_config_user_managed)
run = experiment.submit(src)
"""
BY_ENVIRONMENT = """
from azureml.core import Environment

# Editing a run configuration property on-fly.
user_managed_env = Environment("user-managed-env")

user_managed_env.python.user_managed_dependencies = True
from azureml.core import ScriptRunConfig

exp = Experiment(workspace=ws, name="train-on-local")
src = ScriptRunConfig(source_directory='./', script='train.py')
src.run_config.environment = user_managed_env
run = exp.submit(src, show_output=True)
"""
AFTERWARDS = """
from azureml.widgets import RunDetails
RunDetails(run).show()
run.wait_for_completion(show_output = True)
metrics = run.get_metrics()
best = min(metrics['mse'])
print(len(metrics['alpha']), best == min(metrics['mse']))
print(run.get_portal_url())
run_id = run.id
experiment = Experiment (ws, "train-on-local")
again = Run(experiment, run_id)
RunDetails(again).show()
assert again.get_metrics() == metrics
assert 'ridge_0.05.pkl' in run.get_file_names() and 'user_logs/std_log.txt' in run.get_file_names()
run.download_file('azureml-logs/70_driver_log.txt', 'log.txt')
assert 'alpha is 0.05' in open('log.txt').read()
"""


@pytest.fixture(autouse=True)
def nothing_stays(home, tmp_path, monkeypatch):
    """Whatever a test starts ends with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    yield
    gone(home)


@pytest.mark.parametrize(("text", "file"), [(WITHIN_NOTEBOOK, "outputs/model.pkl"), (IN_NOTEBOOK, "outputs/model.pkl")])
def test_the_documentations_first_example(home, text, file):
    """start_logging, log, tag, a model in ./outputs, take_snapshot, complete; `sklearn.externals` is mended on request."""
    out = script(DATA + WORKSPACE + text + "print(run.get_metrics()['mse'], run.get_file_names(), run.get_status())\n", "--legacy")
    assert series(home, "alpha") == [0.03]
    (mse,) = series(home, "mse")
    assert 3000 < mse < 3500
    assert repr(mse) in out
    assert file in out
    assert "Completed" in out
    assert {line["p"] for line in lines(home, "art")} >= {file}
    assert len(run_folders(home)) == 2  # the notebook's own run, and that of outrider run


@pytest.mark.parametrize("text", [BY_RUN_CONFIG, BY_ENVIRONMENT])
def test_the_documentations_second_example(home, text):
    """ScriptRunConfig and submit: the whole folder goes along; then what one does with such a run."""
    for name, content in {"train.py": TRAIN, "mylib.py": MYLIB}.items():
        with open(name, "w") as file:
            file.write(content)
    out = script(WORKSPACE + text + AFTERWARDS, "--legacy")
    assert "20 True" in out
    assert "Execution Summary" in out
    assert "alpha is 0.95" in out
    assert len(series(home, "alpha")) == len(series(home, "mse")) == 20
    assert len({line["p"] for line in lines(home, "art") if line["p"].startswith("ridge_")}) == 20


def test_every_row_of_the_documentations_table(home):
    """Each function of it, as its example is written, and what `get_metrics` gives of it."""
    out = script("""
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        import numpy as np
        from azureml.core import Run

        run = Run.get_context()
        run.log("accuracy", 0.95)
        run.log_list("accuracies", [0.6, 0.7, 0.87])
        run.log_row("Y over X", x=1, y=0.4)
        run.log_table("Y over X, whole", {"x":[1, 2, 3], "y":[0.6, 0.7, 0.89]})
        plt.plot([1, 2])
        run.log_image("ROC", plt)
        run.log_image(name="ROC by name", plot=plt)
        plt.savefig("saved.png")
        run.log_image("ROC of a file", "saved.png")
        run.log_image("ROC of a file by name", path="saved.png", description="as saved")
        run.tag("selected", "yes")
        run.tag("unvalued")
        open("model.pkl", "w").write("model")
        run.upload_file("best_model.pkl", "./model.pkl")
        import os
        os.makedirs("some/folder")
        open("some/folder/file.txt", "w").write("text")
        run.upload_folder("kept", "some")
        print(sorted(run.get_file_names()))

        run.log_list(name='Fibonacci', value=[0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
        sines = {'angle': [], 'sine': []}
        for i in range(-10, 10):
            run.log(name='Sigmoid', value=1 / (1 + np.exp(-i)))
            angle = i / 2.0
            run.log_row(name='Cosine Wave', angle=angle, cos=np.cos(angle))
            sines['angle'].append(angle)
            sines['sine'].append(np.sin(angle))
        run.log_table(name='Sine Wave', value=sines)

        metrics = run.get_metrics()
        assert metrics["accuracy"] == 0.95
        assert metrics["accuracies"] == [0.6, 0.7, 0.87]
        assert metrics["Y over X"] == {"x": 1, "y": 0.4}
        assert metrics["Y over X, whole"] == {"x": [1, 2, 3], "y": [0.6, 0.7, 0.89]}
        assert metrics["Fibonacci"][-1] == 89 and len(metrics["Sigmoid"]) == 20
        assert list(metrics["Cosine Wave"]) == ["angle", "cos"] and len(metrics["Cosine Wave"]["cos"]) == 20
        assert metrics["Sine Wave"]["angle"] == sines["angle"]
        assert metrics["ROC"].startswith("aml://artifactId/ExperimentRun/dcid." + run.id + "/ROC_")
        assert metrics["ROC of a file by name"].endswith("saved.png")
        assert run.get_metrics("nothing") == {}
        assert run.get_tags() == {"selected": "yes", "unvalued": None}
        run.download_file("best_model.pkl", "again.pkl")
        assert open("again.pkl").read() == "model"
        run.download_files(prefix="kept", output_directory="down")
        assert open("down/kept/folder/file.txt").read() == "text"
        """)
    assert "best_model.pkl" in out
    assert "kept/folder/file.txt" in out
    assert len(lines(home, "fig")) == 4
    assert end(home)["status"] == "Completed"
