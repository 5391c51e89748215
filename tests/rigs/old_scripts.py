"""Runs old scripts of Azure ML as their users do, and reads what of them is in the spool."""

from __future__ import annotations

import os
import sys
import textwrap

from tracked import OUTRIDER, lines, result


def script(text, *options, name="script.py", code=0, **environment):
    """Runs a script; its output."""
    with open(name, "w") as file:
        file.write(textwrap.dedent(text))
    command = [OUTRIDER, "run", "--no-agent", *options, "--", sys.executable, name]
    found, out, err = result(command, env={**os.environ, **environment})
    assert found == code, err.decode()
    return out.decode()


def series(home, name):
    """The points of a name, in the order of the spool."""
    return [line["v"] for line in lines(home, "m") if line["n"] == name]
