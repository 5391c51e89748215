"""Datastores and datasets under their azureml names: folders and files of this machine, and how they reach a submitted script."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outrider.azureml import datasets, datastores, exceptions, experiment
from outrider.azureml.configs import RunConfiguration, ScriptRunConfig
from outrider.azureml.datasets import Dataset
from outrider.azureml.standins import StandIn
from outrider.azureml.workspace import Workspace


@pytest.fixture(autouse=True)
def fresh(home, tmp_path, monkeypatch):
    """A home and a working folder of its own; no references of other tests."""
    monkeypatch.chdir(tmp_path)
    datastores._made.clear()


def write(path, text="x,y\n1,2\n3,4\n"):
    """A file; its path."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    return path


def test_what_is_uploaded_is_in_the_datastores_folder():
    """Below target_path, under its own name or its path below relative_root; what is there stays, unless it is to be overwritten."""
    store = Workspace().get_default_datastore()
    store.upload_files([write("a/one.csv"), write("a/b/two.csv")], target_path="t", show_progress=False)
    store.upload("a", "whole")
    assert sorted(datastores.known()) == [datastores.DEFAULT]
    assert sorted(inner for inner, _ in datastores._files_below(store.folder)) == [
        "t/b/two.csv",
        "t/one.csv",
        "whole/b/two.csv",
        "whole/one.csv",
    ]
    write("a/one.csv", "changed")
    store.upload_files(["a/one.csv"], target_path="t", show_progress=False)
    assert Path(store.folder, "t/one.csv").read_text() != "changed"
    store.upload_files(["a/one.csv"], target_path="t", overwrite=True, show_progress=False)
    assert Path(store.folder, "t/one.csv").read_text() == "changed"
    assert store.download("down", prefix="t/") == 2
    assert os.path.exists("down/t/b/two.csv")


@pytest.mark.parametrize("path", ["../out", "a/../../out"])
def test_a_path_does_not_leave_its_datastore(path):
    """A script's path is a user's text."""
    with pytest.raises(exceptions.UserErrorException, match="leaves the datastore"):
        Workspace().get_default_datastore().path(path).local_path  # noqa: B018 -- asked for


def test_a_file_that_is_not_there_is_an_error_before_anything_is_copied():
    """Not half of them."""
    store = Workspace().get_default_datastore()
    with pytest.raises(exceptions.UserErrorException, match="nothing was uploaded"):
        store.upload_files([write("one.csv"), "nothing.csv"])
    assert not os.path.exists(store.folder)


def test_a_datastore_of_azure_is_a_folder_and_says_so():
    """Nothing is fetched: who copies the data there can go on."""
    with pytest.warns(UserWarning, match="nothing is fetched from Azure"):
        store = datastores.Datastore.register_azure_blob_container(Workspace(), "blobs", container_name="c", account_name="a")
    assert store.folder.endswith("datastores/blobs")


@pytest.mark.parametrize("reference", ["object", "text", "run configuration"])
def test_a_data_reference_reaches_a_script_as_a_path(reference):
    """As an argument, as the text of one, and named in the run configuration; and in the variable of its name."""
    store = Workspace().get_default_datastore()
    run_config = RunConfiguration()
    argument = {
        "object": store.path("data", data_reference_name="input").as_mount(),
        "text": str(store.path("data", data_reference_name="input").as_download()),
        "run configuration": "$AZUREML_DATAREFERENCE_input",
    }[reference]
    if reference == "run configuration":
        run_config.data_references = {"input": StandIn(datastore_name=store.name, path_on_datastore="data")}
    write("train.py", "")
    config = ScriptRunConfig(".", "train.py", arguments=["--in", argument], run_config=run_config)
    made = experiment.prepared(config)
    assert made.arguments == ["--in", os.path.join(store.folder, "data")]
    assert made.run_config.environment_variables["AZUREML_DATAREFERENCE_input"] == os.path.join(store.folder, "data")
    assert run_config.environment_variables == {}


def test_a_dataset_is_handed_over_as_its_file_or_folder():
    """One file is itself; a pattern, or several, the folder that they are in."""
    write("d/one.csv")
    assert str(Dataset.File.from_files("d/one.csv").as_mount()) == os.path.abspath("d/one.csv")
    assert str(Dataset.File.from_files("d").as_download()) == os.path.abspath("d")
    assert str(Dataset.File.from_files("d/*.csv").as_named_input("x").as_mount()) == os.path.abspath("d")
    write("d/deep/two.csv")
    assert str(Dataset.File.from_files(["d/one.csv", "d/deep/two.csv"]).as_mount()) == os.path.abspath("d")
    with pytest.raises(exceptions.DatasetValidationError):
        str(Dataset.File.from_files("nothing/*.csv").as_mount())


def test_a_table_keeps_its_steps_where_it_leaves_the_process():
    """Registered or handed over, what steps have left is written out."""
    table = Dataset.Tabular.from_delimited_files(write("t.csv"))
    assert list(table.drop_columns("y").to_pandas_dataframe().columns) == ["x"]
    registered = table.keep_columns(["y"]).register(Workspace(), "ys", create_new_version=True)
    assert (registered.name, registered.version) == ("ys", 1)
    assert Dataset.get_by_name(Workspace(), "ys").to_pandas_dataframe()["y"].tolist() == [2, 4]
    assert Workspace().datasets["ys"].take(1).to_pandas_dataframe()["y"].tolist() == [2]
    about = table.skip(1).as_named_input("in").about
    ((name, given),) = datasets.inputs({about["input"]: about})
    assert (name, given.to_pandas_dataframe()["x"].tolist()) == ("in", [3])
    assert Dataset.get_by_id(None, str(table.skip(1).as_named_input("in"))).to_pandas_dataframe()["x"].tolist() == [3]


def test_a_dataset_is_found_by_what_a_script_gets_as_its_argument():
    """A path, several, a folder or an address: tables of text or Parquet by their ending. What is none says so."""
    one, two = write("t.csv"), write("u.csv")
    assert len(Dataset.get_by_id(None, Dataset.Tabular.from_delimited_files([one, two]).id).to_pandas_dataframe()) == 4
    assert Dataset.get_by_id(None, os.path.abspath("t.csv")).to_pandas_dataframe()["x"].tolist() == [1, 3]
    assert [os.path.basename(path) for path in Dataset.get_by_id(None, os.path.abspath(".")).to_path()] == ["t.csv", "u.csv"]
    there = Path(one).absolute().as_uri()
    assert Dataset.get_by_id(None, there).to_pandas_dataframe()["x"].tolist() == [1, 3]
    assert Dataset.get_by_id(None, "file:///x/y.parquet?a=b").about["format"] == "parquet"
    for ask in (Dataset.get_by_id, Dataset.get_by_name):
        with pytest.raises(exceptions.UserErrorException, match="argument missing"):
            ask(Workspace(), None)


def test_a_path_of_a_datastore_is_an_argument():
    """How a published notebook resumes a training: what one run left is given to the next."""
    store = Workspace().get_default_datastore()
    reference = datastores.DataPath(store, "kept", "kept").create_data_reference(
        datapath_compute_binding=datastores.DataPathComputeBinding()
    )
    assert (str(reference), reference.local_path) == ("$AZUREML_DATAREFERENCE_kept", os.path.join(store.folder, "kept"))


def test_a_dataset_that_is_not_registered_says_what_is():
    """Scripts catch UserErrorException here."""
    with pytest.raises(exceptions.UserErrorException, match="nothing"):
        Dataset.get_by_name(Workspace(), "nothing")
    assert "nothing" not in Workspace().datasets
