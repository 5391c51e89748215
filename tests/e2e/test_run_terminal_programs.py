"""Programs that live on a terminal, under `outrider run`: the screen shows what it shows without. Law 1; each beside the bare program."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from screens import IDLE, Pair
from tracked import cmdline, gone, of_home


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


def over(pair, code=0):
    """The shell is there again, the program's code and the terminal's modes as they should be."""
    pair.command('echo "code $? of $(stty -g)"', shows=f"code {code} of ")


def test_an_editor(tmp_path):
    """Opened, written in, its window resized, stopped and continued, saved."""
    with Pair(tmp_path) as pair:
        pair.command("$T vi -u NONE -i NONE text", shows='"text"')
        pair.keys("ifirst line", "Enter", "second", "Escape", shows="second")
        pair.resize(20, 60, shows="second")
        pair.keys("C-z", shows=IDLE)
        pair.command("jobs", shows="Stopped")
        pair.command("fg", shows="second")
        pair.keys(":wq", "Enter", shows=IDLE)
        over(pair)
        assert (pair.ours.folder / "text").read_text() == (pair.bare.folder / "text").read_text() == "first line\nsecond\n"


def test_an_editor_whose_front_is_killed(tmp_path, home):
    """`kill -9` of what the shell started: it has its terminal back, with its modes, as after the same for the bare editor."""
    with Pair(tmp_path) as pair:
        pair.command("$T vi -u NONE -i NONE text", shows='"text"')
        pair.keys("itext", shows="text\n")
        for screen in (pair.bare, pair.ours):
            os.kill(screen.foreground(), signal.SIGKILL)
        pair.wait(IDLE)
        over(pair, 137)
        (editor,) = [pid for pid in of_home(home) if cmdline(pid).startswith(b"vi\0") and os.getsid(pid) != os.getsid(pair.bare.shell())]
        os.kill(editor, signal.SIGKILL)  # the command goes on, without keys


def test_a_pager(tmp_path):
    """Forward, to the end, searched backward, left."""
    with Pair(tmp_path, {"LESS": ""}) as pair:
        for screen in (pair.bare, pair.ours):
            (screen.folder / "text").write_text("".join(f"line {number}\n" for number in range(1000)))
        pair.command("$T less text", shows="line 28")
        pair.keys("Space", shows="line 57")
        pair.keys("G", shows="line 999")
        pair.keys("?line 500", "Enter", shows="line 510")
        pair.keys("q", shows=IDLE)
        over(pair)


def test_ipython(tmp_path):
    """It asks the terminal where the cursor is, and reads the answer among the keys."""
    options = "--no-banner --no-confirm-exit --HistoryManager.hist_file=:memory: --profile-dir=profile"
    with Pair(tmp_path, {"IPYTHONDIR": str(tmp_path / "ipython")}) as pair:
        pair.command(f"$T {sys.executable} -m IPython {options}", shows="In [1]:")
        pair.keys("value = 6 * 7", "Enter", shows="In [2]:")
        pair.keys("Up", shows="In [2]: value = 6 * 7")
        pair.keys("C-c", shows="cursor 8,")
        pair.keys("value + 1", "Enter", shows="43")
        pair.keys("import time; print('as', 'leep'); time.sleep(99)", "Enter", shows="as leep")
        pair.keys("C-c", shows="In [4]:")
        pair.keys("%debug", "Enter", shows="ipdb>")
        pair.keys("q", "Enter", shows="In [5]:")
        pair.keys("C-d", shows=IDLE)
        over(pair)


def test_a_debugger_with_its_line_editing(tmp_path):
    """History and cursor keys; the script goes on."""
    with Pair(tmp_path) as pair:
        for screen in (pair.bare, pair.ours):
            (screen.folder / "debugged.py").write_text("x = 41\nbreakpoint()\nprint('x is', x)\n")
        pair.command(f"$T {sys.executable} debugged.py", shows="(Pdb)")
        pair.keys("x += 2", "Enter", shows="x += 2")
        pair.keys("Up", "Left", "BSpace", "-", "Enter", shows="x +=-2")
        pair.keys("p x", "Enter", shows="41")
        pair.keys("c", "Enter", shows=f"x is 41\n{IDLE}")
        over(pair)


BAR = """
import time
from tqdm import tqdm
for _ in tqdm(range(3), dynamic_ncols=True, mininterval=0, miniters=1, bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt}"):
    input()
print("over")
"""


def test_a_progress_bar(tmp_path):
    """Drawn in place, as wide as the window."""
    with Pair(tmp_path) as pair:
        for screen in (pair.bare, pair.ours):
            (screen.folder / "bar.py").write_text(BAR)
        pair.command(f"$T {sys.executable} bar.py", shows="| 0/3")
        pair.keys("Enter", shows="| 1/3")
        pair.resize(30, 60, shows="| 1/3")
        pair.keys("Enter", shows="| 2/3")
        pair.keys("Enter", shows=f"over\n{IDLE}")
        over(pair)


def test_what_asks_for_the_size_and_clears(tmp_path):
    """`tput`, `stty`, `clear`, colours; passwords by the shell's own `read -s`."""
    with Pair(tmp_path) as pair:
        pair.command("$T tput cols; $T tput lines; $T stty size", shows=f"30 100\n{IDLE}")
        pair.command("$T sh -c 'tput setaf 1; tput bold; echo red; tput sgr0'", shows=f"red\n{IDLE}")
        pair.command("$T clear", shows=IDLE)
        pair.command("$T bash -c 'read -s -p \"Password: \" word; echo; echo ${#word} letters'", shows="Password:")
        pair.keys("secret", "Enter", shows=f"6 letters\n{IDLE}")
        over(pair)


def test_started_in_the_background(tmp_path):
    """`&` in an interactive shell: it prints; it stops when it reads; `fg` gives it the keys; Ctrl-C is its own."""
    with Pair(tmp_path) as pair:
        stopped = "while ! jobs | grep -q Stopped; do sleep 0.05; done; jobs"
        pair.command(f"set +b; $T sh -c 'echo begun; read word; echo got $word; sleep 99' 2>&1 & {stopped}", shows=IDLE)
        pair.command("fg", shows="fg\n$T sh")
        pair.keys("word", "Enter", shows="got word")
        pair.keys("C-c", shows=f"^C\n{IDLE}")
        over(pair, 130)


def test_the_terminals_own_line_editing(tmp_path):
    """Erase (of wide and composed characters too), word, line, the next key as it is, output held and let go."""
    with Pair(tmp_path) as pair:
        pair.command("$T cat -v", shows="cat -v\n")
        pair.keys("wörld", "BSpace", "BSpace", "BSpace", "BSpace", "o", "Enter", shows="wo\nwo")
        pair.keys("漢字", "BSpace", "Enter", shows="漢")
        pair.keys("one two", "C-w", "2", "Enter", shows="one 2\none 2")
        pair.keys("gone", "C-u", "kept", "Enter", shows="kept\nkept")
        pair.keys("C-v", "C-c", "Enter", shows="^C\n^C")
        pair.keys("C-s", "held", "Enter", "C-q", shows="held\nheld")
        pair.keys("C-d", shows=IDLE)
        over(pair)


TWO = """
import os, subprocess
words = os.environ["T"].split()
def start(script):
    return subprocess.Popen([*words, "sh", "-c", script])
for name in "abc":
    os.mkfifo(name)
one = start("echo one; echo > a; read word < b; echo one over")
open("a").read()
two = start("echo > a; read word < c; echo two goes on; read word; echo two has $word")
open("a").read()
open("b", "w").close()
one.wait()
open("c", "w").close()
two.wait()
"""


def test_two_at_once_on_one_terminal(tmp_path):
    """A launcher's: lines end as lines, the terminal is left as it was, the later one has the keys when the first has ended."""
    with Pair(tmp_path) as pair:
        for screen in (pair.bare, pair.ours):
            (screen.folder / "two.py").write_text(TWO)
        pair.command(f"{sys.executable} two.py", shows="two goes on")
        pair.keys("word", "Enter", shows=f"two has word\n{IDLE}")
        over(pair)


def test_one_stopped_and_another_in_front(tmp_path):
    """Each job has the keys while it is the one in front."""
    with Pair(tmp_path) as pair:
        pair.command("$T vi -u NONE -i NONE text", shows='"text"')
        pair.keys("C-z", shows=f"text\n{IDLE}")
        pair.command("$T sh -c 'echo ready; read word; echo got $word'", shows="\nready")
        pair.keys("word", "Enter", shows=f"got word\n{IDLE}")
        pair.command("fg", shows="alternate 1")
        pair.keys(":q", "Enter", shows=IDLE)
        over(pair)
