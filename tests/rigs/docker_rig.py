"""
A Docker engine of the tests' own: real, apart from any other on the machine, gone with the tests.

Everything it has (images, containers, its socket, its containerd) is below one folder of its own. Nothing is pulled: images are imported
from folders. There is no network but the machine's own (`--network=host`) or none at all. It ends with the process that made it, however
that ends; it takes its containers along.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from waiting import until

#: The images that are there. `python` is made when it is first asked for: it takes a second or two.
BUSYBOX, PYTHON = "busybox", "python"

_START_S = 120.0


def _client():
    """Debian's, where there are several: the engine's own version."""
    return "/usr/bin/docker" if os.access("/usr/bin/docker", os.X_OK) else "docker"


class Engine:
    """`with Engine() as engine:`. `engine("run", …)` is the docker command, and returns what it printed."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="outrider-docker-"))
        self.root = self.folder / "data"
        self.socket = self.folder / "docker.sock"
        self.log = self.folder / "dockerd.log"
        self._process = None

    @property
    def host(self):
        """As DOCKER_HOST spells it."""
        return f"unix://{self.socket}"

    def __enter__(self):
        try:
            self.start()
            self("import", "-", BUSYBOX, stdin=_archive(_busybox))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error):
        self.close()

    def __call__(self, *arguments, stdin=None, check=True, timeout=120):
        """One docker command; its output without the last newline. Fails with what it printed."""
        command = [_client(), "--host", self.host, *map(os.fspath, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stderr.decode(errors='replace')}"
        return done.stdout.decode(errors="replace").rstrip("\n")

    def start(self):
        """The daemon, as it was left."""
        # setpriv: SIGTERM when the tests' process dies, be it killed.
        command = [
            "setpriv",
            "--pdeathsig",
            "TERM",
            "dockerd",
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            "--storage-driver=vfs",
        ]
        command += [f"--data-root={self.root}", f"--exec-root={self.folder / 'exec'}", f"--pidfile={self.folder / 'pid'}"]
        command += [f"--host={self.host}", "--config-file", str(self._config())]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        until(self._is_up, _START_S, f"dockerd does not answer; {self.log} says why")

    def stop(self, how=signal.SIGTERM):
        """Ends the daemon; on SIGTERM it ends its containers too, killed it leaves them running. `start` begins it anew."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)
        self._process = None

    def run(self, *arguments, image=BUSYBOX, network="none"):
        """A container in the background: `arguments` are docker's options, then a `"--"` and the command. Its id."""
        cut = arguments.index("--")
        return self("run", "--detach", f"--network={network}", *arguments[:cut], image, *arguments[cut + 1 :])

    def inspect(self, container):
        """What the engine says of it."""
        return json.loads(self("inspect", container))[0]

    def wait(self, container):
        """Until it has ended; its exit code."""
        return int(self("wait", container))

    def log_path(self, container):
        """Its json-file."""
        return Path(self.inspect(container)["LogPath"])

    def python(self):
        """Sees to it that there is the image `python`: the machine's own Python 3, its library, and busybox. Its name."""
        if not self("images", "--quiet", PYTHON):
            self("import", "-", PYTHON, stdin=_archive(_python))
        return PYTHON

    def remove_all(self):
        """Every container, running or not."""
        if found := self("ps", "--all", "--quiet").split():
            self("rm", "--force", "--volumes", *found)

    def close(self):
        """Ends everything and removes the folder."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                self.remove_all()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
        remove(self.folder)

    def _is_up(self):
        assert self._process.poll() is None, f"dockerd ended:\n{self.log.read_text(errors='replace')[-3000:]}"
        return self.socket.exists() and self("version", "--format", "{{.Server.Version}}", check=False, timeout=30)

    def _config(self):
        """An empty one: what the machine's says of other engines is not for this one."""
        path = self.folder / "daemon.json"
        path.write_text("{}")
        return path


def remove(folder):
    """The folder of an engine that has ended, with what it left mounted there."""
    _unmount(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _unmount(folder):
    """What a killed daemon left mounted below the folder, the deepest first."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for path in sorted((path for path in mounted if path.startswith(f"{folder}/")), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", path], check=False, capture_output=True)


def _archive(fill):
    """A folder that `fill` has filled, as a tar."""
    with tempfile.TemporaryDirectory(prefix="outrider-image-") as folder:
        Path(folder).chmod(0o755)  # it becomes the image's /, which other users than root pass through
        fill(Path(folder))
        return subprocess.run(["tar", "--create", "--directory", folder, "."], stdout=subprocess.PIPE, check=True).stdout


def _busybox(folder):
    """/bin with all of busybox's commands (Debian's busybox-static), /tmp, /etc/passwd."""
    for name in ("bin", "tmp", "etc", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "tmp").chmod(0o1777)
    (folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    shutil.copy("/bin/busybox", folder / "bin/busybox")
    for name in subprocess.run(["/bin/busybox", "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split():
        if name != "busybox":
            (folder / "bin" / name).symlink_to("busybox")


def _python(folder):
    """/usr/bin/python3 as Debian has it, with its library (without what only developers need) and the shared objects they need."""
    _busybox(folder)
    binary = Path("/usr/bin/python3").resolve()
    library = Path("/usr/lib") / binary.name
    (folder / "usr/bin").mkdir(parents=True)
    shutil.copy(binary, folder / "usr/bin" / binary.name)
    (folder / "usr/bin/python3").symlink_to(binary.name)
    left_out = shutil.ignore_patterns(
        "__pycache__", "test", "tests", "idlelib", "tkinter", "lib2to3", "config-*", "ensurepip", "turtledemo"
    )
    shutil.copytree(library, folder / library.relative_to("/"), ignore=left_out, symlinks=False, ignore_dangling_symlinks=True)
    for needed in _shared_objects([binary, *library.glob("lib-dynload/*.so")]):
        target = folder / needed.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(needed, target)


def _shared_objects(files):
    """Paths of all that the dynamic linker would load for them."""
    told = subprocess.run(["ldd", *map(str, files)], stdout=subprocess.PIPE, text=True, check=True).stdout
    words = (word for line in told.splitlines() for word in line.split())
    return sorted({word for word in words if word.startswith("/") and not word.endswith(":")})
