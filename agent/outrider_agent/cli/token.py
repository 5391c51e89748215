"""`outrider token`: who may speak to a server, made, listed, revoked. Works on the store of the server's home, whether it runs or not."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from outrider_agent import errors, layout
from outrider_agent.cli import format as fmt
from outrider_agent.cli import fresh, output
from outrider_agent.store import tokens

EXAMPLES = """\
examples:
  outrider token create laptop                        prints the token, this once
  outrider token create ci --only ship --expires 90d  for agents only, for 90 days
  outrider token create ada --only read               for a person's browser only
  outrider token list
  outrider token revoke laptop                        from the next second on it opens nothing

Give --home the server's home. Only a hash of a token is kept: one that was lost is replaced by another.
"""
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LENGTH = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}", re.ASCII)


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("action", choices=["create", "list", "revoke"], help="what to do")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the token's name: who or what holds it")
    parser.add_argument("--only", choices=["ship", "read"], help="create: for agents only, or for people only (default: both)")
    parser.add_argument("--expires", metavar="LENGTH", type=length, help="create: it holds so long, as in 12h, 90d, 4w (default: for ever)")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/server.md has the shape)")
    parser.set_defaults(handler=token)


def length(text: str) -> int:
    """A length of time, in nanoseconds."""
    match = _LENGTH.fullmatch(text)
    if match is None or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text} is no length of time; write 12h, 90d or 4w")
    return int(match[1]) * _UNITS[match[2]] * 10**9


def token(args: argparse.Namespace) -> int:
    """Does it."""
    where = fresh.store_path(fresh.home(args))
    if args.action == "list":
        return _list(args, where)
    if not args.name or not _NAME.fullmatch(args.name):
        raise errors.OutriderError(f"give the token a name of letters, digits, `_`, `.`, `@`, `-`: outrider token {args.action} NAME")
    if args.action == "create":
        return _create(args, where)
    tokens.revoke(where, args.name)
    output.say(f"revoked {args.name}; a server that runs knows it within a second")
    return 0


def _create(args: argparse.Namespace, where: Path) -> int:
    layout.prepare(layout.Layout(Path(fresh.home(args))))
    expires = None if args.expires is None else time.time_ns() + args.expires
    made = tokens.create(where, args.name, scope=args.only or "all", expires=expires)
    if args.json:
        output.as_json({"name": args.name, "token": made, "scope": args.only or "all", "expires": fmt.iso(expires) if expires else None})
        return 0
    output.say(made)
    output.tell("this is the only time it is shown; put it into a file of its own (0600) and name that in sinks.http.token_file")
    return 0


def _list(args: argparse.Namespace, where: Path) -> int:
    found, now = tokens.every(where), time.time_ns()
    if args.json:
        output.as_json([document(one, now) for one in found])
        return 0
    if not found:
        output.say("there is no token yet: outrider token create NAME")
        return 0
    columns = [output.Column(title) for title in ("TOKEN", "FOR", "STATE", "CREATED", "EXPIRES")]
    output.table(columns, [_row(one, now) for one in found])
    return 0


def document(one: tokens.Token, now: int) -> dict[str, object]:
    """A token as `--json` shows it."""
    times = {"created": one.created, "expires": one.expires, "revoked": one.revoked}
    return {
        "name": one.name,
        "scope": one.scope,
        "holds": one.holds(now),
        **{key: fmt.iso(at) if at else None for key, at in times.items()},
    }


def _row(one: tokens.Token, now: int) -> output.Row:
    state = "revoked" if one.revoked is not None else "holds" if one.holds(now) else "expired"
    expires = fmt.local(one.expires) if one.expires is not None else "never"
    meant = {"all": "agents and people", "ship": "agents", "read": "people"}[one.scope]
    return [one.name, meant, output.Cell(state, "green" if state == "holds" else "dim"), fmt.local(one.created), expires]
