"""Two real terminals (tmux) side by side, one with the bare command and one with the tracked: the same keys, and the same on the screen."""

from __future__ import annotations

import os
import re
import shlex
import subprocess

from terminals import PROMPT, SHELLS
from tracked import RUN
from waiting import until

SIZE = (30, 100)
IDLE = f"{PROMPT.strip()}\n"  #: on the screen: a prompt, and nothing typed behind it


class Screen:
    """A terminal that draws, and answers what programs ask of it: where the cursor is, what it can do."""

    def __init__(self, folder, tracked, environ):
        self.folder = folder
        self._socket = str(folder.parent / "tmux")
        given = {"T": shlex.join(RUN) if tracked else "", "PS1": PROMPT, "INPUTRC": "/dev/null", "HISTFILE": "", **environ}
        shell = shlex.join(["env", *(f"{name}={value}" for name, value in given.items()), *SHELLS["bash"]])
        rows, columns = map(str, SIZE)
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", rows, "-c", str(folder), shell)
        self._tmux("set", "-s", "escape-time", "0")

    def _tmux(self, *arguments):
        environ = {name: value for name, value in os.environ.items() if not name.startswith("TMUX")}
        command = ["tmux", "-S", self._socket, *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True).stdout

    def keys(self, *names):
        """Types: names as tmux has them (`Enter`, `C-c`, `Up`), or text."""
        self._tmux("send-keys", *names)

    def resize(self, rows, columns):
        """The window's size becomes another."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def shell(self):
        """Its pid."""
        return int(self._tmux("display", "-p", "#{pane_pid}"))

    def foreground(self):
        """The process group that has the terminal; never the shell's own."""
        with open(f"/proc/{self.shell()}/stat", encoding="utf-8") as file:
            found = int(file.read().rpartition(")")[2].split()[5])
        assert found not in (0, self.shell())
        return found

    def state(self):
        """All that a person sees, but for pids and paths: the lines, where the cursor is, whether the screen is the alternate one."""
        seen = self._tmux("display", "-p", "cursor #{cursor_x},#{cursor_y} shown #{cursor_flag} alternate #{alternate_on}")
        shown = self._tmux("capture-pane", "-p").replace(self.folder.parent.name, "side")
        return re.sub(r"(?m)^(\[\d\]) \d+$", r"\1 PID", shown) + seen

    def close(self):
        """Nothing of it stays."""
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False)


class Pair:
    """The two. What is typed is typed on both, and they must come to show the same."""

    def __init__(self, tmp_path, environ=None):
        self._tmp_path = tmp_path
        self._environ = environ or {}
        self._screens = []

    def __enter__(self):
        for name, tracked in (("bare", False), ("ours", True)):
            folder = self._tmp_path / name / "work"  # of one length: programs show it
            folder.mkdir(parents=True, exist_ok=True)
            self._screens.append(Screen(folder, tracked, self._environ))
        self.bare, self.ours = self._screens
        self.wait(PROMPT.strip())
        return self

    def __exit__(self, *_):
        for screen in self._screens:
            screen.close()

    def wait(self, text):
        """Until the bare one shows this, and the tracked one all that the bare one shows."""
        try:
            until(lambda: text in self.bare.state() == self.ours.state())
        except AssertionError:
            shown = f"{self.bare.state()}\n{self.ours.state()}"
            raise AssertionError(f"not both show {text!r}; on the screens is, bare and tracked:\n{shown}") from None

    def keys(self, *names, shows):
        """Types on both, and waits until both show this."""
        for screen in self._screens:
            screen.keys(*names)
        self.wait(shows)

    def command(self, line, shows):
        """The shell's next command: typed when it is ready, run when it is shown, so that no prompt seen after that is an old one."""
        self.wait(IDLE)
        self.keys(line, shows=f"{IDLE.strip()} {line[:20]}")
        self.keys("Enter", shows=shows)

    def resize(self, rows, columns, shows):
        """Both windows."""
        for screen in self._screens:
            screen.resize(rows, columns)
        self.wait(shows)
