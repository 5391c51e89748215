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
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_type_hints

import msgspec

from outrider_agent import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Meta = msgspec.Meta
Level = Literal["debug", "info", "warning", "error"]


class Agent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The daemon's own life."""

    idle_exit_s: Annotated[
        float, Meta(ge=0, description="With --idle-exit: seconds with nothing pending, no run alive and no request, then it exits.")
    ] = 600.0
    shutdown_deadline_s: Annotated[
        float, Meta(ge=0, description="Seconds it may go on delivering after SIGTERM; what is left stays in the spool for the next start.")
    ] = 10.0
    liveness_interval_s: Annotated[
        float, Meta(gt=0, le=5, description="Seconds between two looks at whether the runs' processes still live.")
    ] = 1.0
    takeover_after_s: Annotated[
        float, Meta(ge=3, description="Seconds that the agent which holds this home may be silent before a second one takes over.")
    ] = 5.0
    stuck_after_s: Annotated[
        float, Meta(gt=0, description="Seconds without progress while something is pending, then health is `stuck`.")
    ] = 30.0


class Spool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The buffer on disk. The script's side has the same limits: OUTRIDER_MAX_SPOOL_BYTES and OUTRIDER_DISK_RESERVE_BYTES."""

    max_bytes: Annotated[
        int, Meta(ge=1 << 20, description="Bytes that the spool may hold; above them writers refuse, and count what they refuse.")
    ] = 10 << 30
    disk_reserve_bytes: Annotated[int, Meta(ge=0, description="Bytes of the disk that are left free; below them writers refuse.")] = (
        64 << 20
    )
    check_interval_s: Annotated[float, Meta(gt=0, description="Seconds between two measurements of the spool and the disk.")] = 10.0


class Ship(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From the spool to the sinks."""

    poll_interval_s: Annotated[
        float, Meta(gt=0, description="Seconds between two looks at an idle spool; longer by itself where a look is costly.")
    ] = 0.2
    flush_interval_s: Annotated[float, Meta(ge=0, description="Seconds that records may wait to share a transaction with later ones.")] = (
        0.25
    )
    batch_records: Annotated[int, Meta(ge=1, description="Records that one transaction takes at most.")] = 50_000
    batch_bytes: Annotated[int, Meta(ge=4096, description="Bytes of the spool that one transaction takes at most.")] = 4 << 20
    backoff_base_s: Annotated[float, Meta(gt=0, description="Seconds before the first new try when a sink is not available.")] = 0.2
    backoff_cap_s: Annotated[float, Meta(gt=0, description="Seconds between two tries at most.")] = 15.0
    retention_interval_s: Annotated[
        float, Meta(gt=0, description="Seconds between two looks for segments that every sink has passed, to delete them.")
    ] = 2.0


class Outputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The files that runs write into their outputs folders."""

    enabled: Annotated[bool, Meta(description="Whether files of the outputs folders are collected as artifacts.")] = True
    existing: Annotated[
        bool,
        Meta(description="Whether files that lay in an outputs folder untouched since 10 s before the run began are its artifacts."),
    ] = False
    settle_s: Annotated[float, Meta(ge=0, description="Seconds that a file must not have changed before it is taken as whole.")] = 2.0
    sweep_interval_s: Annotated[float, Meta(gt=0, description="Seconds between two looks at the outputs of a run that writes some.")] = 1.0
    idle_after_s: Annotated[float, Meta(gt=0, description="Seconds without a change, then a run's outputs are looked at less often.")] = (
        60.0
    )
    idle_interval_s: Annotated[float, Meta(gt=0, description="Seconds between two looks at outputs in which nothing changes.")] = 5.0
    watch: Annotated[
        bool, Meta(description="Whether the system's file events hint where to look; without them only the looks find changes.")
    ] = True


class Store(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tracking store."""

    enabled: Annotated[
        bool, Meta(description="Whether this agent keeps one; without it everything goes to sinks.http.url, and only there can it be read.")
    ] = True
    path: Annotated[str, Meta(description="The SQLite file; empty: outrider.db in the home.")] = ""
    keep_deleted_s: Annotated[
        float, Meta(ge=0, description="Seconds that a run deleted in the portal can be brought back; then it is purged.")
    ] = 2_592_000.0


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another Outrider over HTTP: a central server (docs/server.md)."""

    url: Annotated[str, Meta(description="Where the server is, as in https://outrider.example.org; empty: nothing is shipped there.")] = ""
    token_file: Annotated[str, Meta(description="The file that holds the token which `outrider token create` printed on the server.")] = ""
    ca_file: Annotated[
        str, Meta(description="Certificates (PEM) that the server's must be signed by; empty: those that the system trusts.")
    ] = ""
    compress: Annotated[bool, Meta(description="Whether records travel compressed.")] = True
    timeout_s: Annotated[float, Meta(gt=0, description="Seconds that the server may take for one answer; then it is asked again.")] = 30.0
    part_bytes: Annotated[
        int, Meta(ge=1 << 16, le=64 << 20, description="Bytes of an artifact that travel in one part; an upload goes on after the last.")
    ] = 8 << 20
    max_lag_bytes: Annotated[
        int,
        Meta(
            ge=1 << 20,
            description="Bytes that this sink may be behind where a store is there too; past it, it jumps over a recorded gap.",
        ),
    ] = 4 << 30


class Sinks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where records go besides the store: one section each."""

    http: Http = Http()


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`outrider server`: what agents ship to (docs/server.md)."""

    address: Annotated[str, Meta(description="The address it listens on; 0.0.0.0: every one of this machine's.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The port it listens on. 0: any; portal.json in the home says which.")] = 7434
    require_token: Annotated[bool, Meta(description="Whether agents need a token. On any address but loopback they always do.")] = True
    max_body_bytes: Annotated[
        int, Meta(ge=1 << 16, description="Bytes of one request's body at most, and of what it holds when it is unpacked.")
    ] = 64 << 20
    body_timeout_s: Annotated[float, Meta(gt=0, description="Seconds in which a request's body has to have come.")] = 60.0


class Portal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The web pages and the HTTP API, on loopback only."""

    enabled: Annotated[bool, Meta(description="Whether the agent serves them.")] = True
    port: Annotated[
        int,
        Meta(ge=0, le=65535, description="The port on 127.0.0.1; where it is taken, the next free one. 0: any. `outrider ui` knows it."),
    ] = 7433


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The agent's own log, agent.log in the home."""

    level: Annotated[Level, Meta(description="The least severe messages kept: debug, info, warning or error.")] = "info"
    max_bytes: Annotated[int, Meta(ge=1 << 16, description="Bytes, then the log becomes agent.log.1 and begins anew.")] = 10_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of them."""

    agent: Agent = Agent()
    spool: Spool = Spool()
    ship: Ship = Ship()
    outputs: Outputs = Outputs()
    store: Store = Store()
    sinks: Sinks = Sinks()
    server: Server = Server()
    portal: Portal = Portal()
    log: Log = Log()


#: Names that the script's side reads too: one variable sets both sides.
ALIASES = {"OUTRIDER_MAX_SPOOL_BYTES": "spool.max_bytes", "OUTRIDER_DISK_RESERVE_BYTES": "spool.disk_reserve_bytes"}

#: Variables of other parts whose names begin like a section's.
NOT_SETTINGS = frozenset({"OUTRIDER_AGENT_AUTOSTART"})

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
    return [(field.key, operator.attrgetter(field.key)(resolved.settings), resolved.origins[field.key]) for field in fields()]


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


def find_file(config: str | None, environ: Mapping[str, str]) -> Path | None:
    """The TOML file in force: the one named, else the user's, else the system's, else none. A named one has to exist."""
    named = config or environ.get("OUTRIDER_CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            origin = "--config" if config else "OUTRIDER_CONFIG"
            raise errors.SettingsError(f"There is no settings file {path} ({origin}). Correct the path, or leave it out.")
        return path
    home = Path(environ.get("HOME") or Path.home())
    base = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    for path in (base / "outrider" / "outrider.toml", Path("/etc/outrider/outrider.toml")):
        if path.is_file():
            return path
    return None


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
