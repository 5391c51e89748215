"""What a script asks of the past (POST /history), answered from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from outrider_agent import errors

if TYPE_CHECKING:
    from outrider_agent import model
    from outrider_agent.store import history

MOST_LINES = 1000


def answer(reader: history.Historian, question: model.Question) -> bytes:
    """JSON. Raises `NotFound`, `Unavailable`."""
    run = question.run
    if question.what == "runs":
        found = reader.documents(run=run, experiment=question.experiment, parent=question.parent, recursive=question.recursive)
        return msgspec.json.encode(found)
    if run is None:
        raise errors.NotFound("The question names no run.")
    if question.what == "files":
        return msgspec.json.encode(reader.files(run))
    if question.what == "console":
        return msgspec.json.encode(reader.console_from(run, question.start))
    if question.what == "tail":
        return msgspec.json.encode(reader.tail(run, min(question.count, MOST_LINES)))
    return msgspec.json.encode(reader.metrics(run, recursive=question.recursive, packed=question.packed))
