"""A store and its reader for tests, fed line by line."""

from __future__ import annotations

from spoolfiles import line

from outrider_agent import model
from outrider_agent.store import history, sqlite


class StoreRig:
    """A store and its reader, fed line by line."""

    def __init__(self, path):
        self.path = path
        self.sink = sqlite.SqliteStore(path)
        self.sink.take_over()
        self.read = history.Historian(path)

    def feed(self, *found, run="r1", writer="py-1"):
        stream = model.StreamId(run, writer)
        start = self.sink.positions([stream])[stream]
        data = b"".join(found)
        end = model.Position(0, start.offset + len(data))
        receipt = self.sink.commit(
            model.Batch(slices=(model.Slice(stream=stream, start=start, end=end, data_offset=start.offset, data=data),))
        )
        assert receipt.set_aside == 0
        return receipt

    def head(self, run="r1", writer="py-1", own=True, **more):
        self.feed(line("head", **{"v": 1, "run": run, "w": writer, "seg": 0, "own": own, **more}), run=run, writer=writer)
