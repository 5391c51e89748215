"""
HTML that is escaped by construction: whatever is no `Safe` is text, and text is escaped. Pure.

No page is made by pasting strings together elsewhere.
"""

from __future__ import annotations

import functools
import html
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VOID = frozenset({"link", "meta", "img", "input", "br", "col"})


class Safe(str):
    """Text that is HTML already. Made here only."""

    __slots__ = ()


Child = str | int | None | Safe


def text(child: Child) -> Safe:
    """The child as HTML; nothing for None."""
    if child is None:
        return Safe("")
    return child if isinstance(child, Safe) else Safe(html.escape(str(child)))


def join(children: Iterable[Child]) -> Safe:
    """One after another."""
    return Safe("".join([child if child.__class__ is Safe else text(child) for child in children]))  # most are Safe


def tag(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Safe:
    """An element. Attributes are spelled as in Python: `class_`, `data_run`, `aria_label`; None and False leave one out."""
    given = "".join([_attribute(key, value) for key, value in attributes.items()]) if attributes else ""
    return Safe(f"<{name}{given}>") if name in VOID else Safe(f"<{name}{given}>{join(children)}</{name}>")


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = _spelled(key)
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


@functools.lru_cache(maxsize=256)
def _spelled(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def data(element_id: str, document: object) -> Safe:
    """A block of JSON for the page's scripts: no text in it can end the block or begin another element."""
    content = msgspec.json.encode(document).decode().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Safe(f'<script type="application/json" id="{html.escape(element_id)}">{content}</script>')


def script(content: str, kind: str) -> Safe:
    """A script element with a content that we made ourselves; its hash stands in the page's policy."""
    return Safe(f'<script type="{html.escape(kind)}">{content}</script>')


def classes(names: Mapping[str, object]) -> str | None:
    """The names whose value is true."""
    return " ".join(name for name, value in names.items() if value) or None
