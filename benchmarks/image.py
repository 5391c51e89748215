"""The agent in a container that has nothing to do: its processor time with the health checks in it, its memory, its image's size."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure

ROOT = Path(__file__).resolve().parents[1]
#: Two health checks fall into it, as into every such time.
SECONDS = 120


def figure_of(container, *names):
    """A counter of the container's own cgroup, by its name in version 1 or 2."""
    folders = Path("/sys/fs/cgroup").rglob(f"*{container}*")
    files = (folder / name for folder in folders for name in names)
    return next(file.read_text() for file in files if file.is_file())


def cpu_seconds(container):
    text = figure_of(container, "cpuacct.usage", "cpu.stat")
    return int(text.split()[1]) / 1e6 if text.startswith("usage_usec") else int(text) / 1e9


def measure(short):
    if short or shutil.which("dockerd") is None:
        return []
    sys.path.insert(0, str(ROOT / "tests" / "rigs"))
    import agent_image
    import docker_rig

    with tempfile.TemporaryDirectory() as folder, docker_rig.Engine() as engine:
        agent_image.build(engine, Path(folder))
        sizes = [int(engine("image", "inspect", "--format", "{{.Size}}", name)) for name in (agent_image.BASE, agent_image.IMAGE)]
        container = engine(
            "run", "--detach", "--network=none", "--read-only", "--tmpfs=/tmp", "--volume=home:/var/lib/outrider", "outrider-agent"
        )
        time.sleep(15)  # a start is not idling
        before, began = cpu_seconds(container), time.monotonic()
        time.sleep(SECONDS)
        share = 100 * (cpu_seconds(container) - before) / (time.monotonic() - began)
        memory = int(figure_of(container, "memory.usage_in_bytes", "memory.current"))
    return [
        Figure("agent idle in a container, health checks included", share, "% of a core", 0.5),
        Figure("memory of that container", memory / 1e6, "MB", 80),
        Figure("agent's image above its base", (sizes[1] - sizes[0]) / 1e6, "MB", 120),
    ]
