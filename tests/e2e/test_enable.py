"""`outrider enable`: scripts and notebook kernels are tracked without `outrider run`; who does not log cannot tell; nothing stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from test_run_python import OLD, interpreter
from tracked import OUTRIDER, RUN, gone, lines, result, run_folders

HANDLER = Path(__file__).resolve().parents[2] / "handler"
SCRIPT = """\
import logging, sys
logging.basicConfig(level="INFO", format="%(levelname)s %(name)s %(message)s")
for i in range(3):
    logging.getLogger("train").info("epoch %d", i, extra={"metrics": {"loss": 1.0 / (i + 1)}, "step": i})
print("done")
"""


@pytest.fixture(autouse=True)
def nothing_stays(home, tmp_path, monkeypatch):
    """Whatever a test starts ends with it; no environment of the machine's is meant by chance."""
    monkeypatch.chdir(tmp_path)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    yield
    gone(home)


@pytest.fixture
def environment(tmp_path):
    """A virtual environment that has never heard of outrider: (its folder, its Python, its site-packages)."""
    folder = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    (site,) = (folder / "lib").glob("python*/site-packages")
    return folder, str(folder / "bin" / "python"), site


@pytest.fixture
def enabled(environment):
    """The same, enabled."""
    assert result([OUTRIDER, "enable", "--venv", str(environment[0])])[0] == 0
    return environment


def has(site, *further):
    """What our environment has, the other one has too, but for outrider."""
    (site / "more.pth").write_text("\n".join([sysconfig.get_path("purelib"), *further]) + "\n")


def messages(home, *but):
    """What was logged; not by those loggers."""
    return [line["msg"] for line in lines(home, "l") if line["lg"] not in but]


def test_a_script_that_logs_is_a_run(home, environment, tmp_path):
    """Its output is what it was; the run has its name, its records and metrics, and its end."""
    folder, python, _ = environment
    (tmp_path / "train.py").write_text(SCRIPT)
    bare = result([python, "train.py"])
    code, out, err = result([OUTRIDER, "enable", "--venv", str(folder)])
    assert (code, err) == (0, b"")
    assert b"outrider disable" in out
    assert result([python, "train.py"]) == bare
    assert messages(home) == ["epoch 0", "epoch 1", "epoch 2"]
    assert [line["m"] for line in lines(home, "l")] == [{"loss": 1.0 / (i + 1)} for i in range(3)]
    (about,) = lines(home, "run")
    assert (about["name"], about["experiment"]) == ("train.py", tmp_path.name)
    (ended,) = lines(home, "end")
    assert (ended["status"], ended["reason"]) == ("Completed", "ended")
    assert result([python, "train.py"]) == bare
    assert len(run_folders(home)) == 2


def test_a_script_that_fails_is_a_failed_run(home, enabled, tmp_path):
    """With its traceback."""
    (tmp_path / "train.py").write_text(SCRIPT + "raise KeyError('boom')\n")
    assert result([enabled[1], "train.py"])[0] == 1
    (ended,) = lines(home, "end")
    assert (ended["status"], ended["err"]["type"]) == ("Failed", "KeyError")


@pytest.mark.parametrize(
    "text", ["print(1)", "import logging; print(logging.root.handlers)", "import logging; logging.info('below the level')"]
)
def test_a_process_that_makes_no_record_is_no_run(home, enabled, text):
    """Nothing is written, and nothing of Outrider's handler imported."""
    code, out, err = result([enabled[1], "-c", text + "\nimport sys; print([n for n in sys.modules if n == 'outrider._handler'])"])
    assert (code, err) == (0, b"")
    assert out.endswith(b"[]\n")
    assert run_folders(home) == []
    assert not (home / "spool").exists()


def test_outrider_can_be_imported_there(home, enabled):
    """It is offered, as under `outrider run`."""
    assert result([enabled[1], "-c", "import outrider; outrider.log('loss', 0.5)"])[0] == 0
    assert [line["v"] for line in lines(home, "m")] == [0.5]


CHILDREN = """\
import logging, multiprocessing, subprocess, sys
def work(i):
    logging.warning("child %d", i)
if __name__ == "__main__":
    logging.warning("parent")
    process = multiprocessing.get_context("spawn").Process(target=work, args=(1,))
    process.start(); process.join()
    process = multiprocessing.get_context("fork").Process(target=work, args=(2,))
    process.start(); process.join()
    subprocess.run([sys.executable, "-c", "import logging; logging.warning('child 3')"], check=True)
"""


def test_children_of_a_tracked_process_join_its_run(home, enabled, tmp_path):
    """One run, each record once."""
    (tmp_path / "train.py").write_text(CHILDREN)
    assert result([enabled[1], "train.py"])[0] == 0
    assert sorted(messages(home)) == ["child 1", "child 2", "child 3", "parent"]
    assert len(run_folders(home)) == 1


def test_under_outrider_run_each_record_is_kept_once(home, enabled, tmp_path):
    """The bootstrap and the environment's module do not both listen."""
    (tmp_path / "train.py").write_text(CHILDREN)
    assert result([*RUN, enabled[1], "train.py"])[0] == 0
    assert sorted(messages(home)) == ["child 1", "child 2", "child 3", "parent"]
    assert len(run_folders(home)) == 1


def test_what_loses_pythonpath_below_outrider_run_is_tracked_all_the_same(home, enabled, tmp_path):
    """Where the bootstrap is not asked, the environment's module is: in the same run."""
    (tmp_path / "train.py").write_text(SCRIPT)
    assert result([*RUN, "env", "-u", "PYTHONPATH", enabled[1], "train.py"])[0] == 0
    assert result([*RUN, enabled[1], "-E", "train.py"])[0] == 0
    assert messages(home) == ["epoch 0", "epoch 1", "epoch 2"] * 2
    assert len(run_folders(home)) == 2


def test_it_can_be_turned_off(home, enabled, tmp_path):
    """OUTRIDER_DISABLED=1."""
    (tmp_path / "train.py").write_text(SCRIPT)
    assert result([enabled[1], "train.py"], env={**os.environ, "OUTRIDER_DISABLED": "1"})[0] == 0
    assert run_folders(home) == []


@pytest.mark.parametrize(
    "command",
    [["-m", "pip", "install", "--no-index", "no-such-package"], ["-m", "outrider_agent", "--set", "no.such=1"], ["-m", "jupyter_server"]],
)
def test_installers_servers_and_the_agent_are_no_runs(home, enabled, command, tmp_path):
    """They log, but nobody's experiment is in them. (A stand-in for the server, which is not installed.)"""
    (tmp_path / "jupyter_server.py").write_text("import logging; logging.warning('serving')\n")
    has(enabled[2], str(HANDLER.parent / "agent"))
    assert result([enabled[1], *command])[2] != b""
    assert run_folders(home) == []


def test_an_uninstalled_outrider_leaves_no_trouble_behind(home, environment, tmp_path):
    """The files stay, and do nothing; without the module the `.pth` does nothing either."""
    folder, python, site = environment
    (tmp_path / "train.py").write_text(SCRIPT)
    bare = result([python, "train.py"])
    shutil.copytree(HANDLER, tmp_path / "elsewhere")
    command = [sys.executable, "-m", "outrider", "enable", "--venv", str(folder)]
    assert result(command, env={**os.environ, "PYTHONPATH": str(tmp_path / "elsewhere")})[0] == 0
    assert result([python, "train.py"]) == bare
    assert len(run_folders(home)) == 1
    shutil.rmtree(tmp_path / "elsewhere")
    assert result([python, "train.py"]) == bare
    (site / "_outrider_enabled.py").unlink()
    shutil.rmtree(site / "__pycache__", ignore_errors=True)
    assert result([python, "train.py"]) == bare
    assert len(run_folders(home)) == 1


def test_disable_takes_everything_away(enabled):
    """The folder is what it was; a second time there is nothing to do."""
    folder, python, site = enabled
    result([python, "-c", ""])
    assert result([OUTRIDER, "enable", "--list"])[1] == f"{site}\n".encode()
    assert result([OUTRIDER, "enable", "--venv", str(folder)])[0] == 0
    assert result([OUTRIDER, "enable", "--list"])[1] == f"{site}\n".encode()
    assert result([OUTRIDER, "disable", "--venv", str(folder)])[0] == 0
    assert [path.name for path in site.rglob("*outrider*")] == []
    assert result([OUTRIDER, "enable", "--list"])[1] == b""
    code, _, err = result([OUTRIDER, "disable", "--venv", str(folder)])
    assert code == 1
    assert b"not enabled" in err


def test_the_active_environment_is_meant_unless_another_is_named(environment, monkeypatch):
    """As $VIRTUAL_ENV says; --all finds what was enabled."""
    folder, _, site = environment
    monkeypatch.setenv("VIRTUAL_ENV", str(folder))
    assert result([OUTRIDER, "enable"])[0] == 0
    assert (site / "outrider-enabled.pth").exists()
    assert result([OUTRIDER, "disable", "--all"])[0] == 0
    assert not (site / "outrider-enabled.pth").exists()


def test_user_site_packages_are_enabled_by_name(home, tmp_path, monkeypatch):
    """--user: for every environment-less Python of this version."""
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path / "user"))
    (tmp_path / "train.py").write_text(SCRIPT)
    assert result([OUTRIDER, "enable", "--user"])[0] == 0
    assert result([sys._base_executable, "train.py"])[0] == 0
    assert len(messages(home)) == 3
    assert result([OUTRIDER, "disable", "--user"])[0] == 0
    assert list((tmp_path / "user").rglob("*outrider*")) == []


def test_what_cannot_be_done_is_said(tmp_path):
    """No environment, or misuse: nothing is changed."""
    code, _, err = result([OUTRIDER, "enable", "--venv", str(tmp_path)])
    assert code == 1
    assert b"no environment" in err
    assert result([OUTRIDER, "enable", "--venv", "x", "--user"])[0] == 2
    for command in ("enable", "disable"):
        code, out, _ = result([OUTRIDER, command, "--help"])
        assert code == 0
        assert f"examples:\n  outrider {command}".encode() in out


@pytest.mark.parametrize("version", OLD)
def test_older_pythons_come_to_no_harm(home, enabled, version):
    """A folder of packages may be shared with them."""
    code = f"import site, sys; site.addsitedir({str(enabled[2])!r}); import logging; logging.warning('x')"
    assert result([interpreter(version), "-c", code], env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}) == (0, b"", b"WARNING:root:x\n")
    assert run_folders(home) == []


DRIVER = """\
import sys
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
manager = KernelManager()
manager._kernel_spec = KernelSpec(argv=[sys.argv[1], "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python")
manager.start_kernel()
client = manager.blocking_client()
client.start_channels()
client.wait_for_ready(timeout=60)
for cell in sys.argv[2:]:
    reply = client.execute_interactive(cell, timeout=60)
    assert reply["content"]["status"] == "ok", reply
client.stop_channels()
manager.shutdown_kernel()
"""
CELLS = [
    "import logging; logging.warning('from a cell')",
    "import outrider; outrider.log('loss', 0.5)",
    "logging.getLogger('a').error('and another', extra={'metrics': {'acc': 1}})",
]


def kernel(tmp_path, *before, python):
    """Runs the cells in a real kernel."""
    (tmp_path / "driver.py").write_text(DRIVER)
    code, out, err = result([*before, sys.executable, "driver.py", python, *CELLS])
    assert code == 0, err
    return out + err


def test_a_notebook_kernel_is_a_run(home, enabled, tmp_path, monkeypatch):
    """Called as its notebook; what its cells log is kept, and it has an end."""
    has(enabled[2])
    monkeypatch.setenv("JPY_SESSION_NAME", "work/study.ipynb")
    said = kernel(tmp_path, python=enabled[1])
    assert b"from a cell" in said
    assert messages(home, "IPKernelApp") == ["from a cell", "and another"]
    assert [line["v"] for line in lines(home, "m")] == [0.5]
    (about,) = lines(home, "run")
    assert about["name"] == "study.ipynb"
    assert lines(home, "end")[0]["status"] == "Completed"


def test_kernels_below_outrider_run_are_tracked_in_its_run(home, tmp_path):
    """`outrider run -- jupyter lab`: through what they inherit."""
    kernel(tmp_path, *RUN, python=sys.executable)
    assert messages(home, "IPKernelApp") == ["from a cell", "and another"]
    assert [line["v"] for line in lines(home, "m")] == [0.5]
    assert len(run_folders(home)) == 1
