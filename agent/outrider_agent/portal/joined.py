"""
Several of our modules as one file, which an import map names in place of each: a browser asks once, and a module that is loaded later finds
the same ones (decisions/0035). Pure: sources in, a source out.

Each keeps a scope of its own and comes after those that it needs. A module that waits while it is loaded stays a file of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IMPORT = re.compile(r'^import (?:\{([^}]*)\}|(\w+)) from "([^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class) (\w+))", re.MULTILINE)
WAITS = re.compile(r"^(?:let|const) [^=\n]+ = await |^await ", re.MULTILINE)
#: What is left of a form that is not understood.
OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


class NotJoinedError(ValueError):
    """A module has a form that is not understood here, or two export the same name."""


def joined(sources: Mapping[str, str]) -> tuple[list[str], str]:
    """Which of them are in it, and one module that exports what all of these do. Raises `NotJoinedError`."""
    names = [name for name in _ordered(sources) if WAITS.search(sources[name]) is None]
    outside: dict[str, str] = {}
    exports: dict[str, str] = {}
    parts = []
    for name in names:
        own = EXPORT.findall(sources[name])
        if twice := exports.keys() & own:
            raise NotJoinedError(f"{name} exports what another does: {', '.join(sorted(twice))}")
        exports.update(dict.fromkeys(own, name))
        body = EXPORT.sub("", IMPORT.sub(lambda found: _taken(found, names, outside), sources[name]))
        if (left := OTHER.search(body)) is not None:
            raise NotJoinedError(f"{name}: {left[0]}")
        parts.append(f"const {_scope(name)} = (() => {{\n{body}\nreturn {{ {', '.join(own)} }};\n}})();\n")
    begin = [f'import * as {scope} from "{address}";\n' for address, scope in outside.items()]
    end = [f"const $_{one} = {_scope(name)}.{one};\nexport {{ $_{one} as {one} }};\n" for one, name in exports.items()]
    return names, "".join([*begin, *parts, *end])


def imports(source: str) -> list[str]:
    """Addresses of what it imports before it begins."""
    return [found[3] for found in IMPORT.finditer(source)]


def _taken(found: re.Match[str], names: Sequence[str], outside: dict[str, str]) -> str:
    """What stands in place of an import: the same names, of the scope that the module has now or of all that it exports."""
    many, one, address = found.groups()
    name = address.removeprefix("./")
    scope = _scope(name) if address.startswith("./") and name in names else outside.setdefault(address, f"$outside{len(outside)}")
    return f"const {{{many.replace(' as ', ': ') if many else f' default: {one} '}}} = {scope};"


def _ordered(sources: Mapping[str, str]) -> list[str]:
    """Each behind those that it needs. Raises `NotJoinedError` where two need each other."""
    done: dict[str, None] = {}

    def add(name: str, *above: str) -> None:
        if name in above:
            raise NotJoinedError(f"{name} needs itself, by {', '.join(above)}")
        if name not in done:
            for address in imports(sources[name]):
                if address.removeprefix("./") in sources:
                    add(address.removeprefix("./"), name, *above)
            done[name] = None

    for name in sources:
        add(name)
    return list(done)


def _scope(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name.removesuffix(".js"))
