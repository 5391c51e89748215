"""
The settings as text: the commented example file and the page of the documentation, both made from the tree in `settings`.

    python -m outrider_agent.settings_text toml > systemd/outrider.toml
    python -m outrider_agent.settings_text markdown > docs/settings.md

Tests prove that the files in the repository are what comes out here.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from typing import Any

from outrider_agent import settings

_TOML_HEAD = """\
# Outrider's agent: every setting, with its default. Remove the `#` before a key to change it.
#
# Read from the first of: $OUTRIDER_CONFIG, ~/.config/outrider/outrider.toml, /etc/outrider/outrider.toml.
# The environment (OUTRIDER_<SECTION>_<KEY>) and `--set section.key=value` win over this file;
# `outrider config show` says what is in force, and why.
"""

_PAGE_HEAD = """\
# Settings of the agent

One value is looked for in this order: `--set section.key=value` on the command line, the environment variable, the TOML file, the default.
The file is `$OUTRIDER_CONFIG`, else `~/.config/outrider/outrider.toml`, else `/etc/outrider/outrider.toml` where one may read it;
`systemd/outrider.toml` is the full commented example. `outrider config show` prints each value with its origin. An unknown key is an error,
so that a misspelled one is not silently without effect.

Durations are seconds, sizes are bytes; each key says its unit. `OUTRIDER_HOME` (or `--home`) says where everything is kept; it is not in
the file. `OUTRIDER_MAX_SPOOL_BYTES` and `OUTRIDER_DISK_RESERVE_BYTES`, which the script's side reads, set `spool.max_bytes` and
`spool.disk_reserve_bytes` as well.

This page is made from the code: `python -m outrider_agent.settings_text markdown`.
"""


def spelled(value: Any) -> str:
    """A value as TOML spells it."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(spelled(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


def toml() -> str:
    """`systemd/outrider.toml`."""
    lines = [_TOML_HEAD]
    for section, group in groupby(settings.fields(), key=lambda field: field.section):
        lines.append(f"[{section}]")
        for field in group:
            lines += [f"# {field.description}", f"#{field.name} = {spelled(field.default)}", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def markdown() -> str:
    """`docs/settings.md`."""
    lines = [_PAGE_HEAD]
    for section, group in groupby(settings.fields(), key=lambda field: field.section):
        lines += [f"## [{section}]", "", "| key | default | environment | meaning |", "| --- | --- | --- | --- |"]
        lines += [f"| `{field.name}` | `{spelled(field.default)}` | `{field.variable}` | {field.description} |" for field in group]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.stdout.write(toml() if sys.argv[1:] == ["toml"] else markdown())
