"""`outrider config show`: every setting in force, with its origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider_agent import settings
from outrider_agent.cli import format as fmt
from outrider_agent.cli import output

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  outrider config show                 every setting, its value, and where that comes from
  outrider config show --json | jq '.[] | select(.origin != "default")'
  outrider config show --config ./outrider.toml

Settings come from: --set > environment (OUTRIDER_SECTION_KEY) > the settings file > defaults. docs/settings.md has them all.
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("action", choices=["show"], metavar="show", help="print the settings")
    parser.add_argument("--config", metavar="FILE", help="another settings file")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="as for `outrider agent`")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md has the shape)")
    parser.set_defaults(handler=show)


def show(args: argparse.Namespace) -> int:
    """Prints them."""
    found = settings.describe(args.set, config=args.config)
    if args.json:
        output.as_json([{"key": key, "value": value, "origin": origin} for key, value, origin in found])
        return 0
    columns = [output.Column("SETTING"), output.Column("VALUE", fold=True), output.Column("ORIGIN", fold=True)]
    rows: list[output.Row] = [
        [key, fmt.value(value), output.Cell(origin, "dim" if origin == settings.DEFAULT else "cyan")] for key, value, origin in found
    ]
    output.table(columns, rows)
    return 0
