"""
A run's charts, as a frame of its own below what `_widget_page` shows: the page that `outrider export --html` writes.

For front ends that run scripts; elsewhere a sentence says so, and what stands above it is whole without. The page is packed:
what it adds to a saved notebook is about a hundred kilobytes, and what the run's own points and pictures take.
"""

from __future__ import annotations

import os
import sys
from html import escape

from outrider import control

#: So long the page may take to be made; so large, packed, it may be in a notebook.
_PATIENCE_S = 20.0
_MOST_BYTES = 1 << 20
_HEIGHT_PX = 640
#: What is read in the frame where no script may run, and in its place where no frame may be.
_WITHOUT = "The charts are drawn by scripts, and none may run here. They are in the portal, too: <code>outrider ui</code>."
_LOADER = (
    f'<p style="font:13px system-ui,sans-serif;color:#777">{_WITHOUT}</p>'
    "<script>(async()=>{const said=document.querySelector('p');said.hidden=true;try{"
    'const packed=Uint8Array.from(atob("%s"),char=>char.charCodeAt(0));'
    'const page=await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();'
    "document.open();document.write(page);document.close()}catch(error){said.hidden=false}})()</script>"
)


def fragment(home: str, run_id: str) -> str:
    """The frame; empty where the agent is not installed here, or the page cannot be had, or is too large. Raises nothing."""
    from base64 import b64encode
    from gzip import compress

    page = _page(home, run_id) if control.can_start_agent() else b""
    return frame(b64encode(compress(page, 9)).decode()) if page else ""


def frame(packed: str, name: str = "") -> str:
    """The frame of a page that is packed by gzip and spelled in base64; empty where that is too large for a notebook."""
    if len(packed) * 3 // 4 > _MOST_BYTES:
        return ""
    loader = escape(_LOADER % packed, quote=True)
    return (
        f'<details class="outrider-charts" open><summary>Charts</summary><p>{_WITHOUT}</p>'
        '<style>.outrider-charts>p{display:none}</style><iframe title="Charts of the run" '
        f'name="{escape(name)}" loading="lazy" '
        f'sandbox="allow-scripts allow-downloads" style="width:100%;height:{_HEIGHT_PX}px;border:0" srcdoc="{loader}"></iframe></details>'
    )


def command(home: str, run_id: str) -> list[str]:
    """What writes the page to stdout: a process of its own, for it needs the agent's part, which a script's process never imports."""
    return [sys.executable, "-m", "outrider", "export", run_id, "--html", "-o", "-", "--home", home]


def environment() -> dict[str, str]:
    """That process's environment: what is said of a run to processes that track must not reach one that only reads."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OUTRIDER_RUN_")}
    environ.update(OUTRIDER_DISABLED="1", OUTRIDER_AGENT_AUTOSTART="0", PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    return environ


def _page(home: str, run_id: str) -> bytes:
    import subprocess

    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "env": environment(), "cwd": "/", "timeout": _PATIENCE_S}
    try:
        done = subprocess.run(command(home, run_id), check=False, **options)  # type: ignore[call-overload] # by name
    except (OSError, subprocess.SubprocessError):
        return b""
    return bytes(done.stdout) if done.returncode == 0 else b""
