"""`outrider run -- jupyter lab`: a real server, a notebook in a real browser, kernels that are told of nothing."""

from __future__ import annotations

from lab_rig import Lab, Page, notebook
from tracked import RUN, end, gone, lines, run_folders
from waiting import until

CELLS = (
    "import logging; logging.getLogger('cell').warning('from a cell')",
    "import outrider; outrider.log('loss', 0.5)",
    "print('last', 'cell')",
)


def test_a_server_below_outrider_run_tracks_what_its_notebooks_do(home, tmp_path, browser):
    """What a cell logs is a record of the run; the cells show what they would; told to end, the server ends, its kernels, and the run."""
    lab = Lab(tmp_path, before=RUN).start()
    try:
        page = Page(browser, lab, notebook(lab.notebooks / "study.ipynb", *CELLS))
        page.run_all()
        until(lambda: any("last cell" in text for text in page.outputs()), timeout=60, message="the last cell gave nothing")
        assert page.outputs()[0].strip() == "from a cell"
        assert page.wrong == []
        page.close()
    finally:
        lab.stop()
    gone(home)
    assert [line["msg"] for line in lines(home, "l") if line["lg"] == "cell"] == ["from a cell"]
    assert [line["v"] for line in lines(home, "m")] == [0.5]
    assert len(run_folders(home)) == 1
    assert end(home)["status"] == "Completed"  # it ends by itself when it is told to
