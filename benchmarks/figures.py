"""A measured figure, how a table of them is printed, and when one is over its bar. No measuring here."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """One row: what was measured, the floor under it in the same unit and run, and the bar that it must not pass."""

    what: str
    value: float
    unit: str
    bar: float | None = None
    floor: float | None = None
    floor_is: str = ""
    higher_is_better: bool = False

    def times_over(self):
        """How far over its bar: 1 is at the bar, less is better. None without a bar."""
        if self.bar is None or not self.value:
            return None
        return self.bar / self.value if self.higher_is_better else self.value / self.bar

    def verdict(self):
        """A word for the table."""
        times = self.times_over()
        return "" if times is None else "ok" if times <= 1 else f"{times:.2f} x the bar"


HEADINGS = ("what", "measured", "floor", "x floor", "bar", "")


def number(value, unit=""):
    """Three digits that matter."""
    if value is None:
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def row(figure):
    """The cells of one figure."""
    relation = "≥" if figure.higher_is_better else "≤"
    return (
        figure.what,
        number(figure.value, figure.unit),
        f"{number(figure.floor, figure.unit)} {figure.floor_is}".strip() if figure.floor is not None else "-",
        f"{figure.value / figure.floor:.2f}" if figure.floor else "-",
        f"{relation} {number(figure.bar, figure.unit)}" if figure.bar is not None else "-",
        figure.verdict(),
    )


def table(figures, page=""):
    """A Markdown table that reads well in a terminal too. `page`: one with a table, whose other rows stay where they are."""
    lines = [line for line in page.splitlines() if line.startswith("| ")][1:]
    before = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in lines]
    made = {cells[0]: cells for cells in map(row, figures)}
    known = {cells[0] for cells in before}
    rows = [HEADINGS, *[made.get(cells[0], cells) for cells in before], *[cells for what, cells in made.items() if what not in known]]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEADINGS))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |" for cells in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def median(values):
    """The middle one."""
    return percentile(values, 50)


def percentile(values, share):
    """The value that `share` percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]
