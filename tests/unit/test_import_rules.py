"""Who may import whom: the table of docs/architecture.md, kept by reading every import. A new edge is a decision: write it here."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

from outrider import control
from outrider_agent.cli import flare

ROOT = Path(__file__).resolve().parents[2]
HANDLER = ROOT / "handler" / "outrider"
AGENT = ROOT / "agent" / "outrider_agent"

# What of the handler the agent may import: the record format, the spool's writer, the client of its socket, what scripts ask of a store.
HANDLER_FOR_AGENT = {"record", "spool", "control", "stored"}

# The two files of the handler that look for something outside of it, each by a guarded import.
ELSEWHERE = {"__main__.py", "bootstrap/sitecustomize.py"}

# What some files of the handler use where a script has it anyway: of numpy's arrays come numpy's numbers. Always inside a function.
# A notebook is drawn in by what it is made of.
BORROWED = {
    "_charts.py": {"numpy"},
    "_importance.py": {"numpy"},
    "_labelled.py": {"numpy"},
    "_scores.py": {"numpy"},
    "widget.py": {"IPython"},
}

# Modules at the agent's root that everything may use, and that use nothing of the folders.
LEAVES = {"errors", "model", "protocols"}

# Folder (or root module) of the agent -> what else of the agent it may import. Everything may import LEAVES and its own folder.
ALLOWED = {
    "core": set(),
    "errors": set(),
    "model": set(),
    "protocols": set(),
    "settings_tree": set(),
    "settings": {"settings_tree"},
    "settings_text": {"settings"},
    "logs": set(),
    "layout": set(),
    "systemd": set(),
    "probes": set(),
    "agent_lock": set(),
    "crashpoints": set(),
    "supervise": {"core"},
    "blobs": set(),
    "collect": {"core", "crashpoints"},
    "ship": {"core", "crashpoints", "layout"},
    "store": {"core", "crashpoints"},
    "sinks": {"core", "store"},  # the store's sink writes through the store; no other sink may
    "server": {"probes"},
    "receive": {"blobs", "core"},
    # Its shapes are those of `--json`, made by the same pure modules; it reads the store and writes where it is served.
    "portal": {"changes", "cli", "core", "layout", "probes", "store"},
    "cli": {"agent_lock", "core", "layout", "settings", "store"},  # reads the store by itself, without the agent
    # A run as others take it: of the command line's shapes, the portal's charts, the store's rows.
    "export": {"blobs", "cli", "core", "portal", "store"},
    # The agent as a whole: what it knows, says, does on request, and the order of its life. They get their parts from main.
    "knowledge": {"collect", "ship", "store"},
    "report": {"collect", "layout", "ship", "supervise"},
    "changes": {"layout", "store"},
    "operations": {"changes", "collect", "layout", "report", "ship", "store"},
    "service": {"report", "settings", "systemd"},
    "life": {
        "agent_lock",
        "collect",
        "knowledge",
        "layout",
        "operations",
        "portal",
        "server",
        "service",
        "settings",
        "ship",
        "store",
        "supervise",
    },
    # A server as a whole: what can be asked of it. It gets its parts from serve.
    "serving": {"changes", "core", "layout", "receive", "store"},
    "main": {"*"},  # wires everything
    "serve": {"*"},  # wires a server
    "__main__": {"main"},
    "__init__": set(),
}

# What the pure core must not touch: the outside world, the time, and whatever runs beside it.
IMPURE = {
    "aiohttp", "asyncio", "concurrent", "fcntl", "glob", "io", "logging", "multiprocessing", "os", "pathlib", "queue", "random", "select",
    "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "structlog", "subprocess", "tempfile", "threading", "time", "urllib",
    "uuid", "watchdog",
}  # fmt: skip


def modules(folder):
    """Every module below `folder`, as a path; generated and foreign-language trees are none of ours."""
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


@cache
def imported(path, package_root):
    """The absolute dotted names that a module imports, wherever the statement stands; type-checking blocks too."""
    return list(_imported(path, package_root))


def _imported(path, package_root):
    package = [package_root.name, *path.relative_to(package_root).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level]] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def part(dotted):
    """The agent's folder or root module that a dotted name belongs to, else None."""
    names = dotted.split(".")
    return names[1] if names[0] == "outrider_agent" and len(names) > 1 else None


def test_the_handler_imports_the_standard_library_and_itself_only():
    """A training image needs nothing but the handler. One place hands over to the agent's CLI, one to the machine's own sitecustomize."""
    standard = set(sys.stdlib_module_names) | {"outrider"}
    foreign = {
        (str(path.relative_to(HANDLER)), name)
        for path in modules(HANDLER)
        for name in imported(path, HANDLER)
        if name.split(".")[0] not in standard | BORROWED.get(str(path.relative_to(HANDLER)), set())
    }
    assert {name.split(".")[0] for where, name in foreign if where in ELSEWHERE} <= {"outrider_agent", "sitecustomize"}
    assert {(where, name) for where, name in foreign if where not in ELSEWHERE} == set()


def test_what_is_borrowed_is_imported_when_it_is_called_for():
    """Importing a part of ours never imports a library of the script's, and every licence is used."""
    for where, names in BORROWED.items():
        tree = ast.parse((HANDLER / where).read_text("utf8"))
        inside = {node for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)}
        found = {node: name.split(".")[0] for node in ast.walk(tree) for name in named(node) if name.split(".")[0] in names}
        assert set(found.values()) == names, where
        assert set(found) <= inside, where


def named(node):
    """The names of an import statement; of any other none."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def test_the_structlog_processor_imports_nothing_of_structlog():
    """A processor is a function of three arguments; importing structlog would make it a dependency."""
    path = HANDLER / "structlog.py"
    assert not [name for name in imported(path, HANDLER) if name.split(".")[0] == "structlog"]


def test_the_agent_imports_of_the_handler_only_the_format_the_writer_and_the_client():
    """So that either can be read, replaced and tested without the other."""
    wrong = [
        (str(path.relative_to(AGENT)), name)
        for path in modules(AGENT)
        for name in imported(path, AGENT)
        if name.split(".")[0] == "outrider" and [*name.split("."), ""][1] not in HANDLER_FOR_AGENT
    ]
    assert wrong == []


def test_the_core_is_pure():
    """The core takes bytes, values and `now`, and returns values: no I/O, no clock, nothing that runs beside it."""
    wrong = [
        (str(path.relative_to(AGENT)), name)
        for path in modules(AGENT / "core")
        for name in imported(path, AGENT)
        if name.split(".")[0] in IMPURE
    ]
    assert wrong == []


def test_the_parts_of_the_agent_import_one_another_only_along_the_table():
    """Collectors, sinks, store, blobs, ship and server do not know one another; main.py wires them."""
    wrong = []
    for path in modules(AGENT):
        here = path.relative_to(AGENT).parts[0].removesuffix(".py")
        allowed = ALLOWED.get(here, set()) | LEAVES | {here}
        for name in imported(path, AGENT):
            there = part(name)
            if there is not None and "*" not in allowed and there not in allowed and there != "__version__":
                wrong.append(f"{path.relative_to(AGENT)} imports {name}: {here} -> {there} is not in the table")
    assert wrong == []


def test_every_part_of_the_agent_stands_in_the_table():
    """A new folder or root module has its row, so that nobody forgets to decide what it may know."""
    found = {path.name.removesuffix(".py") for path in AGENT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - set(ALLOWED) == set()


def test_nothing_prints_outside_the_command_line():
    """The agent speaks through its log; only cli/ has a terminal."""
    wrong = [
        f"{path.relative_to(AGENT)}:{node.lineno}"
        for path in modules(AGENT)
        if path.relative_to(AGENT).parts[0] != "cli"
        for node in ast.walk(ast.parse(path.read_text("utf8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert wrong == []


# What `import outrider` must not bring along: each costs milliseconds in every tracked process.
HEAVY = {
    "argparse", "asyncio", "ctypes", "dataclasses", "email", "hashlib", "http.client", "inspect", "json", "logging.config",
    "multiprocessing", "pathlib", "shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "urllib.request", "uuid",
}  # fmt: skip


def test_importing_the_handler_brings_no_heavy_module_along():
    """What a module needs only now and then it imports there and then. `logging` itself is what a script that logs has anyway."""
    code = "import logging, sys; had = set(sys.modules); import outrider; new = set(sys.modules) - had; print(*sorted(new))"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HANDLER.parent)}
    done = subprocess.run([sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "outrider" in done.stdout.split()
    assert set(done.stdout.split()) & HEAVY == set()


def test_who_lacks_a_package_of_the_agents_is_told_before_a_process_dies_of_it():
    """What is looked for before an agent or one of its commands starts is what its extra names; `outrider flare` tells their versions."""
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]["optional-dependencies"]["agent"]
    wanted = {re.match(r"[\w-]+", one)[0].lower() for one in extra}
    distributions = metadata.packages_distributions()
    assert {distributions[name][0].lower() for name in control.AGENT_NEEDS} == wanted
    assert set(flare._PACKAGES) == wanted | {"outrider"}


def row(name):
    """A row of the page's table."""
    allowed = sorted(ALLOWED[name])
    return f"| `{name}` | {'everything' if '*' in allowed else ', '.join(allowed) or 'nothing more'} |"


def test_the_architecture_page_shows_this_table():
    """A newcomer reads the page, not this file; neither may be out of date."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf8")
    assert [row(name) for name in ALLOWED if name != "__init__" and row(name) not in page] == []
    assert page.count("\n") <= 200


def test_nobody_has_a_licence_that_is_not_used():
    """The table says what is, not what might be: an edge that no import needs is taken out again."""
    used = {(path.relative_to(AGENT).parts[0].removesuffix(".py"), part(name)) for path in modules(AGENT) for name in imported(path, AGENT)}
    unused = [(here, there) for here, allowed in ALLOWED.items() for there in allowed - {"*"} if (here, there) not in used]
    assert unused == []
