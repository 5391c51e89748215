"""Files that become blobs: what is there already is not copied again, what changed is."""

from __future__ import annotations

import os
import time

import pytest

from outrider import _uploads


@pytest.fixture
def copies(monkeypatch):
    """The files that were read for a copy, whichever way."""
    made = []
    monkeypatch.setattr(_uploads, "_kept", {})
    for name in ("_copy", "_reflinked"):
        real = getattr(_uploads, name)

        def counted(home, source, real=real):
            found = real(home, source)
            if found is not None:
                made.append(source.name)
            return found

        monkeypatch.setattr(_uploads, name, counted)
    return made


def aged(path, data):
    """A file that has held still for a while, as far as its times say."""
    path.write_bytes(data)
    time.sleep(0.15)  # a file's ctime cannot be set: until it is older than a tick of its file system's clock it may change unseen


def test_a_file_that_was_kept_and_has_not_changed_is_not_copied_again(tmp_path, copies):
    """A notebook uploads a model, and its run's end finds it in ./outputs: complete() costs a stat, whatever its size."""
    home, model = str(tmp_path / "home"), tmp_path / "model.pkl"
    aged(model, b"x" * 100_000)
    first = _uploads.keep(home, str(model))
    assert _uploads.store(home, "outputs/model.pkl", str(model)).count(first[0]) == 1
    assert copies == [str(model)]
    with open(os.path.join(home, "blobs", first[0][:2], first[0]), "rb") as blob:
        assert blob.read() == b"x" * 100_000


def test_a_file_that_changed_or_whose_blob_has_gone_is_copied(tmp_path, copies):
    """Of the same size and name, within the same second; and after its blob was deleted with the run that named it."""
    home, model = str(tmp_path / "home"), tmp_path / "model.pkl"
    aged(model, b"one")
    one = _uploads.keep(home, str(model))[0]
    model.write_bytes(b"two")
    two = _uploads.keep(home, str(model))[0]
    model.write_bytes(b"six")  # at once: within a tick, so it is not relied on that it did not change
    six = _uploads.keep(home, str(model))[0]
    assert len({one, two, six}) == 3
    aged(model, b"one")
    assert _uploads.keep(home, str(model))[0] == one
    os.unlink(os.path.join(home, "blobs", one[:2], one))
    assert _uploads.keep(home, str(model))[0] == one
    assert os.path.exists(os.path.join(home, "blobs", one[:2], one))
    assert len(copies) == 5
