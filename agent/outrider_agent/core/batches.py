"""Batches as values: parting one in two. Pure."""

from __future__ import annotations

import msgspec

from outrider_agent import model
from outrider_agent.core import lines


def halves(batch: model.Batch) -> list[model.Batch]:
    """The batch in two parts, in order; none where it is a single line."""
    if len(batch.slices) > 1:
        middle = len(batch.slices) // 2
        return [model.Batch(slices=batch.slices[:middle]), model.Batch(slices=batch.slices[middle:])]
    (piece,) = batch.slices
    if piece.torn == len(piece.data):
        return []
    whole = piece.data[: len(piece.data) - piece.torn]
    middle = whole.find(lines.NEWLINE, len(whole) // 2) + 1
    if middle in {0, len(piece.data)}:
        middle = lines.complete(whole[: len(whole) // 2])
    if middle in {0, len(piece.data)} or not (piece.data[:middle].strip() and piece.data[middle:].strip()):
        return []
    place = model.Position(piece.end.segment, piece.data_offset + middle)
    first = model.Slice(stream=piece.stream, start=piece.start, end=place, data_offset=piece.data_offset, data=piece.data[:middle])
    second = msgspec.structs.replace(piece, start=place, data_offset=place.offset, data=piece.data[middle:])
    return [model.Batch(slices=(first,)), model.Batch(slices=(second,))]
