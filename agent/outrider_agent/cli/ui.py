"""`outrider ui`: starts the agent where none runs, and prints the address that opens the portal in a browser."""

from __future__ import annotations

import contextlib
import html
import json
import os
import tempfile
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from outrider import control
from outrider_agent import errors, layout
from outrider_agent.cli import fresh, output

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  outrider ui                    open the portal in the browser, and print its address
  outrider ui latest             the page of the last run
  outrider ui --no-browser       print the address only
  ssh -L 7433:127.0.0.1:7433 HOST   and open the address that `outrider ui` printed there

The address holds a key: it opens the portal for whoever has it. The browser exchanges it for a cookie.
"""
WAIT_S = 20.0
#: A browser has read the page that leads it on by then.
READ_S = 30.0


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="the page of this run: an id, the beginning of one, `latest`, EXPERIMENT#NUMBER"
    )
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md has the shape); opens no browser")
    parser.set_defaults(handler=ui)


def ui(args: argparse.Namespace) -> int:
    """Prints it, and opens it where there is a desktop."""
    home = fresh.home(args)
    where = layout.Layout(Path(home))
    info = _serving(args, where)
    path = _path(args)
    token = where.portal_token.read_text().strip()
    url = f"{info['url'].rstrip('/')}{path}?token={token}"
    if args.json:
        output.as_json({"url": url, "address": info["address"], "port": info["port"], "pid": info["pid"], "token": token})
        return 0
    output.say(url)
    if not args.no_browser and not _open(where, url):
        output.tell(_hint(info["port"]))
    return 0


def _path(args: argparse.Namespace) -> str:
    if not args.run:
        return "/"
    with fresh.reader(args) as store:
        return f"/runs/{quote(store.find_run(args.run))}"


def _serving(args: argparse.Namespace, where: layout.Layout) -> dict[str, Any]:
    """What `portal.json` says, once the agent that runs has written it."""
    home = os.fspath(where.home)
    if control.agent_info(home) is None:
        if not fresh.may_start(args):
            raise errors.Unavailable("no agent runs for this home, and it is the agent that serves the portal; start one: outrider agent")
        if where.home.is_dir():
            layout.probe(where.home)
        if not control.start_agent(home, wait=WAIT_S):
            raise errors.Unavailable(f"the agent did not start within {WAIT_S:g} s; {where.log} says why. Nothing is lost")
    deadline = time.monotonic() + WAIT_S
    while (info := _info(where)) is None:
        refused = _refused(home)
        if refused or time.monotonic() > deadline:
            raise errors.Unavailable(refused or f"the agent serves no portal; {where.log} says why, and so may `outrider status`")
        time.sleep(0.05)
    return info


def _info(where: layout.Layout) -> dict[str, Any] | None:
    try:
        found = json.loads(where.portal.read_text())
    except (OSError, ValueError):
        return None
    agent = control.agent_info(os.fspath(where.home)) or {}
    return found if isinstance(found, dict) and found.get("pid") == agent.get("pid") else None


def _refused(home: str) -> str | None:
    """Why the agent that runs has no portal."""
    try:
        portal = (control.request(home, "GET", "/status", timeout=5.0)[1] or {}).get("portal")
    except control.ControlError:
        return None
    if portal is None:
        return "the agent is of an older version and serves no portal; restart it: outrider agent --stop, then outrider ui"
    if portal.get("error"):
        return str(portal["error"])
    return None if portal.get("url") else "the portal is switched off; set portal.enabled and restart the agent"


def _open(where: layout.Layout, url: str) -> bool:
    """Opens the browser, where there is a desktop. Every user sees command lines: a 0600 page of the home leads it to the address."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")):
        return False
    _sweep(where)
    with tempfile.NamedTemporaryFile("w", dir=where.home, prefix="open-", suffix=".html", delete=False) as page:
        onward = f'<meta http-equiv="refresh" content="0; url={html.escape(url)}">'
        page.write(f'<!doctype html><meta charset="utf-8">{onward}<title>Outrider</title>')
    try:
        return webbrowser.open(Path(page.name).as_uri())
    except webbrowser.Error:
        return False


def _sweep(where: layout.Layout) -> None:
    """Pages of earlier calls that the browser has read since."""
    for old in where.home.glob("open-*.html"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > READ_S:
                old.unlink()


def _hint(port: int) -> str:
    if os.environ.get("SSH_CONNECTION"):
        return f"open it in a browser on your own machine, after: ssh -L {port}:127.0.0.1:{port} THIS-HOST"
    return "open it in a browser on this machine"
