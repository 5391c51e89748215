"""A folder of a run as a zip: whole, and harmless wherever it is unpacked, whatever a script called its files."""

from __future__ import annotations

import io
import os
import zipfile

import pytest

from outrider_agent.blobs import local
from outrider_agent.portal import folders
from outrider_agent.store import records


def artifact(path, sha256):
    return records.Artifact(path=path, version=1, size=0, sha256=sha256, time=0, modified=None, source="outputs", observed=True)


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../../b", "a\\..\\..\\b", "C:\\x", "c:x", "a\0b", "./.", ".."])
def test_no_name_in_a_zip_leads_out_of_the_folder_it_is_unpacked_into(path):
    """Neither here nor on Windows, where a backslash is a separator and `c:` a drive."""
    name = folders.name_in_zip(path)
    assert name
    assert not name.startswith("/")
    assert not {"..", "", "."} & set(name.split("/"))
    assert not {"\\", ":", "\0"} & set(name)


def test_a_zip_has_every_file_once_and_says_what_is_missing(tmp_path):
    """Names that become the same are told apart; a name that is no UTF-8 is kept as well as it can be; bytes that are gone are named."""
    blobs = local.LocalBlobs(tmp_path / "blobs")
    big = os.urandom(3 << 20)
    texts = {"a/b.txt": b"one", "a\\b.txt": b"two", "a_b.txt": b"three", "bad\udcff.txt": b"four", "big": big, "empty": b""}
    found = [artifact(path, blobs.put(io.BytesIO(data))[0]) for path, data in texts.items()]
    made = b"".join(folders.packed([*found, artifact("lost.txt", "0" * 64)], blobs))
    with zipfile.ZipFile(io.BytesIO(made)) as packed:
        assert packed.testzip() is None
        kept = {name: packed.read(name) for name in packed.namelist()}
    told = kept.pop(folders.MISSING)
    assert kept == {"a/b.txt": b"one", "a_b.txt": b"two", "a_b (2).txt": b"three", "bad\ufffd.txt": b"four", "big": big, "empty": b""}
    assert b"lost.txt" in told
