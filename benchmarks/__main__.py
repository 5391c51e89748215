"""
`python -m benchmarks [--short] [--gate TIMES] [--write] [NAME…]`: measures, prints one table.

With --gate, fails when a figure is more than TIMES over its bar: CI's machines are noisy, so it looks for gross breakage only.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks import figures

NAMES = [
    "calls", "hook", "imports", "overhead", "output", "submit", "ingest", "printed", "shipping", "reading", "charts", "history",
    "containers", "latency", "vanished", "idle", "portal", "image",
]  # fmt: skip
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def machine():
    """What the figures hold for."""
    return f"Python {platform.python_version()}, Linux {platform.release().split('-')[0]}, {os.cpu_count()} cores"


def measure(names, short):
    """Each module in turn, saying so: some take a minute."""
    found = []
    for name in names:
        began = time.monotonic()
        print(f"measuring: {name} …", end="", file=sys.stderr, flush=True)
        found += importlib.import_module(f"benchmarks.{name}").measure(short)
        print(f" {time.monotonic() - began:.0f} s", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description="Measures what Outrider costs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(NAMES)}")
    parser.add_argument("--short", action="store_true", help="fewer and shorter measurements")
    parser.add_argument("--gate", type=float, metavar="TIMES", help="fail when a figure is this many times over its bar")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md; with NAMEs their rows of it")
    args = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("OUTRIDER_")]:
        del os.environ[name]
    found = measure(args.names or NAMES, args.short)
    text = figures.table(found)
    print(text)
    if args.write:
        begun = f"# Benchmarks\n\n`make bench`, on {machine()}. Ratios carry over, absolute ones do not.\n\n"
        kept = PAGE.read_text() if args.names else begun
        PAGE.write_text(f"{kept.partition('| what')[0]}{figures.table(found, kept)}\n")
    gross = [figure.what for figure in found if args.gate and (figure.times_over() or 0) > args.gate]
    if gross:
        print(f"more than {args.gate:g} times over the bar: {'; '.join(gross)}", file=sys.stderr)
    return 1 if gross else 0


if __name__ == "__main__":
    sys.exit(main())
