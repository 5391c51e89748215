"""
What `RunDetails` shows of a run, as HTML and as plain text. Pure: `shown` (see `_widget_data`) and the time in, text out.

The HTML is whole by itself: no script, nothing loaded, readable where styles are taken away. All that comes from a run is escaped.
"""

from __future__ import annotations

import re
from html import escape
from math import isfinite

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Sequence

_MOST_METRICS = 24
_MOST_CHILDREN = 50
_MOST_COLUMNS = 5
_SPARK_WIDTH, _SPARK_HEIGHT = 140, 26
#: What is further out is not drawn: the distance of two such would be infinite.
_LARGEST = 1e300
_BLOCKS = "▁▂▃▄▅▆▇█"
#: Colours of a mark beside the status, which is always said in words too.
_MARKS = {"Completed": "#2e7d32", "Failed": "#c62828", "Canceled": "#757575", "Running": "#1565c0"}
_STYLE = """
.outrider-run{font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,inherit);max-width:70em}
.outrider-run h4,.outrider-run h5{font-weight:600;margin:.9em 0 .2em;font-size:1em}.outrider-run h4{margin-top:.2em;font-size:1.15em}
.outrider-run p{margin:.3em 0}.outrider-run .q{opacity:.7}.outrider-run svg{display:block}
.outrider-run div{overflow-x:auto}.outrider-run.outrider-run .t{border-collapse:collapse;margin:0;font-size:inherit}
.outrider-run.outrider-run .t th,.outrider-run.outrider-run .t td{text-align:left;
padding:.15em 1em .15em 0;font-size:inherit;vertical-align:middle;border:0;white-space:nowrap;
border-bottom:1px solid var(--jp-border-color2,#8884);background:var(--jp-layout-color0,transparent)}
.outrider-run.outrider-run .t .n{text-align:right;font-variant-numeric:tabular-nums}
.outrider-run pre{max-height:22em;overflow:auto;padding:.5em .7em;margin:0;white-space:pre-wrap;font-size:12px;
background:var(--jp-layout-color2,#8881)}
"""
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def html(shown: dict[str, Any], now_ns: int) -> str:
    """The run as a fragment of HTML. (Its styles name the class twice: a notebook's own rules for tables are as exact as one.)"""
    parts = [
        f'<div class="outrider-run"><style>{_STYLE}</style>',
        _head(shown, now_ns),
        _problem(shown),
        _metrics_table(shown["rows"]),
        _children_table(shown, now_ns),
        _lines(shown["lines"]),
        "</div>",
    ]
    return "".join(part for part in parts if part)


def text(shown: dict[str, Any], now_ns: int) -> str:
    """The run as lines of plain text."""
    lines = [f"{shown['name'] or shown['run_id']}: {shown['status']}{_reason(shown)}, {', '.join(_facts(shown, now_ns))}"]
    if shown["error"]:
        lines += ["", *_indented(shown["error"])]
    if shown["rows"]:
        lines += ["", "Metrics", *_aligned([[row[part] for part in ("name", "last", "blocks", "about")] for row in shown["rows"]])]
    if shown["children"]:
        head, *found = _child_rows(shown, now_ns)
        lines += ["", "Child runs", *_aligned([head, *found])]
    if shown["lines"]:
        lines += ["", "Last lines", *_indented("\n".join(plain_line(line) for line in shown["lines"]))]
    if shown["portal"]:
        lines += ["", f"Details: {shown['portal']}"]
    return "\n".join(lines) + "\n"


def plain_line(line: str) -> str:
    """A line of a log without a terminal's colours, and as a terminal leaves it: what stands behind the last carriage return."""
    without = _ANSI.sub("", line).rstrip("\r")
    return "".join(char for char in without.rpartition("\r")[2] if char == "\t" or char.isprintable())


def duration(seconds: float) -> str:
    """As one says it: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def sparkline(values: Sequence[Any]) -> str:
    """
    The course of a series as inline SVG; what is not finite leaves a gap. Empty for fewer than two points. Its description is the same in
    block characters: where drawings are taken out of a page (GitHub, a notebook that is not trusted), their words stay.
    """
    points = _thinned(_drawable(values), _SPARK_WIDTH)
    known = [value for value in points if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    across = (_SPARK_WIDTH - 4) / max(len(points) - 1, 1)
    lines: list[list[str]] = [[]]
    for place, value in enumerate(points):
        if value is None:
            lines.append([])
        else:
            lines[-1].append(f"{2 + place * across:.1f},{2 + (_SPARK_HEIGHT - 4) * (1 - (value - low) / span):.1f}")
    drawn = "".join(f'<polyline points="{" ".join(line)}"/>' for line in lines if line)
    return (
        f'<svg width="{_SPARK_WIDTH}" height="{_SPARK_HEIGHT}" viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" role="img" '
        f'aria-label="from {number(known[0])} to {number(known[-1])}, lowest {number(low)}, highest {number(high)}" '
        'fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round">'
        f"<desc>{blocks(values)}</desc>{drawn}</svg>"
    )


def blocks(values: Sequence[Any]) -> str:
    """The same in block characters, one for at most 24 parts of it."""
    points = [value for value in _thinned(_drawable(values), 24) if value is not None]
    if len(points) < 2:
        return ""
    low, high = min(points), max(points)
    return "".join(_BLOCKS[int((value - low) / ((high - low) or 1.0) * (len(_BLOCKS) - 1))] for value in points)


def number(value: Any) -> str:
    """A value as short text."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _thinned(values: Sequence[float | None], most: int) -> Sequence[float | None]:
    """At most so many points: of each part of the series the value that is furthest from the part's beginning, so that peaks stay."""
    if len(values) <= most:
        return values
    found: list[float | None] = []
    for place in range(most):
        known = [value for value in values[place * len(values) // most : (place + 1) * len(values) // most] if value is not None]
        low, high = (min(known), max(known)) if known else (None, None)
        found.append(None if low is None or high is None else high if high - known[0] >= known[0] - low else low)
    return found


def _drawable(values: Sequence[Any]) -> Sequence[float | None]:
    """The values as what can be drawn, None for what cannot. A long series of numbers, the common one, is not copied."""
    try:
        numbers = set(map(type, values)) <= {float, int} and all(map(isfinite, values))
        if numbers and (not values or (min(values) > -_LARGEST and max(values) < _LARGEST)):
            return values
    except OverflowError:  # a whole number of more than 300 digits
        pass
    return [_finite(value) for value in values]


def _finite(value: Any) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if abs(found) < _LARGEST else None  # NaN is not less than anything


def _head(shown: dict[str, Any], now_ns: int) -> str:
    name, status = escape(shown["name"] or shown["run_id"]), shown["status"]
    mark = f'<span style="color:{_MARKS.get(status, "#ef6c00")}" aria-hidden="true">●</span>'
    link = f' · <a href="{escape(shown["portal"], quote=True)}" target="_blank" rel="noopener">details</a>' if shown["portal"] else ""
    facts = " · ".join(escape(fact) for fact in _facts(shown, now_ns))
    tags = " · ".join(f"{escape(str(key))}: {escape(str(value))}" for key, value in shown["tags"].items())
    rows = [f"<h4>{name}</h4><p>{mark} <b>{escape(status)}</b>{escape(_reason(shown))} · {facts}{link}</p>"]
    if tags:
        rows.append(f'<p class="q">{tags}</p>')
    return "".join(rows)


def _facts(shown: dict[str, Any], now_ns: int) -> list[str]:
    found = [f"experiment {shown['experiment']}"] if shown["experiment"] else []
    found.append(f"run {shown['run_id']}")
    taken = _duration(shown, now_ns)
    return [*found, taken] if taken else found


def _duration(shown: dict[str, Any], now_ns: int) -> str:
    if shown["started"] is None:
        return ""
    end = shown["ended"] if shown["ended"] is not None else now_ns
    return duration(max(0, end - shown["started"]) / 1e9)


def _reason(shown: dict[str, Any]) -> str:
    reason = shown["reason"]
    return f" ({reason})" if reason and reason not in ("completed", "ended", "failed", "canceled") else ""


def _problem(shown: dict[str, Any]) -> str:
    parts = [f"<pre>{escape(shown['error'])}</pre>"] if shown["error"] else []
    if shown["unknown"]:
        parts.append(f'<p class="q">Not all of it can be read at the moment: {escape(shown["unknown"])}</p>')
    return "".join(parts)


def rows(metrics: dict[str, Any]) -> list[dict[str, str]]:
    """What is shown of each metric: `name`, `last` value, its course as `svg` and as `blocks`, and what else there is to say, `about`."""
    return [
        {"name": name, **_words(value), "svg": sparkline(_series(value)), "blocks": blocks(_series(value))}
        for name, value in metrics.items()
    ]


def _words(value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        height = max((len(column) if isinstance(column, list) else 1 for column in value.values()), default=0)
        return {"last": "", "about": f"{height} {'row' if height == 1 else 'rows'} of {', '.join(map(str, value))}"}
    if not isinstance(value, list):
        artifact = isinstance(value, str) and value.startswith("aml://artifactId/")
        return {"last": "", "about": "in the run's files"} if artifact else {"last": number(value), "about": ""}
    known = [each for each in _drawable(value) if each is not None]
    about = f"{len(value)} points" + (f", {number(min(known))} to {number(max(known))}" if known else "")
    return {"last": number(value[-1]) if value else "", "about": about}


def _metrics_table(found: list[dict[str, str]]) -> str:
    if not found:
        return ""
    drawn = []
    for row in found[:_MOST_METRICS]:
        drawn.append(f'<tr><th scope="row">{escape(row["name"])}</th><td class="n">{escape(row["last"])}</td><td>{row["svg"]}</td>')
        drawn.append(f'<td class="q">{escape(row["about"])}</td></tr>')
    left = len(found) - _MOST_METRICS
    more = f'<p class="q">and {left} more</p>' if left > 0 else ""
    return _table("Metrics", "".join(drawn)) + more


def _series(value: Any) -> list[Any]:
    """What is drawn of a metric: its points; of a table with two columns of numbers the second."""
    if isinstance(value, list):
        return value
    columns = [column for column in value.values() if isinstance(column, list)] if isinstance(value, dict) else []
    return columns[1] if len(columns) == 2 and all(_finite(cell) is not None for cell in columns[0]) else []


def _children_table(shown: dict[str, Any], now_ns: int) -> str:
    if not shown["children"]:
        return ""
    head, *rows = _child_rows(shown, now_ns)
    words, figures = head[:3], head[3:]
    cells = ["".join(f'<th scope="col">{escape(cell)}</th>' for cell in words)]
    cells[0] += "".join(f'<th scope="col" class="n">{escape(cell)}</th>' for cell in figures)
    for child, row in zip(shown["children"], rows):
        name = escape(row[0])
        if child["portal"]:
            name = f'<a href="{escape(child["portal"], quote=True)}" target="_blank" rel="noopener">{name}</a>'
        values = "".join(f'<td class="n">{escape(cell)}</td>' for cell in row[3:])
        cells.append(f"<td>{name}</td><td>{escape(row[1])}</td><td>{escape(row[2])}</td>{values}")
    left = len(shown["children"]) - _MOST_CHILDREN
    more = f'<p class="q">and {left} more</p>' if left > 0 else ""
    return _table("Child runs", "".join(f"<tr>{row}</tr>" for row in cells)) + more


def _child_rows(shown: dict[str, Any], now_ns: int) -> list[list[str]]:
    """A heading and a row a child: name, status, duration, and the figures that most of them have."""
    columns = _common(shown["children"])
    rows = [["run", "status", "duration", *columns]]
    for child in shown["children"][:_MOST_CHILDREN]:
        figures = [_last(child["metrics"].get(column)) for column in columns]
        rows.append([child["name"] or child["run_id"], child["status"], _duration(child, now_ns), *figures])
    return rows


def _common(children: list[dict[str, Any]]) -> list[str]:
    """The names of figures that most children have, at most five."""
    found: dict[str, int] = {}
    for child in children:
        for name, value in child["metrics"].items():
            if _last(value):
                found[name] = found.get(name, 0) + 1
    return sorted(found, key=lambda name: -found[name])[:_MOST_COLUMNS]  # a stable sort: in the order of their first appearance


def _last(value: Any) -> str:
    last = value[-1] if isinstance(value, list) and value else value
    return number(last) if isinstance(last, (int, float)) else ""


def _table(heading: str, rows: str) -> str:
    return f'<h5>{heading}</h5><div><table class="t">{rows}</table></div>'


def _lines(lines: list[str]) -> str:
    shown = "\n".join(plain_line(line) for line in lines)
    return f"<h5>Last lines</h5><pre>{escape(shown)}</pre>" if lines else ""


def _indented(given: str) -> list[str]:
    return ["  " + line for line in given.splitlines()]


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
