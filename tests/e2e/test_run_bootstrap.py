"""The bootstrap's own folder: nothing but its file, whatever interpreters make of it, and whoever may write there. Law 1."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from test_run_python import NEW, OLD, SCRIPT, interpreter, records
from tracked import end, gone, result, same

BOOTSTRAP = Path(__file__).resolve().parents[2] / "handler" / "outrider" / "bootstrap"


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


def test_the_bootstrap_folder_holds_nothing_but_its_file():
    """Whatever else lay there would be importable by every script. (What Python 3 compiles of it lies where it asks for the source.)"""
    assert [path.name for path in BOOTSTRAP.iterdir() if path.name != "__pycache__"] == ["sitecustomize.py"]


CHILD = """\
import multiprocessing, sys
def look():
    print([entry for entry in sys.path], list(sys.modules), sorted(name for name in sys.path_importer_cache if "outrider" in name))
    print(sys.excepthook is sys.__excepthook__, sys.flags, sys.argv)
if __name__ == "__main__":
    process = multiprocessing.get_context(sys.argv[1]).Process(target=look)
    process.start()
    process.join()
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
@pytest.mark.parametrize("version", ["3.8", "3.11", "3.13"])
def test_a_childs_view_of_the_interpreter_is_as_ever(script, method, version):
    """Paths, and modules in their order: a child that multiprocessing starts is a Python below the command as well."""
    assert len(same([interpreter(version), script(CHILD), method])[1].splitlines()) == 2


EVERYTHING = """\
import logging, os, sys
logging.basicConfig(level="INFO", format="%(levelname)s %(message)s")
log = logging.getLogger("train")
log.info("epoch %d", 1, extra={"metrics": {"loss": 0.5, "big": 1e400}, "step": 3, "more": {"a": [1, (2, 3)], "b": object}})
try: {}["k"]
except KeyError: log.exception("failed", stack_info=True)
pid = os.fork()
if pid == 0:
    log.warning("from a child")
    os._exit(0)
os.waitpid(pid, 0)
raise ValueError("at last")
"""


@pytest.mark.parametrize("version", ["3.8", "3.11", "3.13"])
def test_no_file_of_the_script_is_taken_for_a_module_of_the_standard_library(home, script, version):
    """One for each that the script does not import itself, all at once: none is run, whatever is logged, and to the very end."""
    python = interpreter(version)
    script(EVERYTHING)
    noted = "import atexit, sys; atexit.register(lambda: print(*sys.modules)); exec(compile(open('script.py').read(), 'script.py', 'exec'))"
    there = {name.partition(".")[0] for name in result([python, "-c", noted])[1].decode().split()}
    hidden = [name for name in sys.stdlib_module_names - there if not name.startswith("_")]
    for name in hidden:
        script(f"print('shadow', {name!r})\n", f"{name}.py")
    assert {"json", "random", "struct", "fcntl", "socket"} <= set(hidden)
    assert same([python, script(EVERYTHING)])[:2] == (1, b"")
    assert sorted(line["msg"] for line in records(home)) == ["epoch 1", "failed", "from a child"]
    assert end(home)["err"]["type"] == "ValueError"


@pytest.fixture
def installed(tmp_path):
    """`outrider run` of a copy of the handler, whose folder is the second: what is compiled there is no other test's."""
    shutil.copytree(BOOTSTRAP.parents[1], tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    start = f"import sys; sys.path.insert(0, {str(tmp_path / 'copy')!r}); from outrider.__main__ import main; sys.exit(main())"
    return [sys.executable, "-S", "-c", start, "run", "--no-agent", "--"], tmp_path / "copy" / "outrider" / "bootstrap"


@pytest.mark.parametrize("version", [*OLD, "3.8"])
def test_what_an_old_python_compiles_of_the_bootstrap_harms_nobody(script, installed, monkeypatch, version):
    """Python 2 puts it beside the source, where a later Python 3 would take it for its own, if Outrider were uninstalled: so it goes."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
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
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    run, folder = installed
    handler = str(folder.parents[1])
    read_only = f'mount --bind {handler} {handler} && mount -o remount,bind,ro {handler} && exec "$@"'
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", read_only, "sh"]
    bare, tracked = (result([*alone, *way, interpreter(version), script(SCRIPT)]) for way in ([], run))
    assert tracked == bare
    assert tracked[0] == 0
    assert len(records(home)) == (3 if version in NEW else 0)
    assert list(folder.iterdir()) == [folder / "sitecustomize.py"]
