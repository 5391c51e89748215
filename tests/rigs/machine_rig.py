"""
A Debian machine of the tests' own, booted: systemd as process 1, its own network and processes, gone with the tests.

Its files are installed once (build/machine, by mmdebstrap from the package sources of the machine that the tests run on) and copied for
each boot. Nothing of it is registered with the host's systemd, which may not be there at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import signal
import subprocess
from pathlib import Path

from waiting import until

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "build" / "machine"
#: dbus and libpam-systemd: a person's own service manager, which logind starts.
PACKAGES = ["systemd", "systemd-sysv", "python3", "dbus", "libpam-systemd"]

_BOOT_S = 120.0
_LEAN = ["force-unsafe-io", "path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/man/*"]


def template():
    """The machine's files, installed when they are not there yet. Whoever comes second waits."""
    TEMPLATE.parent.mkdir(parents=True, exist_ok=True)
    with (TEMPLATE.parent / "machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made, wanted = TEMPLATE / ".made", " ".join(PACKAGES)
        if not made.exists() or made.read_text() != wanted:
            shutil.rmtree(TEMPLATE, ignore_errors=True)
            _install(TEMPLATE)
            made.write_text(wanted)
    return TEMPLATE


def _install(folder):
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--include={','.join(PACKAGES)}"]
    command += [f"--dpkgopt={option}" for option in _LEAN]
    command += [f'--aptopt={name} "{value}"' for name, value in _proxies()]
    done = subprocess.run([*command, codename, str(folder), *_sources(codename)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"the machine could not be installed:\n{done.stderr[-3000:]}"


def _sources(codename):
    """Where this machine gets the packages of its own release from, as lines of sources.list."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)", "Created-By: Packages"]
    found = []
    for refresh in (["true"], ["apt-get", "update", "-qq"]):  # apt tells only of sources whose lists it has
        subprocess.run(refresh, check=True, timeout=300)
        rows = [line.split() for line in subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()]
        found = found or [row[0] for row in rows if row[1:] == [codename, "main", "Debian"]]
        if found:
            break
    assert found, "apt knows no source of Debian's main packages"
    return [f"deb {found[0]} {codename} main"]


def _proxies():
    for name in ("Acquire::http::Proxy", "Acquire::https::Proxy"):
        value = subprocess.run(["apt-config", "shell", "PROXY", name], capture_output=True, text=True, check=True).stdout
        if value.strip():
            yield name, value.strip().removeprefix("PROXY=").strip("'")


class Machine:
    """`with Machine(folder) as machine:`. `machine("systemctl", …)` runs a command in it, and returns what it printed."""

    def __init__(self, folder):
        self.root = Path(folder) / "machine"
        self._console = Path(folder) / "console"
        self._process = self._leader = None

    def __enter__(self):
        subprocess.run(["cp", "--archive", "--reflink=auto", str(template()), str(self.root)], check=True)
        return self

    def __exit__(self, *_error):
        self.end()
        shutil.rmtree(self.root, ignore_errors=True)

    def boot(self):
        """Returns when the machine is up."""
        # Without a hierarchy of its own the machine's systemd would use version 1 of cgroups where the host does.
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        command = ["setpriv", "--pdeathsig", "KILL", "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"]
        command += ["--private-network", "--link-journal=no", "--console=pipe", "--machine=outrider", f"--directory={self.root}"]
        with self._console.open("ab") as console:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment)
        self._leader = until(self._find_leader, _BOOT_S, "the machine has no first process")
        until(self._is_up, _BOOT_S, "the machine did not come up")
        return self

    def end(self, how=signal.SIGTERM):
        """Powers it off in order, or pulls the plug (SIGKILL). Idempotent."""
        process, self._process = self._process, None
        if process is None:
            return
        if how == signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._leader, signal.SIGKILL)
        else:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def command(self, *words):
        """The command line that runs it in the machine."""
        return ["nsenter", "--target", str(self._leader), "--all", "--", *map(str, words)]

    def __call__(self, *words, check=True, timeout=120, **more):
        """Runs it in the machine; its output without the last newline. Fails with what it printed."""
        done = subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False, **more
        )
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return (done.stdout + (done.stderr if not check else "")).rstrip("\n")

    def _find_leader(self):
        assert self._process.poll() is None, f"the machine did not start:\n{self._console.read_text(errors='replace')[-3000:]}"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        return None

    def _is_up(self):
        assert self._process.poll() is None, f"the machine ended:\n{self._console.read_text(errors='replace')[-3000:]}"
        return self("systemctl", "is-system-running", check=False).splitlines()[-1:] in (["running"], ["degraded"])
