"""Every format that was ever written is read for ever: the golden spools of tests/golden, through the reader into a store (law 8)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from spoolfiles import Clock

from outrider import record
from outrider_agent.core import decode, lines
from outrider_agent.ship import deliver, reader
from outrider_agent.store import reading, sqlite

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SEGMENTS = sorted(GOLDEN.glob("**/*.ndjson"))


@pytest.mark.parametrize("path", SEGMENTS, ids=lambda path: str(path.relative_to(GOLDEN)))
def test_every_line_of_a_golden_segment_is_understood(path):
    """Nothing of it is set aside; a torn tail is no line."""
    data = path.read_bytes()
    data = data[: lines.complete(data)]
    found = decode.decode(data)
    assert found.aside == []
    assert len(found.records) == len([text for text in data.split(b"\n") if text.strip()])


def test_the_golden_segments_show_every_kind():
    """A kind that no golden file has could change unseen."""
    kinds = {item.__struct_config__.tag for path in SEGMENTS for item in decode.decode(path.read_bytes()).records}
    assert kinds >= record.KINDS


def test_a_golden_spool_goes_into_a_store(tmp_path):
    """Whole, with nothing pending."""
    spool = tmp_path / "spool"
    for path in SEGMENTS:
        head = decode.decode(path.read_bytes()).records[0]
        folder = spool / head.run / head.w
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / f"{head.seg:08d}.ndjson")
    clock, sink = Clock(), sqlite.SqliteStore(tmp_path / "outrider.db")
    loop = deliver.Deliver(sink, reader.SpoolReader(spool, clock, sink.has_ended), clock)
    assert loop.flush() == []
    with reading.Reader(tmp_path / "outrider.db") as store:
        assert {run.run_id for run in store.runs()} == {path.name for path in spool.iterdir()}
        assert sum(stream.records for stream in store.streams()) > 0
        expected = json.loads((GOLDEN / "spool-v1" / "expected.json").read_text())
        (run,) = store.runs()
        assert [point.value for point in store.points(run.run_id, "loss")] == expected["metrics"]["loss"]
        assert [point.value for point in store.points(run.run_id, "big")] == [expected["metrics"]["big"]]
        assert sum(gap.records for gap in store.gaps(run.run_id)) == expected["refused"]
        assert (run.status, run.reason, run.error_type) == ("Failed", "exception", "ValueError")
    sink.close()
