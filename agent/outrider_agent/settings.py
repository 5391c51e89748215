"""
The agent's settings: one frozen tree with every default, and where each value came from.

`--set section.key=value` beats the environment (`OUTRIDER_<SECTION>_<KEY>`), which beats the TOML file, which beats the default. A key that
does not exist is an error with a suggestion; a value of a wrong type is an error that says where it was written. Every key says its unit.
Nothing else in the agent reads the environment for a setting; the home (OUTRIDER_HOME, --home) is no setting but the place of everything.
"""

from __future__ import annotations

import difflib
import operator
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_type_hints

import msgspec

from outrider_agent import errors
from outrider_agent.settings_tree import Agent, Containers, Http, Log, Outputs, Portal, Server, Settings, Ship, Sinks, Spool, Store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

__all__ = [
    "Agent",
    "Containers",
    "Field",
    "Http",
    "Log",
    "Outputs",
    "Portal",
    "Resolved",
    "Server",
    "Settings",
    "Ship",
    "Sinks",
    "Spool",
    "Store",
    "check",
    "describe",
    "fields",
    "find_file",
    "load",
    "merged",
    "prefix",
    "resolve",
    "sections",
    "value",
]

#: Names that the script's side reads too: one variable sets both sides.
ALIASES = {"OUTRIDER_MAX_SPOOL_BYTES": "spool.max_bytes", "OUTRIDER_DISK_RESERVE_BYTES": "spool.disk_reserve_bytes"}

#: Variables of other parts whose names begin like a section's.
NOT_SETTINGS = frozenset({"OUTRIDER_AGENT_AUTOSTART"})

#: The machine's file.
SYSTEM = Path("/etc/outrider/outrider.toml")
DEFAULT = "default"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class Field(NamedTuple):
    """One setting, as the documents show it."""

    section: str
    name: str
    type: Any
    default: Any
    description: str

    @property
    def key(self) -> str:
        """As the user writes it."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return f"{prefix(self.section)}{self.name.upper()}"


def prefix(section: str) -> str:
    """How the variables of a section begin."""
    return f"OUTRIDER_{section.upper().replace('.', '_')}_"


class Resolved(NamedTuple):
    """The settings and the origin of each key."""

    settings: Settings
    origins: Mapping[str, str]
    file: Path | None


def fields() -> Iterator[Field]:
    """Every setting, in the order of the tree."""
    for section, struct in sections():
        for field in msgspec.structs.fields(struct):
            annotation = get_type_hints(struct, include_extras=True)[field.name]
            yield Field(section, field.name, annotation.__origin__, field.default, annotation.__metadata__[0].description)


def sections() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """Every section with its struct; one within another has a name of two words, as in TOML."""
    for outer in msgspec.structs.fields(Settings):
        inner = [
            field for field in msgspec.structs.fields(outer.type) if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        ]
        yield from [(f"{outer.name}.{field.name}", field.type) for field in inner] or [(outer.name, outer.type)]


def load(overrides: Sequence[str] = (), *, config: str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. `overrides` are `section.key=value`. Raises `SettingsError`."""
    return resolve(overrides, config=config, environ=environ).settings


def check(given: Settings) -> None:
    """Raises `SettingsError` where an agent with these would lose what it collects."""
    if not given.store.enabled and not given.sinks.http.url:
        raise errors.SettingsError(
            "store.enabled is off and sinks.http.url is empty: what is collected would go nowhere. Nothing was started; scripts go on, and "
            "the spool keeps what they log. Set one of the two."
        )
    if given.sinks.http.url and not given.sinks.http.url.startswith(("http://", "https://")):
        raise errors.SettingsError(
            f"sinks.http.url = {given.sinks.http.url!r} does not begin with https:// or http://. Nothing was started."
        )


def describe(
    overrides: Sequence[str] = (), *, config: str | None = None, environ: Mapping[str, str] | None = None
) -> list[tuple[str, Any, str]]:
    """(key, value, origin) of every setting in force, for `config show`. Raises `SettingsError`."""
    resolved = resolve(overrides, config=config, environ=environ)
    return [(field.key, value(resolved.settings, field), resolved.origins[field.key]) for field in fields()]


def resolve(overrides: Sequence[str] = (), *, config: str | None = None, environ: Mapping[str, str] | None = None) -> Resolved:
    """The settings in force, with their origins. Raises `SettingsError`."""
    environ = os.environ if environ is None else environ
    known = {field.key: field for field in fields()}
    file = find_file(config, environ)
    values: dict[str, Any] = {}
    origins = dict.fromkeys(known, DEFAULT)
    for layer in (_from_file(file, known), _from_environment(environ, known), _from_overrides(overrides, known)):
        for key, value, origin in layer:
            values[key] = _checked(known[key], value, origin)
            origins[key] = origin
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *above, name = key.split(".")
        branch = tree
        for section in above:
            branch = branch.setdefault(section, {})
        branch[name] = value
    return Resolved(msgspec.convert(tree, Settings), origins, file)


def value(tree: Settings, field: Field) -> Any:
    """What the tree has for one setting."""
    return operator.attrgetter(field.key)(tree)


def merged(old: Settings, new: Settings, keys: Collection[str]) -> Settings:
    """The old settings with the new values of those keys."""
    sections: dict[str, dict[str, Any]] = {}
    for field in fields():
        if field.key in keys:
            sections.setdefault(field.section, {})[field.name] = value(new, field)
    replaced = {name: msgspec.structs.replace(getattr(old, name), **changed) for name, changed in sections.items()}
    return msgspec.structs.replace(old, **replaced)


def find_file(config: str | None, environ: Mapping[str, str]) -> Path | None:
    """
    The TOML file in force: the one named, else the user's, else the system's, else none. A named one has to exist; the system's counts for
    those that may read it: /etc/outrider is closed to others where the service of the machine was installed.
    """
    named = config or environ.get("OUTRIDER_CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            origin = "--config" if config else "OUTRIDER_CONFIG"
            raise errors.SettingsError(f"There is no settings file {path} ({origin}). Correct the path, or leave it out.")
        return path
    home = Path(environ.get("HOME") or Path.home())
    base = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    own = base / "outrider" / "outrider.toml"
    if own.is_file():
        return own
    return SYSTEM if os.access(SYSTEM, os.R_OK) else None


def _from_file(path: Path | None, known: Mapping[str, Field]) -> Iterator[tuple[str, Any, str]]:
    if path is None:
        return
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise errors.SettingsError(f"The settings file {path} cannot be read: {exc}.") from exc
    there = {field.section for field in known.values()}
    outer = {section.partition(".")[0] for section in there} - there
    for section, content in _sections_of(document, outer):
        if section not in there | outer:
            raise errors.SettingsError(f"{path}: there is no section [{section}].{_suggest(section, there)}")
        if not isinstance(content, dict):
            raise errors.SettingsError(f"{path}: {section} is a section; write [{section}] on a line of its own and its keys below.")
        for name, value in content.items():
            yield _known(f"{section}.{name}", known, str(path)), value, str(path)


def _sections_of(document: Mapping[str, Any], outer: set[str]) -> Iterator[tuple[str, Any]]:
    """A file's sections; those within another one by both names."""
    for section, content in document.items():
        if section in outer and isinstance(content, dict):
            yield from ((f"{section}.{name}", inner) for name, inner in content.items())
        else:
            yield section, content


def _from_environment(environ: Mapping[str, str], known: Mapping[str, Field]) -> Iterator[tuple[str, Any, str]]:
    for variable, key in ALIASES.items():
        if environ.get(variable):
            yield key, _parsed(known[key], environ[variable], variable), variable
    variables = {field.variable: field for field in known.values()}
    prefixes = tuple({prefix(field.section) for field in known.values()})
    for variable, text in environ.items():
        if not variable.startswith(prefixes) or variable in ALIASES or variable in NOT_SETTINGS:
            continue
        if variable not in variables:
            raise errors.SettingsError(f"The environment variable {variable} is no setting.{_suggest(variable, variables)}")
        yield variables[variable].key, _parsed(variables[variable], text, variable), variable


def _from_overrides(overrides: Sequence[str], known: Mapping[str, Field]) -> Iterator[tuple[str, Any, str]]:
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise errors.SettingsError(f"--set {text}: write --set section.key=value.")
        key = _known(key.strip(), known, "--set")
        yield key, _parsed(known[key], value.strip(), "--set"), "--set"


def _known(key: str, known: Mapping[str, Field], origin: str) -> str:
    if key not in known:
        raise errors.SettingsError(f"{origin}: there is no setting {key}.{_suggest(key, known)}")
    return key


def _suggest(wrong: str, names: Mapping[str, Any] | set[str]) -> str:
    close = difflib.get_close_matches(wrong, list(names), n=1, cutoff=0.5)
    return f" Did you mean {close[0]}?" if close else " `outrider config show` lists them all."


def _parsed(field: Field, text: str, origin: str) -> Any:
    """A value that was written as text (environment, command line), by its setting's type; what does not fit is left for `_checked`."""
    if field.type is bool:
        lowered = text.strip().lower()
        return True if lowered in _TRUE else False if lowered in _FALSE else text
    if getattr(field.type, "__origin__", None) in (tuple, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    if field.type in (int, float):
        try:
            return field.type(text)
        except ValueError as exc:
            raise errors.SettingsError(f"{origin}: {field.key} is {_type_name(field)}, not {text!r}. {field.description}") from exc
    return text


def _checked(field: Field, value: Any, origin: str) -> Any:
    try:
        struct = msgspec.convert({field.name: value}, dict(sections())[field.section])
    except msgspec.ValidationError as exc:
        reason = str(exc).split(" - at ")[0]
        raise errors.SettingsError(
            f"{origin}: {field.key} = {value!r} does not fit: {reason}. It is {_type_name(field)}. {field.description}"
        ) from exc
    return getattr(struct, field.name)


def _type_name(field: Field) -> str:
    if getattr(field.type, "__args__", None) and field.type.__origin__ is Literal:
        return "one of " + ", ".join(field.type.__args__)
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    return names.get(field.type, "a list of texts")
