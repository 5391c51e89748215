"""The agent's image, built by deploy/Dockerfile from this tree's wheel, on the tests' own engine: nothing is pulled or asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
IMAGE, BASE = "outrider-agent", "base"
LIBRARY = "usr/lib/python3/dist-packages"


def wheels(context):
    """dist/ in the context, as the Dockerfile wants it: our wheel, and those that it needs."""
    pip, folder = [sys.executable, "-m", "pip"], context / "dist"
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)], check=True, timeout=120)
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["agent"]
    command = [*pip, "download", "--quiet", "--only-binary=:all:", "-c", str(ROOT / "constraints.txt"), "-d", str(folder), *extra]
    subprocess.run(command, check=True, timeout=240)


def build(engine, context):
    """The image `base`, and on it the agent's."""
    wheels(context)
    _fill_base(context / "base")
    make(engine, BASE, context, f"FROM {engine.python()}\nCOPY base /\nENV PYTHONPATH=/{LIBRARY}\n")
    make(engine, IMAGE, context, (ROOT / "deploy/Dockerfile").read_text(), f"--build-arg=BASE={BASE}", "--build-arg=PIP_NO_INDEX=1")


def make(engine, name, context, text, *options):
    """Built by BuildKit: with the rig's storage driver the older builder copies the whole image for each line."""
    (context / "Dockerfile").write_text(text)
    with patch.dict("os.environ", DOCKER_BUILDKIT="1"):
        engine("build", "--quiet", "--network=none", *options, "-t", name, context, timeout=400)


def _fill_base(folder):
    """What a Python image has and the rig's has not: pip, and the parts of glibc that wheels for older systems ask for."""
    import pip

    shutil.copytree(Path(pip.__file__).parent, folder / LIBRARY / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for name in ("libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libm.so.6", "libgcc_s.so.1"):
        path = next(line.split()[-1] for line in known.splitlines() if line.split()[:1] == [name])
        (folder / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.lstrip("/"))
