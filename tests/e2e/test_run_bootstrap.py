"""The bootstrap's own folder: nothing but its file, whatever interpreters make of it, and whoever may write there. Law 1."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from test_run_python import NEW, OLD, SCRIPT, interpreter, records
from tracked import gone, result, same

BOOTSTRAP = Path(__file__).resolve().parents[2] / "handler" / "outrider" / "bootstrap"


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


def test_the_bootstrap_folder_holds_nothing_but_its_file():
    """Whatever else lay there would be importable by every script. (What Python 3 compiles of it lies where it asks for the source.)"""
    assert [path.name for path in BOOTSTRAP.iterdir() if path.name != "__pycache__"] == ["sitecustomize.py"]


@pytest.fixture
def installed(tmp_path):
    """`outrider run` of a copy of the handler, whose folder is the second: what is compiled there is no other test's."""
    shutil.copytree(BOOTSTRAP.parents[1], tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    start = f"import sys; sys.path.insert(0, {str(tmp_path / 'copy')!r}); from outrider.__main__ import main; sys.exit(main())"
    return [sys.executable, "-S", "-c", start, "run", "--no-agent", "--"], tmp_path / "copy" / "outrider" / "bootstrap"


@pytest.mark.parametrize("version", [*OLD, "3.8"])
def test_what_an_old_python_compiles_of_the_bootstrap_harms_nobody(script, installed, monkeypatch, version):
    """Python 2 puts it beside the source, where a later Python 3 would take it for its own, if Outrider were uninstalled: so it goes."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    run, folder = installed
    name = script(SCRIPT)
    for option in ["", "-O", ""]:
        command = [interpreter(version), *[option][: len(option)], name]
        assert same(command, run=run)[0] == 0
    assert [path.name for path in folder.iterdir() if path.name != "__pycache__"] == ["sitecustomize.py"]
    assert version != "2.7" or not [path for path in folder.rglob("*.py[co]") if "cpython" not in path.name]


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.8", "3.13"])
def test_a_bootstrap_that_cannot_be_written_to_does_as_well(home, script, installed, monkeypatch, version):
    """An installation is read-only for who runs scripts, mostly."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    run, folder = installed
    handler = str(folder.parents[1])
    read_only = f'mount --bind {handler} {handler} && mount -o remount,bind,ro {handler} && exec "$@"'
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", read_only, "sh"]
    bare, tracked = (result([*alone, *way, interpreter(version), script(SCRIPT)]) for way in ([], run))
    assert tracked == bare
    assert tracked[0] == 0
    assert len(records(home)) == (3 if version in NEW else 0)
    assert list(folder.iterdir()) == [folder / "sitecustomize.py"]
