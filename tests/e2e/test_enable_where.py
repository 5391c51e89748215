"""Where `outrider enable` may be asked to write: a whole installation, one that was enabled before, one that may not be written to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from test_enable import HANDLER, SCRIPT, messages
from tracked import OUTRIDER, RUN, gone, lines, result, run_folders


@pytest.fixture(autouse=True)
def nothing_stays(home, tmp_path, monkeypatch):
    """Whatever a test starts ends with it; no environment of the machine's is meant by chance."""
    monkeypatch.chdir(tmp_path)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "train.py").write_text(SCRIPT)
    yield
    gone(home)


@pytest.fixture
def environment(tmp_path):
    """A virtual environment: (its folder, its Python, its site-packages)."""
    folder = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    (site,) = (folder / "lib").glob("python*/site-packages")
    return folder, str(folder / "bin" / "python"), site


@pytest.fixture
def installation(tmp_path):
    """A Python of its own: the machine's program and library, and nobody's packages. (Its folder, its Python.)"""
    prefix = tmp_path / "python"
    library = Path(sysconfig.get_path("stdlib"))
    own = prefix / "lib" / library.name
    for folder in (prefix / "bin", own / "site-packages"):
        folder.mkdir(parents=True)
    shutil.copy(os.path.realpath(sys._base_executable), prefix / "bin" / "python")
    for path in library.iterdir():
        if path.name not in ("site-packages", "dist-packages"):
            (own / path.name).symlink_to(path)
    return prefix, str(prefix / "bin" / "python")


def files(folder):
    """Every file below a folder that is not a link."""
    return {str(path) for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def enable(python, *words, command="enable"):
    """`outrider enable` as that Python's, which has only been shown where the handler is."""
    return result([python, "-m", "outrider", command, *words], env={**os.environ, "PYTHONPATH": str(HANDLER)})


def test_a_whole_installation_is_enabled_from_an_environment_made_of_it(home, installation, tmp_path):
    """--system: its own scripts are tracked, those of environments made from it are not; then nothing is left."""
    prefix, python = installation
    environment = tmp_path / "env"
    subprocess.run([python, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=60)
    inner = str(environment / "bin" / "python")
    before, bare = files(prefix), result([python, "train.py"])
    code, out, err = enable(inner, "--system")
    assert (code, err) == (0, b"")
    assert str(prefix).encode() in out
    assert files(environment) & {path for path in files(environment) if "outrider" in path} == set()
    assert result([python, "train.py"]) == bare
    assert messages(home) == ["epoch 0", "epoch 1", "epoch 2"]
    assert result([inner, "train.py"]) == bare
    assert len(run_folders(home)) == 1
    assert enable(inner, "--system", command="disable")[0] == 0
    assert files(prefix) == before
    assert result([python, "train.py"]) == bare
    assert len(run_folders(home)) == 1
    assert enable(inner, "--list")[1] == b""


def test_enabling_an_environment_again_changes_nothing_but_where_outrider_is(home, environment, tmp_path):
    """Each record is kept once; an Outrider that was moved is found again."""
    folder, python, site = environment
    shutil.copytree(HANDLER, tmp_path / "elsewhere")
    moved = [sys.executable, "-m", "outrider", "enable", "--venv", str(folder)]
    assert result(moved, env={**os.environ, "PYTHONPATH": str(tmp_path / "elsewhere")})[0] == 0
    shutil.rmtree(tmp_path / "elsewhere")
    for _ in range(2):
        assert result([OUTRIDER, "enable", "--venv", str(folder)])[0] == 0
    assert sorted(path.name for path in site.glob("*outrider*")) == ["_outrider_enabled.py", "outrider-enabled.pth"]
    assert result([python, "train.py"])[0] == 0
    assert messages(home) == ["epoch 0", "epoch 1", "epoch 2"]
    assert result([OUTRIDER, "disable", "--venv", str(folder)])[0] == 0
    assert [path.name for path in site.rglob("*outrider*")] == []


def read_only(folder, *command):
    """A command that sees this folder mounted so that nobody may write there."""
    mounted = f'mount --bind "{folder}" "{folder}" && mount -o remount,bind,ro "{folder}" && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", *command]


def test_packages_that_may_not_be_written_to_are_left_and_it_is_said(home, environment):
    """Nothing is half there; the message says what holds now and what else can be done. The same where it is to be undone."""
    folder, python, site = environment
    before = files(site)
    code, out, err = result(read_only(folder, OUTRIDER, "enable", "--venv", str(folder)))
    assert (code, out) == (1, b"")
    assert err.startswith(f"outrider: cannot write to {site}: Read-only file system. Nothing is tracked there".encode())
    assert err.count(b"\n") == 1
    assert files(site) == before
    assert result([OUTRIDER, "enable", "--list"])[1] == b""
    assert result([OUTRIDER, "enable", "--venv", str(folder)])[0] == 0
    code, _, err = result(read_only(folder, OUTRIDER, "disable", "--venv", str(folder)))
    assert code == 1
    assert b"Until that is gone, scripts there are tracked" in err
    code, _, err = result(read_only(folder, OUTRIDER, "enable", "--venv", str(folder)))
    assert (code, b"It stays enabled as it was" in err) == (1, True)
    assert result(read_only(folder, python, "train.py"))[0] == 0
    assert len(messages(home)) == 3


def test_a_disk_that_is_full_leaves_nothing_half_enabled(environment):
    """`ulimit -f 0`: neither file can be written; no temporary one stays."""
    folder, _, site = environment
    before = files(site)
    limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", OUTRIDER, "enable", "--venv", str(folder)]
    code, _, err = result(limited, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert code == 1
    assert b"Nothing is tracked there" in err
    assert files(site) == before


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_the_environment_that_is_active_is_meant(home, environment, variable, monkeypatch):
    """As `activate`, or conda, says; its scripts are tracked."""
    folder, python, _ = environment
    monkeypatch.setenv(variable, str(folder))
    assert result([OUTRIDER, "enable"])[0] == 0
    assert result([python, "train.py"])[0] == 0
    assert len(messages(home)) == 3


@pytest.mark.parametrize("ours", [True, False], ids=["outrider run", "an enabled environment"])
def test_kernels_that_jupyter_starts_are_tracked(home, environment, tmp_path, monkeypatch, ours):
    """`outrider run -- jupyter …`, its kernel in an environment without Outrider; and `jupyter …` alone, that environment enabled."""
    folder, python, site = environment
    (site / "more.pth").write_text(sysconfig.get_path("purelib") + "\n")
    kernel = tmp_path / "share" / "kernels" / "mine"
    kernel.mkdir(parents=True)
    spec = {"argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "mine", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    (tmp_path / "cells.py").write_text("import logging\nlogging.warning('from a kernel', extra={'metrics': {'loss': 0.5}})\n")
    if not ours:
        assert result([OUTRIDER, "enable", "--venv", str(folder)])[0] == 0
    jupyter = [str(Path(sys.executable).with_name("jupyter")), "run", "--kernel", "mine", "cells.py"]
    code, out, err = result([*(RUN if ours else []), *jupyter])
    assert (code, b"from a kernel" in out + err) == (0, True), err
    found = [line for line in lines(home, "l") if line["lg"] == "root"]
    assert [(line["msg"], line["m"]) for line in found] == [("from a kernel", {"loss": 0.5})]
    assert len(run_folders(home)) == 1
