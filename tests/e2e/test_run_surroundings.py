"""What surrounds a command may be odd (PYTHONPATH, locale, folder, limits): `outrider run` starts it as it would have started. Law 1."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from tracked import OUTRIDER, RUN, end, gone, lines, result, same
from waiting import until

MINE = "raise SystemExit('a module of the script, in Outrider')\n"


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


@pytest.fixture
def shadows(tmp_path):
    """A folder of the user's, with modules that have the names of some of the standard library's."""
    folder = tmp_path / "lib"
    folder.mkdir()
    for name in ("signal", "select", "stat", "fcntl", "struct", "argparse", "random", "json", "socket", "msgspec", "aiohttp"):
        (folder / f"{name}.py").write_text(MINE)
    return folder


def test_modules_on_pythonpath_are_the_commands(home, shadows, monkeypatch):
    """A `signal.py` there is nothing that the front or the keeper may import."""
    monkeypatch.setenv("PYTHONPATH", str(shadows))
    assert same(["sh", "-c", "echo $# out; exit 3", "x", "y"]) == (3, b"1 out\n", b"")
    assert end(home)["code"] == 3


def test_modules_on_pythonpath_are_not_the_agents(home, shadows, monkeypatch):
    """Nor one that the agent may import, or a reading command."""
    monkeypatch.setenv("PYTHONPATH", str(shadows))
    assert result([OUTRIDER, "run", "--", "echo", "out"]) == (0, b"out\n", b"")
    try:
        until((home / "agent.json").exists, message="the agent starts")
        code, out, err = result([OUTRIDER, "runs"])
        assert (code, b"echo" in out, err) == (0, True, b"")
    finally:
        monkeypatch.delenv("PYTHONPATH")
        result([OUTRIDER, "agent", "--stop"])


def test_modules_of_the_working_folder_are_the_commands(home, shadows):
    """`python -m outrider` finds them first."""
    run = [sys.executable, "-m", "outrider", "run", "--no-agent", "--"]
    assert same(["echo", "out"], run, cwd=shadows) == (0, b"out\n", b"")
    assert end(home)["code"] == 0


def test_a_command_has_no_locale_that_nobody_chose(home):
    """Where there is none, Python sets LC_CTYPE for itself and what it starts; `sort`, `ls` and perl heed it."""
    bare = {"PATH": os.environ["PATH"], "OUTRIDER_HOME": str(home)}
    chosen = {**bare, "LC_CTYPE": "C.UTF-8"}
    show = ["sh", "-c", "echo ${LC_CTYPE-none} ${LC_ALL-none} ${LANG-none}"]
    assert same(show, env=bare) == (0, b"none none none\n", b"")
    assert same(show, env=chosen) == (0, b"C.UTF-8 none none\n", b"")


def test_a_variable_without_a_name_stops_nothing(home):
    """`env =x` makes one, which Python reads and cannot pass on."""
    assert result(["env", "=x", *RUN, "sh", "-c", "exit 3"]) == (3, b"", b"")
    assert end(home)["code"] == 3


def test_a_deleted_working_folder_stops_nothing(home, tmp_path):
    """The command may not need it."""
    gone_folder = tmp_path / "gone"
    script = f"mkdir {gone_folder}; cd {gone_folder}; rmdir {gone_folder}; exec "
    assert result(["sh", "-c", script + " ".join(RUN) + " expr 1 + 2"]) == (0, b"3\n", b"")
    (found,) = lines(home, "run")
    assert (found["cwd"], found["outputs"], found["experiment"]) == ("", [], "default")


def test_a_user_without_a_name_gets_no_folder_called_tilde(tmp_path):
    """As in a container that runs with a user id of its own: without a home nothing is kept, and that is said."""
    tmp_path.chmod(0o777)
    environ = {"PATH": os.environ["PATH"], "OUTRIDER_AGENT_AUTOSTART": "0"}
    command = ["setpriv", "--reuid", "54321", "--clear-groups", *RUN, "echo", "out"]
    if os.getuid() != 0:
        pytest.skip("only root may become another user")
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"out\n")
    assert done.stderr.startswith(b"outrider: cannot write to the spool in /.local/state/outrider")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [6, 8, 10, 12, 14, 16, 18, 20])
def test_too_few_descriptors_for_a_keeper_are_enough_for_the_command(left):
    """It runs untracked, which is said; or there are enough."""
    code, out, err = result(["sh", "-c", f"ulimit -n {left}; exec " + " ".join(RUN) + " expr 1 + 2"])
    assert (code, out) == (0, b"3\n")
    assert err in (b"", b"outrider: cannot start a keeper (Too many open files): the command runs untracked\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_process_1_of_a_container_ends_with_the_signals_code(home, number):
    """No signal of its own can kill it: a command that was killed for memory is 137 to whoever runs the container."""
    contained = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", *RUN]
    assert result([*contained, "sh", "-c", f"ulimit -c 0; kill -{int(number)} $$"]) == (128 + number, b"", b"")
    assert end(home)["sig"] == number


def test_records_made_without_a_descriptor_are_kept_with_the_first_that_finds_some(home, tmp_path):
    """Law 2: a script that has used up its descriptors logs for the first time, and lets some go later."""
    (tmp_path / "full.py").write_text(
        "import logging, os, resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "held = []\n"
        "try:\n"
        "    while True: held.append(os.open('/dev/null', 0))\n"
        "except OSError: pass\n"
        "logging.warning('one'); logging.warning('two')\n"
        "for fd in held: os.close(fd)\n"
        "logging.warning('three')\n"
    )
    same([sys.executable, str(tmp_path / "full.py")])
    assert [line["msg"] for line in lines(home, "l")] == ["one", "two", "three"]


def test_a_script_that_only_asks_where_logging_is_may_import_it_later(home, tmp_path):
    """Asking is not importing: its records are heard all the same."""
    path = tmp_path / "asks.py"
    path.write_text(
        "import importlib.util, sys\n"
        "found = importlib.util.find_spec('logging')\n"
        "import logging\n"
        "logging.warning('heard')\n"
        "print(found.origin == logging.__file__, logging.__spec__.loader, type(logging.__loader__).__name__)\n"
    )
    code, out, _ = result([*RUN, sys.executable, str(path)])
    assert (code, b"SourceFileLoader\n" in out, b"True" in out) == (0, True, True)
    assert [line["msg"] for line in lines(home, "l")] == ["heard"]
