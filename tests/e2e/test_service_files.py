"""`outrider service`: the files it writes for a user, whatever the paths are called; a machine without systemd is told so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from outrider_agent.cli import service


def run(*arguments, **environment):
    command = [sys.executable, "-m", "outrider", "service", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_a_users_unit_runs_this_python_with_this_home(tmp_path):
    """Rule: what is installed is what was asked for; a home with blanks and percent signs stays one word."""
    home = tmp_path / "my 100% home"
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "OUTRIDER_HOME": str(home)}
    done = run("install", "--user", "--files-only", **environment)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / ".config/systemd/user/outrider-agent.service").read_text()
    assert f"ExecStart={sys.executable} -m outrider_agent --foreground\n" in text
    assert f'Environment="OUTRIDER_HOME={str(home).replace("%", "%%")}"\n' in text
    assert "/opt/outrider" not in text
    assert run("uninstall", "--files-only", **environment).returncode == 0
    assert not (tmp_path / ".config/systemd/user/outrider-agent.service").exists()


def test_a_machine_without_systemd_is_told_so(tmp_path):
    """Rule: what happened, what it means, what to do."""
    done = run("status", HOME=str(tmp_path), PATH="/nowhere")
    assert done.returncode == 1
    assert "`outrider agent` works without it" in done.stderr


@pytest.mark.parametrize(
    ("word", "spelled"), [("/a/b", "/a/b"), ("/a b", '"/a b"'), ('/a"b', '"/a\\"b"'), ("/100%", "/100%%"), ("/$x", "/$$x")]
)
def test_words_of_a_unit_are_quoted_as_systemd_reads_them(word, spelled):
    """systemd.syntax(7), and specifiers and variables of systemd.unit(5) and systemd.service(5)."""
    assert service.quoted(word, in_command=True) == spelled
    assert service.quoted("A=$x") == "A=$x"


def test_the_units_are_found_in_a_checkout():
    """Rule: an editable install works too."""
    assert (service.units() / "user" / service.UNIT).is_file()
