"""The suite's own rule of what is run once more (docs/decisions/0030)."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).resolve().parents[2] / "tools" / "suite.py"
ONCE = "def test_it():\n    import pathlib\n    seen = pathlib.Path('seen')\n    had = seen.exists()\n    seen.touch()\n    assert had\n"
PASSES = "def test_it():\n    pass\n"
FAILS = "def test_it():\n    assert False\n"


@pytest.mark.parametrize(
    ("e2e", "fault", "status", "word"),
    [
        (ONCE, PASSES, 0, "each is worth a look"),
        (FAILS, PASSES, 1, "is run once more"),
        (PASSES, ONCE, 1, "assert had"),
        (PASSES, PASSES, 0, ""),
    ],
)
def test_only_what_drives_a_browser_or_an_engine_has_a_second_chance(tmp_path, e2e, fault, status, word):
    """Once, alone; and it is said."""
    for folder, text in (("e2e", e2e), ("fault", fault)):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / f"test_{folder}.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = full\n")
    (tmp_path / "tools").mkdir()
    shutil.copy(SUITE, tmp_path / "tools")
    quick = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # a dozen pytests begin here, which need none of the plugins
    command = [sys.executable, str(tmp_path / "tools" / "suite.py"), "-q"]
    ended = subprocess.run(command, env=quick, capture_output=True, text=True, check=False)
    assert (ended.returncode, word in ended.stdout) == (status, True), ended.stdout + ended.stderr
    assert (tmp_path / "seen").exists() == (ONCE in (e2e, fault))


def test_every_file_of_tests_is_in_one_part():
    """None is forgotten, and none is run twice."""
    spec = importlib.util.spec_from_file_location("suite", SUITE)
    suite = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(suite)
    found = []
    for words in suite._parts().values():
        left_out = [word.removeprefix("--ignore=") for word in words if word.startswith("--")]
        paths = [suite.ROOT / word for word in words if not word.startswith("--")]
        files = [str(file.relative_to(suite.ROOT)) for path in paths for file in (path.rglob("test_*.py") if path.is_dir() else [path])]
        found += [name for name in files if name not in left_out]
    assert sorted(found) == sorted(str(path.relative_to(suite.ROOT)) for path in suite.ROOT.glob("tests/**/test_*.py"))
