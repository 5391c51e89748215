"""The contract of `protocols.Blobs`, over every implementation; what only the local folder promises is below."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider_agent import errors
from outrider_agent.blobs import local


@pytest.fixture(params=["local"])
def blobs(request, tmp_path):
    return local.LocalBlobs(tmp_path / "blobs")


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * (3 << 20), b"ab" * (1 << 20) + b"c", bytes(1 << 20) + b"end"])
def test_what_is_put_can_be_opened_under_its_hash(blobs, data):
    """put gives the sha256 and size of the content, and open gives the content."""
    sha, size = blobs.put(io.BytesIO(data))
    assert (sha, size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert blobs.has(sha)
    with blobs.open(sha) as kept:
        assert kept.read() == data


def test_putting_twice_keeps_one(blobs, tmp_path):
    """Idempotent, deduplicated."""
    assert blobs.put(io.BytesIO(b"same")) == blobs.put(io.BytesIO(b"same"))
    assert len(files_below(tmp_path / "blobs")) == 1


def test_what_is_not_there_is_not_found(blobs):
    """open raises NotFound, has is false, delete is idempotent."""
    sha = hashlib.sha256(b"never").hexdigest()
    assert not blobs.has(sha)
    blobs.delete(sha)
    with pytest.raises(errors.NotFound):
        blobs.open(sha)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "ab", "A" * 64, "0" * 63 + "\n"])
def test_a_name_that_is_no_hash_reaches_no_file(blobs, name):
    """Names come from lines that anybody may write."""
    with pytest.raises(errors.NotFound):
        blobs.open(name)


def test_deleted_is_gone(blobs):
    """delete forgets it, and it can be put again."""
    sha, _ = blobs.put(io.BytesIO(b"x"))
    blobs.delete(sha)
    assert not blobs.has(sha)
    assert blobs.put(io.BytesIO(b"x"))[0] == sha


def test_a_source_that_raises_leaves_nothing_behind(blobs, tmp_path):
    """What the source raises passes through; no blob, no temporary file."""

    class Torn(io.BytesIO):
        def read(self, size=-1):
            if self.tell() >= 2 << 20:
                raise ZeroDivisionError
            return super().read(size)

    with pytest.raises(ZeroDivisionError):
        blobs.put(Torn(b"q" * (3 << 20)))
    assert files_below(tmp_path / "blobs") == []


def test_another_size_than_expected_is_not_kept(blobs, tmp_path):
    """expect_size guards against a cut-off source."""
    with pytest.raises(errors.Unavailable):
        blobs.put(io.BytesIO(b"12345"), expect_size=6)
    assert files_below(tmp_path / "blobs") == []


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=5000))
def test_any_bytes_come_back(tmp_path_factory, data):
    """Content is opaque."""
    blobs = local.LocalBlobs(tmp_path_factory.mktemp("blobs"))
    sha, _ = blobs.put(io.BytesIO(data))
    with blobs.open(sha) as kept:
        assert kept.read() == data


def test_a_real_file_is_put_and_a_hole_stays_a_hole(tmp_path):
    """A sparse file costs what its data cost; the hash is over the logical bytes."""
    blobs = local.LocalBlobs(tmp_path / "blobs")
    source = tmp_path / "sparse"
    with source.open("wb") as file:
        file.write(b"head")
        file.truncate(40 << 20)
    with source.open("rb") as file:
        sha, size = blobs.put(file)
    assert size == 40 << 20
    assert sha == hashlib.sha256(b"head" + bytes((40 << 20) - 4)).hexdigest()
    assert blobs.path(sha).stat().st_blocks * 512 < 4 << 20


def test_blobs_lie_where_the_layout_says_and_only_their_owner_reads_them(tmp_path):
    """blobs/<2 hex>/<sha256>, 0600."""
    sha, _ = local.LocalBlobs(tmp_path / "blobs").put(io.BytesIO(b"x"))
    place = tmp_path / "blobs" / sha[:2] / sha
    assert place.read_bytes() == b"x"
    assert place.stat().st_mode & 0o777 == 0o600


def test_leftovers_older_than_a_day_are_removed_at_start(tmp_path):
    """A killed process leaves its temporary file; a living one's is younger."""
    folder = tmp_path / "blobs"
    local.LocalBlobs(folder)
    old, young = folder / "tmp" / "old", folder / "tmp" / "young"
    old.write_bytes(b"o")
    young.write_bytes(b"y")
    os.utime(old, (1, 1))
    local.LocalBlobs(folder)
    assert not old.exists()
    assert young.exists()


def test_a_removed_folder_is_made_again(tmp_path):
    """Somebody emptied the home under a running agent."""
    blobs = local.LocalBlobs(tmp_path / "blobs")
    (tmp_path / "blobs" / "tmp").rmdir()
    assert blobs.has(blobs.put(io.BytesIO(b"x"))[0])


LIMITED = """
import io, resource, signal, sys, os
from outrider_agent import errors
from outrider_agent.blobs import local
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
blobs = local.LocalBlobs(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (os.dup(0) + 1, 64))
try:
    blobs.put(io.BytesIO(b"x"))
except errors.Unavailable as error:
    print("unavailable:", error)
"""


def test_no_descriptors_left_is_unavailable(tmp_path):
    """What may pass is Unavailable, so that the collector waits and tries again."""
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path / "blobs")], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("unavailable:"), done


def test_a_full_disk_is_unavailable_and_leaves_nothing(tmp_path):
    """ENOSPC on the way removes the temporary file. A small tmpfs of its own, in a namespace of its own."""
    script = (
        "import io, os, subprocess, sys\nfrom outrider_agent import errors\nfrom outrider_agent.blobs import local\n"
        "folder = sys.argv[1]\nos.makedirs(folder)\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', folder], check=True)\n"
        "blobs = local.LocalBlobs(folder)\nsmall, _ = blobs.put(io.BytesIO(b'small'))\n"
        "try:\n    blobs.put(io.BytesIO(os.urandom(3 << 20)))\n"
        "except errors.Unavailable as error:\n"
        "    print('unavailable', error.__cause__.errno, os.listdir(folder + '/tmp'), blobs.has(small))\n"
    )
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", script, str(tmp_path / "small")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"unavailable {errno.ENOSPC} [] True\n", done
