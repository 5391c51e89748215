"""The modules that a page begins with, sent as one file."""

from __future__ import annotations

import json
import re

import pytest

from outrider_agent.portal import assets, joined

BEHIND = 'import { one as first } from "./one.js";\nexport const two = first + 1;\n'


def test_a_module_comes_after_those_that_it_needs():
    """Each in a scope of its own, so two may have the same name for something within; what all of them export is exported once."""
    names, made = joined.joined({"two.js": BEHIND, "one.js": 'import { h } from "preact";\nconst own = 1;\nexport const one = own;\n'})
    assert names == ["one.js", "two.js"]
    assert made.startswith('import * as $outside0 from "preact";\nconst $one = (() => {')
    assert made.index("const { one: first } = $one;") > made.index("return { one };")
    assert made.endswith("export { $_two as two };\n")
    assert len(re.findall("^export", made, re.MULTILINE)) == 2


def test_what_waits_while_it_is_loaded_stays_apart():
    """The others import it from where it is."""
    names, made = joined.joined({"one.js": "export const one = 1;\nlet all = await fetch('x');\n", "two.js": BEHIND})
    assert names == ["two.js"]
    assert 'from "./one.js"' in made


@pytest.mark.parametrize(
    "source",
    [
        "export let moved = 0;",
        "export default 1;",
        'export { x } from "./y.js";',
        'import * as all from "./y.js";',
        "export const two = 2;",
        'import { two } from "./two.js";\nexport const one = two;',
    ],
)
def test_a_form_that_is_not_understood_is_refused(source):
    """A name that changes would be joined as it was; a name that two export, or modules that need each other, cannot be joined."""
    with pytest.raises(joined.NotJoinedError):
        joined.joined({"one.js": source, "two.js": BEHIND})


@pytest.mark.parametrize("module", assets.JOINED)
def test_each_joined_module_is_named_once(module):
    """The page's map leads from each to the file that has it, and nothing that is in that file is asked for apart."""
    static = assets.Assets()
    names = json.loads(static.import_map(module))["imports"]
    parts = {address for address, at in names.items() if at == static.url(f"with-{module}")}
    assert len(parts) >= 5
    needed = static.needed([module])
    assert needed[:2] == [f"with-{module}", module]
    assert not parts & {static.url(name) for name in needed}
    assert static.import_map(module) in static.inline
