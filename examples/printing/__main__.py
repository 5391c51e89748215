"""Writes docs/reading-output.md's middle: runs the scripts of examples/printing, untouched, and shows what is read from what they print."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from outrider_agent.cli import extract as command
from outrider_agent.core import extract, frames

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "reading-output.md"
BEGIN, END = "<!-- made by make printed -->\n", "<!-- end -->\n"
SHOWN = 12


def section(script: Path) -> str:
    """One script: its title, what it prints, what is read."""
    done = subprocess.run(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    extractor = extract.Extractor()
    found = extractor.read(done.stdout) + extractor.finish()
    printed = [frames.settled(line).decode("utf-8", "replace").rstrip() for line in done.stdout.split(b"\n")]
    lines = "\n".join(f"    {line[:130]}".rstrip() for line in printed if line.strip())[:4000]
    read = "\n".join(f"    {command.as_json(one)}" for one in found[:SHOWN])
    more = f"\n    … {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    title = script.read_text("utf-8").split('"""')[1].strip()
    return f"### `examples/printing/{script.name}`\n\n{title}\n\nIt prints:\n\n{lines}\n\nRead from it:\n\n{read}{more}\n\n"


def main() -> None:
    """Puts them between the marks."""
    text = PAGE.read_text("utf-8")
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    made = "".join(section(script) for script in sorted(HERE.glob("[a-z]*.py")))
    PAGE.write_text(f"{text[:start]}\n{made}{text[stop:]}", "utf-8")


if __name__ == "__main__":
    main()
