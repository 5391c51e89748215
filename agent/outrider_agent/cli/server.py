"""`outrider server`: takes what agents ship, and shows it."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from outrider_agent.cli import agent, fresh

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  outrider server --home /srv/outrider                       on 127.0.0.1:7434, behind a reverse proxy that ends TLS
  outrider server --home /srv/outrider --address 0.0.0.0     on every address of this machine
  outrider server --home /srv/outrider --stop
  outrider token create laptop --home /srv/outrider          a token for an agent, or for a person's browser

On each machine that trains: OUTRIDER_SINKS_HTTP_URL=https://… and OUTRIDER_SINKS_HTTP_TOKEN_FILE=… for its agent. docs/server.md says more.
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("--address", metavar="ADDRESS", help="listen there; 0.0.0.0: everywhere (server.address, 127.0.0.1)")
    parser.add_argument("--port", metavar="PORT", help="the port; 0: any (server.port, 7434)")
    parser.add_argument("--config", metavar="FILE", help="another settings file (docs/settings.md)")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="a setting; may be given again")
    parser.add_argument("--foreground", action="store_true", help="log to stderr even where it is no terminal")
    parser.add_argument("--stop", action="store_true", help="stop the server of this home")
    parser.add_argument("--timeout", type=agent.seconds, default=agent.DEFAULT_TIMEOUT_S, metavar="S", help="with --stop: wait so long")
    parser.set_defaults(handler=server)


def server(args: argparse.Namespace) -> int:
    """Serves, or stops it."""
    args.home = fresh.home(args)
    if args.stop:
        return agent.stop(args.home, args.timeout, "server")
    args.foreground = args.foreground or sys.stderr.isatty()
    serve = importlib.import_module("outrider_agent.serve")  # the server's imports are for the server only
    return int(serve.run(args))
