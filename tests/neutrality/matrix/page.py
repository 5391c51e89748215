"""
docs/neutrality.md: its text, from the same tables that the matrix runs on, and the grid of what a run of the whole matrix found.

Pure: takes results, returns text. All before the grid depends on nothing but this code, and a test compares it with the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matrix import kinds, known
from matrix.conditions import CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADING = "## The matrix"

INTRODUCTION = """\
# Neutrality

Written by `make neutrality`, which runs every kind of script below under every condition, bare and under `outrider run`, in the same
folder, and compares the two: exit code or signal, the bytes of stdout and of stderr in their order, the time (coarsely: what it costs is
in docs/benchmarks.md), the signals and children that the script saw, and what it sees of its surroundings: open descriptors with their
flags, environment, working folder, signal masks and dispositions, limits, umask, nice, groups and capabilities, job and session, whether
its streams are terminals, and of Python `sys.path`, `sys.modules` in order, `sys.meta_path`, `sys.excepthook`, flags, arguments, encodings.

A difference is a failure, but for those in the table. `make test` runs a part of the matrix, `make full` all of it.
"""


def static() -> str:
    """The page before the grid."""
    parts = [
        INTRODUCTION,
        "## Known differences\n",
        table(("", "what differs", "why"), [(row.mark, row.what, row.why) for row in known.KNOWN]),
    ]
    parts += ["", "Not of the kind that a cell shows, but known as well:\n", *(f"- {what}: {why}." for what, why in known.STATED)]
    parts += ["", "## The scripts\n", table(("kind", "what it does"), [(kind.name, kind.what) for kind in named()])]
    parts += ["", "## The conditions\n", table(("condition", "what is wrong"), [(one.name, one.what) for one in CONDITIONS])]
    return "\n".join(parts) + "\n\n"


def named() -> list[kinds.Kind]:
    """Every kind, and every version of Python whether this machine has it or not."""
    return [*kinds.KINDS, *(kinds.Kind(f"Python {version}", f"the plain script, by Python {version}", "") for version in kinds.VERSIONS)]


def grid(cells: Mapping[tuple[str, str], str], machine: str) -> str:
    """The results: rows are kinds, columns conditions."""
    rows = []
    for kind in named():
        found = [cells.get((kind.name, condition.name)) for condition in CONDITIONS]
        marked = [set(text.split()) for text in found if text not in (None, "-")]
        always = set.intersection(*marked) if marked else set()
        marks = ", ".join(row.mark for row in known.KNOWN if row.mark in always)
        rows.append((kind.name, marks, *(shown(text, always) for text in found)))
    legend = (
        f"On {machine}. `always`: the known differences of a kind under every condition; `=`: no other; a name: that one too.\n"
        "`-`: cannot be (a killed session leader takes its terminal along; a terminal has no reader that goes away).\n"
    )
    return "\n".join([HEADING, "", legend, table(("kind", "always", *(one.name for one in CONDITIONS)), rows)]) + "\n"


def shown(text: str | None, always: set[str]) -> str:
    """A cell's marks but for those of its whole row."""
    if text is None:
        return "not run"
    return text if text == "-" else ", ".join(mark for mark in text.split() if mark not in always) or "="


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """As Markdown."""
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
