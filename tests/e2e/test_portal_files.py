"""Files of every kind as the portal shows them, and folders as zips: over HTTP, and in a real browser."""

from __future__ import annotations

import io
import json
import zipfile
from urllib.parse import quote

import pyarrow as pa
import pytest
from portal_rig import Portal
from pyarrow import parquet

RUN = "files0000001"
EVIL = "<script>document.title = 'pwned'</script>"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# A title\n", EVIL]},
        {
            "cell_type": "code",
            "execution_count": 7,
            "source": "plot(loss)",
            "outputs": [
                {"output_type": "stream", "text": ["epoch 1\n"]},
                {"output_type": "display_data", "data": {"image/png": PIXEL, "text/html": EVIL, "text/plain": "<Figure>"}},
                {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": ["\x1b[31mValueError\x1b[0m: too big"]},
            ],
        },
    ],
    "nbformat": 4,
}


def columns():
    """A Parquet file: numbers, texts, missing values, and a list."""
    made = io.BytesIO()
    table = pa.table({"step": [1, None, 2**60], "name": ["a", EVIL, None], "of": [[1], [], None]})
    parquet.write_table(table, made)
    return made.getvalue()


FILES = {
    "outputs/book.ipynb": json.dumps(NOTEBOOK).encode(),
    "outputs/no book.ipynb": b'{"cells": 3}',
    "outputs/t.parquet": columns(),
    "outputs/bad.parquet": b"PAR1junkPAR1",
    "outputs/doc.pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>",
    "outputs/table.csv": b"id,big,x\n007,12345678901234567890,\n008,1,0.5\n",
    "outputs/empty.csv": b"",
    f"outputs/{EVIL.replace('/', '_')}.html": EVIL.encode(),
    "outputs/deep/bad\udcff/new\nline%00.txt": b"odd",
    "plain.txt": "h\u00e9llo".encode(),
}


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """One run with a file of each kind."""
    made = Portal(tmp_path_factory.mktemp("files") / "home")
    made.home.write(RUN, "py-1-aaaaaaaa", {"k": "m", "t": 1_700_000_000_000_000_000, "n": "loss", "v": 1})
    for path, data in FILES.items():
        made.home.artifact(RUN, path, data)
    made.home.ingest()
    yield made.start(OUTRIDER_PORTAL_PORT="0")
    made.stop()


def packed(answer):
    """What a zip holds."""
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as found:
        return {name: found.read(name) for name in found.namelist()}


def test_a_folder_is_downloaded_as_a_zip(portal):
    """All of it, that below a folder, and below one whose name is no UTF-8; a folder that is not there is 404."""
    where = f"/api/v1/runs/{RUN}/files.zip"
    everything = packed(portal.ask(where))
    assert len(everything) == len(FILES)
    assert everything["outputs/book.ipynb"] == FILES["outputs/book.ipynb"]
    assert set(packed(portal.ask(f"{where}?folder=outputs"))) == set(everything) - {"plain.txt"}
    assert packed(portal.ask(f"{where}?folder=outputs/deep/bad%FF")) == {"outputs/deep/bad\ufffd/new\nline%00.txt": b"odd"}
    for folder in ("out", "plain.txt", "..", "outputs/../outputs"):
        assert portal.ask(f"{where}?folder={folder}").status == 404, folder


def test_the_first_rows_of_a_parquet_file_are_read(portal):
    """Cells as text, exact, null where there is none; what cannot be read is 422 with a sentence."""
    found = portal.api(f"/runs/{RUN}/sheet?path=outputs/t.parquet")
    assert found["rows"] == [["1", "a", "[1]"], [None, EVIL, "[]"], [str(2**60), None, None]]
    assert (found["count"], found["names"], found["types"][0]) == (3, ["step", "name", "of"], "int64")
    assert len(portal.api(f"/runs/{RUN}/sheet?path=outputs/t.parquet&limit=1")["rows"]) == 1
    for path in ("outputs/bad.parquet", "outputs/empty.csv", "plain.txt"):
        answer = portal.ask(f"/api/v1/runs/{RUN}/sheet?path={path}")
        assert answer.status == 422
        assert "download" in answer.json()["error"]
    assert portal.ask(f"/api/v1/runs/{RUN}/sheet?path=nothing").status == 404


def looked(seen, path, *expected):
    """Looks at a file; what is shown of it, once it holds what is expected."""
    page = seen.open(f"/runs/{RUN}?tab=files&file={quote(path)}")
    for text in expected:
        seen.wait("text => document.querySelector('.looked')?.innerText.includes(text)", text)
    assert page.title() != "pwned"
    return page.inner_text(".looked")


def test_files_of_every_kind_are_looked_into(portal, window):
    """A notebook by its cells, a table as the file spells its values, a PDF in a frame; no file's script runs."""
    seen = window()
    seen.allowed = ("422",)  # of the file that is none
    text = looked(seen, "outputs/book.ipynb", "# A title", "ValueError: too big")
    assert EVIL in text
    assert "\x1b" not in text
    assert seen.page.evaluate("document.querySelector('.notebook img').naturalWidth") == 1
    seen.shot("file-notebook")
    looked(seen, "outputs/no book.ipynb", '{"cells": 3}')
    looked(seen, "outputs/t.parquet", "3 rows.", EVIL, str(2**60))
    looked(seen, "outputs/bad.parquet", "It cannot be read as Parquet")
    looked(seen, "outputs/table.csv", "007", "12345678901234567890")
    looked(seen, "outputs/empty.csv", "It is empty.")
    looked(seen, f"outputs/{EVIL.replace('/', '_')}.html", EVIL)
    looked(seen, "outputs/doc.pdf")
    seen.wait("document.querySelector('iframe.document')?.src.includes('view=1')")
    answer = portal.ask(f"/api/v1/runs/{RUN}/content?path=outputs/doc.pdf&view=1")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_the_way_back_leads_from_file_to_file(portal, window):
    """Which file is looked at stands in the address, and each is a step."""
    seen = window()
    page = seen.open(f"/runs/{RUN}?tab=files")
    page.click("button:has-text('plain.txt')")
    seen.wait("document.querySelector('.looked')?.innerText.includes('h\u00e9llo')")
    page.click("button:has-text('table.csv')")
    seen.wait("document.querySelector('.looked')?.innerText.includes('007')")
    page.go_back()
    seen.wait("document.querySelector('.looked')?.innerText.includes('h\u00e9llo')")
    with page.expect_download() as download:
        page.click("details:has(summary:has-text('deep')) a:text('This folder as zip')")
    assert zipfile.ZipFile(download.value.path()).namelist() == ["outputs/deep/bad\ufffd/new\nline%00.txt"]
