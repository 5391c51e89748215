"""Pythons that are installed or packed in other ways, under `outrider run`: no harm, and records where the bootstrap is asked. Law 1."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipapp
from pathlib import Path

import pytest
from tracked import gone, lines, same

SCRIPT = """\
import logging, sys
logging.basicConfig(level="INFO", format="%(levelname)s %(name)s %(message)s")
logging.getLogger("train").info("epoch %d", 1)
print(sys.path[0], sorted(name for name in sys.modules if "outrider" in name) == [], getattr(sys, "frozen", None))
"""
CHILDREN = """\
import logging, multiprocessing
def work(i):
    logging.basicConfig(level="INFO", format="%(message)s")
    logging.info("child %d", i)
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=work, args=(1,))
    process.start()
    process.join()
"""


@pytest.fixture(autouse=True)
def nothing_stays(home, tmp_path, monkeypatch):
    """Whatever a test starts ends with it; the test's folder is the working folder."""
    monkeypatch.chdir(tmp_path)
    yield
    gone(home)


def messages(home):
    return [line["msg"] for line in lines(home, "l", "py-")]


def quiet(text):
    """The script without what differs by design: a process that logs has our modules."""
    return text.replace('sorted(name for name in sys.modules if "outrider" in name) == []', "True")


def test_a_zip_application_is_a_script_like_any_other(home, tmp_path):
    """`python app.pyz`."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text(quiet(SCRIPT))
    zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz", sys.executable)
    assert same([sys.executable, "app.pyz"])[0] == 0
    assert same(["./app.pyz"])[0] == 0
    assert messages(home) == ["epoch 1"] * 2


def test_a_frozen_program_comes_to_no_harm(home, tmp_path):
    """As PyInstaller makes them: no site, no environment, the standard library in an archive; it is tracked as any command."""
    program = "import sys; sys.frozen = True; sys.path[:0] = ['lib.zip']; import mine\n"
    (tmp_path / "mine.py").write_text(SCRIPT)
    subprocess.run([sys.executable, "-m", "zipfile", "-c", "lib.zip", "mine.py"], check=True)
    (tmp_path / "mine.py").unlink()
    code, out, _ = same([sys.executable, "-I", "-S", "-c", program])
    assert (code, out) == (0, b"lib.zip True True\n")
    assert messages(home) == []


PACKED = """\
import logging, multiprocessing, os, subprocess, sys
def work(i):
    logging.warning("child %d", i)
if __name__ == "__main__":
    multiprocessing.freeze_support()
    logging.basicConfig(level="INFO", format="%(levelname)s %(message)s")
    logging.info("packed")
    print(sys.frozen, len(sys.path), sys.argv, list(sys.modules), [getattr(one, "__name__", type(one).__name__) for one in sys.meta_path])
    print(sorted(os.environ.keys() - {name for name in os.environ if name.startswith(("OUTRIDER_", "PYTHONPATH"))}), flush=True)
    process = multiprocessing.get_context("spawn").Process(target=work, args=(1,))
    process.start()
    process.join()
    subprocess.run([sys.argv[1], "-c", "import logging; logging.warning('of another Python')"], check=True)
    sys.exit(process.exitcode or 5)
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The program as PyInstaller packs it: a function of `--onedir` or `--onefile`, which makes it once."""
    folder = tmp_path_factory.mktemp("packed")
    (folder / "app.py").write_text(PACKED)
    made = {}

    def make(how):
        if how not in made:
            to = how.strip("-")
            options = ["--distpath", to, "--workpath", f"work-{to}", "--specpath", "spec", "--log-level", "ERROR"]
            environ = {**os.environ, "PYINSTALLER_CONFIG_DIR": str(folder / "cache")}
            subprocess.run([sys.executable, "-m", "PyInstaller", how, *options, "app.py"], cwd=folder, env=environ, check=True, timeout=500)
            made[how] = folder / to / ("app/app" if how == "--onedir" else "app")
        return str(made[how])

    return make


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["--onedir", "--onefile"])
def test_a_program_packed_by_pyinstaller_comes_to_no_harm(home, packed, how):
    """A folder, or one file that unpacks itself: it never asks the bootstrap. Pythons that it starts are tracked."""
    code, out, err = same([packed(how), sys.executable])
    assert (code, out.split()[0]) == (5, b"True")
    assert err.splitlines() == [b"INFO packed", b"WARNING:root:child 1", b"WARNING:root:of another Python"]
    assert messages(home) == ["of another Python"]
    assert lines(home, "end", "keeper-")[0]["code"] == 5


EMBEDDING = """
#include <Python.h>
int main(void) {
    PyConfig config; PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    if (PyStatus_Exception(Py_InitializeFromConfig(&config))) return 9;
    int bad = PyRun_SimpleString("import sys, logging; sys.frozen = True; logging.basicConfig(level=20); logging.info('embedded')");
    return Py_FinalizeEx() | (bad != 0);
}
"""


def test_a_program_that_embeds_python_comes_to_no_harm(home, tmp_path):
    """With an isolated configuration, whatever PYTHONPATH says."""
    library = Path(sysconfig.get_config_var("LIBPL")) / sysconfig.get_config_var("LIBRARY")
    if not shutil.which("gcc") or not library.exists():
        pytest.skip("no C compiler, or no Python to link with")
    (tmp_path / "main.c").write_text(EMBEDDING)
    options = [sysconfig.get_config_var(name) for name in ("LIBS", "SYSLIBS", "LINKFORSHARED")]
    words = " ".join(option for option in options if option).split()
    include = f"-I{sysconfig.get_paths(vars={'installed_base': sys.base_prefix})['include']}"
    subprocess.run(["gcc", "main.c", include, str(library), *words, "-o", "program"], check=True, capture_output=True)
    code, _, err = same(["./program"])
    assert (code, err) == (0, b"INFO:root:embedded\n")
    assert messages(home) == []


def test_a_whole_installation_elsewhere_is_tracked(home, tmp_path):
    """As conda lays it out: a prefix of its own with `bin/python`, and no pyvenv.cfg."""
    prefix, base = tmp_path / "conda", Path(sys.base_prefix)
    (prefix / "bin").mkdir(parents=True)
    shutil.copy(os.path.realpath(sys._base_executable), prefix / "bin" / "python")
    for name in ("lib", "lib64"):
        if (base / name).exists():
            (prefix / name).symlink_to(base / name)
    (tmp_path / "script.py").write_text(quiet(SCRIPT) + "print(sys.prefix)\n")
    code, out, _ = same([str(prefix / "bin" / "python"), "script.py"])
    assert code == 0
    assert out.endswith(f"{prefix}\n".encode())
    assert messages(home) == ["epoch 1"]


def test_both_customizing_modules_of_an_environment_run(home, tmp_path):
    """`sitecustomize` and `usercustomize` of a virtual environment's own folder; then the script's records are kept."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", str(environment)], check=True, timeout=60)
    python = str(environment / "bin" / "python")
    (site,) = (environment / "lib").glob("python*/site-packages")
    for name in ("sitecustomize", "usercustomize"):
        (site / f"{name}.py").write_text("import logging; print(__name__); logging.getLogger('early').warning(__name__)\n")
    (tmp_path / "script.py").write_text(quiet(SCRIPT))
    code, out, _ = same([python, "script.py"])
    assert code == 0
    assert out.startswith(b"sitecustomize\nusercustomize\n")
    assert messages(home) == ["sitecustomize", "usercustomize", "epoch 1"]


@pytest.mark.parametrize("name", ["random", "struct", "json"])
def test_a_child_that_is_spawned_finds_the_scripts_own_modules(home, tmp_path, name):
    """A file of the script's that is called as one of the standard library is what its children get too, as bare."""
    (tmp_path / f"{name}.py").write_text("raise ImportError('the script has its own')\n")
    (tmp_path / "script.py").write_text(CHILDREN)
    code, _, err = same([sys.executable, "script.py"])
    assert code == 0 or b"the script has its own" in err  # multiprocessing itself wants some of them
    if code == 0 and b"Error" not in err:
        assert messages(home) == ["child 1"]
