"""
Metrics out of the lines that a script prints: pure, one pass, by general rules.

Nothing here knows a tool. A line is taken apart by its shape: what stands before it (times, levels, ranks: `prefix`), then a dict or JSON
(`literal`), a table (`tables`), a bar (`bars`), or names with values (`fields`). `names` judges which name is a metric, which an axis and
which neither; `context` is what lines leave for later ones: the epoch above, an open table, a name that has not proved itself.

No regular expression here can backtrack over more than a few characters, and of a line no more than `MAX_LINE` bytes are looked at.
"""

from outrider_agent.core.extract.context import MAX_LINE
from outrider_agent.core.extract.extractor import Extractor
from outrider_agent.core.extract.reading import Reading

__all__ = ["MAX_LINE", "Extractor", "Reading"]
