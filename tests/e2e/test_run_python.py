"""Unmodified Python scripts under `outrider run`: their log records arrive, and they cannot tell. Law 1; 2.7 to 3.13."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tracked import RUN, end, gone, lines, result, same

OLD = ("2.7", "3.6", "3.7")
NEW = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
#: `outrider run` is itself a Python that runs the sitecustomize of PYTHONPATH, unless it is told not to: here the command's is the subject.
DEAF = [sys.executable, "-E", *RUN]

SCRIPT = """\
import logging, sys
logging.basicConfig(level="INFO", format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("train")
for i in range(3):
    log.info("epoch %d", i, extra={"metrics": {"loss": 1.0 / (i + 1)}, "step": i})
log.debug("below the level")
print("done")
"""


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


@pytest.fixture(autouse=True)
def no_caches(monkeypatch):
    """Foreign interpreters leave no compiled files in our tree."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


def interpreter(version):
    """An interpreter of that version: the newest of pyenv's, else one on PATH; the test is skipped without."""
    if version == "{}.{}".format(*sys.version_info[:2]):
        return sys.executable
    found = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    path = str(found[-1]) if found else shutil.which(f"python{version}")
    return path or pytest.skip(f"no Python {version} here")


def records(home):
    """The log records of Python processes."""
    return lines(home, "l", "py-")


@pytest.mark.parametrize("version", NEW)
def test_an_unmodified_scripts_records_arrive_with_their_metrics(home, script, version):
    """From an interpreter that has never heard of outrider; its output is byte for byte the bare one's."""
    assert same([interpreter(version), script(SCRIPT)])[0] == 0
    found = records(home)
    assert [(line["msg"], line["m"], line["s"]) for line in found] == [(f"epoch {i}", {"loss": 1.0 / (i + 1)}, i) for i in range(3)]
    assert {(line["lv"], line["lg"], line["fn"], line["no"], line["via"]) for line in found} == {(20, "train", "<module>", 5, "hook")}
    assert end(home)["status"] == "Completed"


@pytest.mark.parametrize("version", OLD)
def test_older_pythons_come_to_no_harm(home, script, version):
    """They are tracked as any command; nothing of ours stays in them."""
    python = interpreter(version)
    assert same([python, script(SCRIPT)])[0] == 0
    assert same([python, "-c", "import sys; print(sorted(sys.modules)); print([p for p in sys.path if 'outrider' in p])"])[0] == 0
    assert records(home) == []


@pytest.mark.parametrize("version", [*OLD, *NEW])
def test_the_scripts_view_of_the_interpreter_is_as_ever(script, version):
    """sys.path, path caches, `sitecustomize`, and sys.modules in their order."""
    text = """\
import sys
print(sys.path)
print(list(sys.modules) if sys.version_info >= (3,) else sorted(sys.modules))
print(sorted(name for name in sys.path_importer_cache if "outrider" in name))
try:
    import sitecustomize
    print(sitecustomize.__file__)
except ImportError as error:
    print(error)
import atexit
print(list(sys.modules)[-1] if sys.version_info >= (3,) else "", sorted(vars(atexit)))
print(atexit.__loader__, atexit.__spec__) if sys.version_info >= (3,) else None
import logging
print(logging.__loader__.__class__, logging.__spec__.loader.__class__) if sys.version_info >= (3,) else None
print(len(logging._handlerList), logging.root.handlers, sys.excepthook is sys.__excepthook__)
"""
    assert same([interpreter(version), script(text)])[2] == b""


@pytest.mark.parametrize("options", [["-I"], ["-S"], ["-E"], ["-I", "-S"], ["-I", "-E", "-S"], ["-s"], ["-B", "-O", "-u"]])
@pytest.mark.parametrize("version", ["2.7", "3.8", "3.11", "3.13"])
def test_isolated_pythons_come_to_no_harm(home, script, options, version):
    """Where the bootstrap is not asked, the script is a command like any other."""
    if version == "2.7":
        options = [option for option in options if option != "-I"]
    assert same([interpreter(version), *options, script(SCRIPT)])[0] == 0
    is_asked = version != "2.7" and not {"-I", "-S", "-E"} & set(options)
    assert len(records(home)) == (3 if is_asked else 0)


def test_an_empty_environment_is_a_choice(home, script):
    """`env -i` cuts the bootstrap off: no harm, no records."""
    assert same(["env", "-i", sys.executable, script(SCRIPT)])[0] == 0
    assert records(home) == []


def test_a_virtual_environment_without_outrider_is_tracked(home, script, tmp_path):
    """The bootstrap offers what the environment has not."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=60)
    python = str(environment / "bin" / "python")
    assert same([python, script(SCRIPT)])[0] == 0
    assert len(records(home)) == 3
    assert result([*RUN, python, "-c", "import outrider; outrider.log('loss', 0.5)"])[0] == 0
    assert [(line["n"], line["v"]) for line in lines(home, "m")] == [("loss", 0.5)]


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.8", "3.13"])
def test_an_environments_own_sitecustomize_runs_as_such(home, script, tmp_path, monkeypatch, version):
    """It is found by its name on the path, and is what `import sitecustomize` gives; usercustomize runs too."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import sys\nsys.stdout.write('mine: %s\\n' % __name__)\nVALUE = 1\n")
    (site / "usercustomize.py").write_text("import sys\nsys.stdout.write('user: %s\\n' % __name__)\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    text = "import sitecustomize\nprint(sitecustomize.VALUE)\nprint(sitecustomize.__file__)\n" + SCRIPT
    _, out, _ = same([interpreter(version), script(text)], run=DEAF)
    assert out.startswith(b"mine: sitecustomize\n")
    assert out.count(b"mine:") == 1
    assert len(records(home)) == (3 if version.startswith("3.8") or version == "3.13" else 0)


def test_a_sitecustomize_that_fails_fails_as_ever(script, tmp_path, monkeypatch):
    """What `site` says about it is what it would say."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    assert b"no_such_module_anywhere" in same([sys.executable, script(SCRIPT)], run=DEAF)[2]


@pytest.mark.parametrize("name", ["random.py", "outrider.py", "json.py", "struct.py", "traceback.py", "fcntl.py", "sitecustomize.py"])
def test_files_of_the_script_that_shadow_a_module_are_not_touched(script, name):
    """We import nothing that the script has not imported, by a name that is its own."""
    script("print('shadow', __name__)\n", name)
    assert same([sys.executable, script(SCRIPT)])[0] == 0


@pytest.mark.parametrize("name", ["weakref.py", "string.py", "threading.py"])
def test_a_file_of_the_script_that_breaks_logging_breaks_it_as_ever(script, name):
    """The traceback of an `import logging` that fails shows no frame of ours."""
    script("print('shadow', __name__)\n", name)
    assert same([sys.executable, script(SCRIPT)])[0] == 1


CHILDREN = """\
import logging, multiprocessing, sys
logging.basicConfig(level="INFO", format="%(message)s")
def work(i):
    logging.basicConfig(level="INFO", format="%(message)s")
    logging.getLogger("child").info("child %d", i)
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    logging.info("parent")
    for i in range(3):
        process = context.Process(target=work, args=(i,))
        process.start()
        process.join()
    logging.info("parent again")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("version", ["3.8", "3.11", "3.13"])
def test_children_keep_their_own_records(home, script, method, version):
    """Each process has a stream; none is lost, none twice; the output is the bare one's."""
    assert same([interpreter(version), script(CHILDREN), method])[0] == 0
    assert sorted(line["msg"] for line in records(home)) == ["child 0", "child 1", "child 2", "parent", "parent again"]
    assert len({line["w"] for line in lines(home, "head", "py-")}) == 4


QUEUE = """\
import logging, logging.handlers, multiprocessing
def work(queue):
    log = logging.getLogger("child")
    log.addHandler(logging.handlers.QueueHandler(queue))
    log.setLevel("INFO")
    log.propagate = False
    log.info("from the child")
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=work, args=(queue,))
    process.start()
    logging.basicConfig(level="INFO", format="%(message)s")
    record = queue.get()
    logging.getLogger(record.name).handle(record)
    process.join()
"""


def test_a_record_that_travels_through_a_queue_is_kept_once(home, script):
    """In the process that made it; where it arrives, that is seen."""
    assert same([sys.executable, script(QUEUE)])[0] == 0
    assert [line["msg"] for line in records(home)] == ["from the child"]


BEHAVIOURS = {
    "last resort": "logging.warning('no configuration'); logging.getLogger('a').error('last resort')",
    "none": "logging.lastResort = None; logging.getLogger('a').error('nobody hears'); logging.getLogger('a').error('again')",
    "disabled": "logging.basicConfig(); logging.disable(50); logging.error('off')",
    "bad arguments": "logging.basicConfig(); logging.warning('args %d', 'no number')",
    "subclass": """
class Own(logging.Logger):
    def callHandlers(self, record): print('mine', record.getMessage())
logging.setLoggerClass(Own)
logging.getLogger('b').warning('x')
""",
    "handle error": """
class Bad(logging.Handler):
    def emit(self, record):
        try: 1/0
        except Exception: self.handleError(record)
logging.getLogger().addHandler(Bad())
logging.warning('x')
""",
    "raising handler": """
class Raises(logging.Handler):
    def emit(self, record): 1/0
logging.getLogger().addHandler(Raises())
logging.warning('x')
""",
    "frames": """
import sys
class Depth(logging.Handler):
    def emit(self, record):
        frame = sys._getframe()
        while frame: print(frame.f_code.co_name, frame.f_lineno); frame = frame.f_back
logging.getLogger().addHandler(Depth())
logging.warning('x')
""",
    "evil": """
class Evil:
    def __str__(self): raise ValueError('no text')
    __repr__ = __str__
logging.basicConfig()
logging.warning('%s', Evil())
print('alive')
""",
    "filter": """
logging.basicConfig(format='%(message)s')
log = logging.getLogger('f')
log.addFilter(lambda r: 'yes' in r.msg)
log.warning('yes')
log.warning('no')
""",
}


@pytest.mark.parametrize("text", list(BEHAVIOURS.values()), ids=list(BEHAVIOURS))
@pytest.mark.parametrize("version", ["3.8", "3.11", "3.13"])
def test_logging_behaves_to_the_letter(script, text, version):
    """Output, tracebacks and the frames that a handler sees are the bare script's."""
    same([interpreter(version), script("import logging\n" + text)])


def test_records_that_a_filter_rejects_are_not_kept(home, script):
    """What the script's own logger drops is not ours; what passes is."""
    text = "import logging\nlog = logging.getLogger('f')\nlog.addFilter(lambda r: 'yes' in r.msg)\nlog.warning('yes')\nlog.warning('no')\n"
    same([sys.executable, script(text)])
    assert [line["msg"] for line in records(home)] == ["yes"]


def test_a_run_handler_on_the_way_keeps_the_record_once(home, script):
    """The hook is mute where the script has a RunHandler itself."""
    text = """\
import logging, outrider
logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
logging.getLogger("a.b").info("handled")
quiet = logging.getLogger("quiet")
quiet.propagate = False
quiet.addHandler(logging.StreamHandler())
quiet.warning("hooked")
"""
    assert result([*RUN, sys.executable, script(text)])[0] == 0
    assert [(line["msg"], line.get("via")) for line in records(home)] == [("handled", None), ("hooked", "hook")]


def test_records_of_threads_and_os_exit_are_kept(home, script):
    """No flush is needed: what `logging` returned from is kept."""
    text = """\
import logging, os, threading
logging.basicConfig(level="INFO")
threads = [threading.Thread(target=logging.info, args=("thread %d", i)) for i in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
os._exit(3)
"""
    assert result([*RUN, sys.executable, script(text)])[0] == 3
    assert sorted(line["msg"] for line in records(home)) == [f"thread {i}" for i in range(8)]


@pytest.mark.parametrize("version", ["3.8", "3.11", "3.13"])
def test_an_uncaught_exception_is_known_whoever_imports_atexit(home, script, version):
    """The script gets the module in which ours is registered; what it registers there runs as ever, ours too."""
    text = "import atexit\natexit.register(print, 'first')\nimport atexit as same\nsame.register(print, 'second')\nprint({} [0])\n"
    assert same([interpreter(version), script(text)])[1] == b"second\nfirst\n"
    assert end(home)["err"]["type"] == "KeyError"


@pytest.mark.parametrize("version", ["3.8", "3.11", "3.13"])
def test_an_uncaught_exception_is_the_runs_reason(home, script, version):
    """With its traceback, though the script never imports logging; exit code and stderr are Python's."""
    text = "def f():\n    raise KeyError('boom')\nprint('before')\nf()\n"
    assert same([interpreter(version), script(text)])[0] == 1
    found = end(home)
    assert (found["status"], found["reason"], found["code"]) == ("Failed", "exception", 1)
    assert (found["err"]["type"], found["err"]["message"]) == ("KeyError", "'boom'")
    assert "in f\n" in found["err"]["traceback"]
    assert list((Path(home) / "spool").glob("*/.exception-*")) == []


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("import sys; sys.exit(1)", 1, "exit-code"),
        ("import sys\ntry: 1/0\nexcept Exception as e: sys.last_value = sys.last_exc = e\nsys.exit(0)", 0, "completed"),
        ("import subprocess, sys; subprocess.call([sys.executable, '-c', '1/0']); sys.exit(1)", 1, "exit-code"),
        ("1/", 1, "exception"),
    ],
    ids=["sys.exit", "caught and set by a shell", "a child's", "a syntax error"],
)
def test_only_what_ended_the_command_is_its_exception(home, script, text, code, reason):
    """An exception that the exit code does not confirm, or another process's, is not the run's."""
    assert same([sys.executable, script(text)])[0] == code
    assert end(home)["reason"] == reason


def test_a_keyboard_interrupt_is_a_death_by_signal(home, script):
    """Python dies of SIGINT after it has printed its traceback; nothing of ours may make it forget that."""
    code, _, _ = same([sys.executable, script("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(60)\n")])
    assert code == -2
    assert (end(home)["reason"], end(home)["sig"]) == ("signal", 2)


def test_the_run_api_joins_the_run(home, script):
    """The first start_run() of a script is the run that it was started in."""
    text = "import outrider, json, os\nrun = outrider.start_run('chosen')\nrun.log('loss', 0.5, step=1)\nprint(json.dumps(run.id))\n"
    code, out, _ = result([*RUN, sys.executable, script(text)])
    assert code == 0
    assert json.loads(out) == lines(home, "run", "keeper-")[0]["run"] if "run" in lines(home, "run", "keeper-")[0] else True
    assert [line["v"] for line in lines(home, "m", "py-")] == [0.5]
    assert len(os.listdir(Path(home) / "spool")) == 1
