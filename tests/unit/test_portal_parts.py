"""The portal's pure parts: HTML that is escaped by construction, guesses by a metric's name, the lock file's manners."""

from __future__ import annotations

import html.parser
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider_agent.core import goals
from outrider_agent.portal import assets, listing, markup, shapes
from outrider_agent.portal.markup import tag

ROOT = Path(__file__).resolve().parents[2]


class Seen(html.parser.HTMLParser):
    """What a browser makes of it."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.attributes = [], [], []

    def handle_starttag(self, name, attributes):
        self.tags.append(name)
        self.attributes += attributes

    def handle_data(self, data):
        self.text.append(data)


def seen(document):
    parser = Seen()
    parser.feed(document)
    parser.close()
    return parser


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")) | st.sampled_from(
    ["</p>", "<!--", '"><script>', "&lt;", "'", "]]>"]
)


@given(TEXT, TEXT)
def test_text_comes_out_as_the_same_text_and_never_as_markup(text, attribute):
    """Whatever is put in, a browser reads back, in one element."""
    found = seen(tag("p", text, title=attribute))
    assert found.tags == ["p"]
    assert "".join(found.text) == text
    assert found.attributes == [("title", attribute)]


@given(TEXT)
def test_a_block_of_data_cannot_be_left(text):
    """Nothing in it ends the block, and it is the same JSON."""
    block = markup.data("data", {"a": text})
    content = block.removeprefix('<script type="application/json" id="data">').removesuffix("</script>")
    assert not re.search(r"[<>&]", content)
    assert json.loads(content) == {"a": text}


def test_only_what_is_marked_is_markup():
    """A text that looks like an element is text; an element within an element stays one."""
    assert tag("b", "<i>", tag("i", "x")) == "<b>&lt;i&gt;<i>x</i></b>"
    assert tag("input", value='"', disabled=True, hidden=False, id=None) == '<input value="&quot;" disabled>'


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("loss", "min"),
        ("train/loss", "min"),
        ("val_accuracy", "max"),
        ("trainLoss", "min"),
        ("mse", "min"),
        ("top5", "max"),
        ("accuracy_loss", "min"),
        ("lr", None),
        ("glossary", None),
        ("epoch", None),
        ("f1", "max"),
    ],
)
def test_which_way_is_better_is_guessed_by_words(name, best):
    """The last word that says something counts; part of a word says nothing."""
    assert goals.best(name) == best


def test_key_metrics_are_those_that_most_runs_have():
    """Those that can be judged first, in the order they appeared; texts have no column."""
    scalar, text = [SimpleNamespace(kind="scalar")], [SimpleNamespace(kind="text")]
    runs = [{"lr": scalar, "loss": scalar, "note": text, "acc": scalar}, {"loss": scalar, "lr": scalar}, {"time": scalar}]
    assert listing.key_metrics(runs, 2) == ["loss", "acc"]
    assert listing.key_metrics(runs, 3) == ["lr", "loss", "acc"]


def test_what_msgspec_cannot_spell_is_spelled_all_the_same():
    """Integers of any length and lone surrogates are JSON too."""
    assert json.loads(shapes.encoded({"a": 10**400, "b": "\udcff"})) == {"a": 10**400, "b": "\udcff"}


def test_the_lock_names_no_address_and_pins_every_package_by_hash():
    """Any mirror will do, and none can give something else."""
    lock = json.loads((ROOT / "portal" / "package-lock.json").read_text())
    package = json.loads((ROOT / "portal" / "package.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert all("resolved" not in one and one["integrity"].startswith("sha512-") for one in packages.values())
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert not [version for version in wanted.values() if not version[0].isdigit()]


def test_what_is_shipped_comes_with_its_licence():
    """Each library has its own beside it."""
    code = "import json, hatch_build; print(json.dumps(hatch_build.SHIPPED))"
    shipped = json.loads(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    libraries = {re.match(r"(@[^/]+/)?[^/]+", source)[0] for source in shipped}
    assert {name for name in libraries if f"{name}/LICENSE" not in shipped} == set()


def test_scripts_are_shipped_without_their_comments_and_otherwise_as_they_are():
    """Line by line: what is left is what was there."""
    code = "import hatch_build as h, json; print(json.dumps({p.name: h.without_comments(p.read_text()) for p in h.SOURCES.glob('*.js')}))"
    shipped = json.loads(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert "chart.js" in shipped
    for name, text in shipped.items():
        source = (ROOT / "portal" / name).read_text()
        assert text.count("\n") == source.count("\n"), name
        assert not re.search(r"/\*\*|^\s*//", text, re.MULTILINE), name
        for before, after in zip(source.splitlines(), text.splitlines(), strict=True):
            gone = re.sub(r"/\*\*.*?\*/ ?", "", before)
            assert after.strip() in ("", gone.strip()), (name, before)


@pytest.mark.parametrize("path", sorted((ROOT / "portal").glob("*.js")), ids=lambda path: path.name)
def test_scripts_are_small_and_open_with_their_rules(path):
    """The same numbers as for Python; no eval, no markup from text, nothing from elsewhere."""
    text = path.read_text()
    assert text.startswith("// ")
    assert text.count("\n") <= 400
    for forbidden in (
        "innerHTML =",
        "outerHTML",
        "insertAdjacentHTML",
        "eval(",
        "new Function",
        "dangerouslySetInnerHTML",
        "document.write",
        "https://",
    ):
        assert forbidden not in text, forbidden


def test_a_page_asks_at_once_for_all_that_its_module_imports(tmp_path):
    """Also what is imported over several lines, or by what is imported; each once, no libraries, no parts that are loaded later."""
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "preact.js").write_text('import "./other.js";')
    (tmp_path / "a.js").write_text('import { h } from "preact";\nimport {\n  one,\n  two,\n} from "./b.js";\nimport "./c.js";\n')
    (tmp_path / "b.js").write_text('import { x } from "./c.js";\nconst later = () => import("./d.js");\nexport { y } from "./e.js";\n')
    (tmp_path / "c.js").write_text('import { a } from "./a.js";\n')
    for name in ("d.js", "e.js"):
        (tmp_path / name).write_text("")
    assert assets.Assets(tmp_path).needed(["a.js"]) == ["a.js", "b.js", "c.js", "e.js"]
