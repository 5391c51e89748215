"""
The agent's settings: one frozen tree with every default, and where each value came from.

`--set section.key=value` beats the environment (`OUTRIDER_<SECTION>_<KEY>`), which beats the TOML file, which beats the default. A key that
does not exist is an error with a suggestion; a value of a wrong type is an error that says where it was written. Every key says its unit.
Nothing else in the agent reads the environment for a setting; the home (OUTRIDER_HOME, --home) is no setting but the place of everything.
"""

from __future__ import annotations

import difflib
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


class Containers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Containers of this machine: what they write, and how they end, without a change to their images."""

    enabled: Annotated[bool, Meta(description="Whether containers are looked for and followed.")] = False
    select: Annotated[
        Literal["labeled", "all"],
        Meta(description="Which: those with a label outrider.…, or all but those with outrider.ignore=true."),
    ] = "labeled"
    names: Annotated[tuple[str, ...], Meta(description="And those whose names (Kubernetes: pod/container) match, with * and ?.")] = ()
    experiment: Annotated[str, Meta(min_length=1, description="The experiment of containers that say none.")] = "containers"
    docker_folder: Annotated[str, Meta(description="Docker's folder of containers, whose logs are followed as files; empty: none.")] = (
        "/var/lib/docker/containers"
    )
    pods_folder: Annotated[str, Meta(description="Kubernetes' folder of pods' logs; empty: none.")] = "/var/log/pods"
    sockets: Annotated[
        tuple[str, ...],
        Meta(description="Engines' sockets (docker, podman): asked for exit codes, and for logs that are in no file."),
    ] = ("/var/run/docker.sock", "/run/podman/podman.sock")
    sweep_interval_s: Annotated[float, Meta(gt=0, description="Seconds between two looks at containers that are quiet.")] = 1.0
    watch: Annotated[
        bool, Meta(description="Whether the system's file events hint when to look; without them only the looks find what is new.")
    ] = True


class Store(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tracking store."""

    path: Annotated[str, Meta(description="The SQLite file; empty: outrider.db in the home.")] = ""


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
    containers: Containers = Containers()
    store: Store = Store()
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
        return f"OUTRIDER_{self.section}_{self.name}".upper()


class Resolved(NamedTuple):
    """The settings and the origin of each key."""

    settings: Settings
    origins: Mapping[str, str]
    file: Path | None


def fields() -> Iterator[Field]:
    """Every setting, in the order of the tree."""
    for section in msgspec.structs.fields(Settings):
        for field in msgspec.structs.fields(section.type):
            annotation = get_type_hints(section.type, include_extras=True)[field.name]
            yield Field(section.name, field.name, annotation.__origin__, field.default, annotation.__metadata__[0].description)


def load(overrides: Sequence[str] = (), *, config: str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. `overrides` are `section.key=value`. Raises `SettingsError`."""
    return resolve(overrides, config=config, environ=environ).settings


def describe(
    overrides: Sequence[str] = (), *, config: str | None = None, environ: Mapping[str, str] | None = None
) -> list[tuple[str, Any, str]]:
    """(key, value, origin) of every setting in force, for `config show`. Raises `SettingsError`."""
    resolved = resolve(overrides, config=config, environ=environ)
    return [(field.key, getattr(getattr(resolved.settings, field.section), field.name), resolved.origins[field.key]) for field in fields()]


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
    tree: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        tree.setdefault(section, {})[name] = value
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
    sections = {field.section for field in known.values()}
    for section, content in document.items():
        if section not in sections:
            raise errors.SettingsError(f"{path}: there is no section [{section}].{_suggest(section, sections)}")
        if not isinstance(content, dict):
            raise errors.SettingsError(f"{path}: {section} is a section; write [{section}] on a line of its own and its keys below.")
        for name, value in content.items():
            yield _known(f"{section}.{name}", known, str(path)), value, str(path)


def _from_environment(environ: Mapping[str, str], known: Mapping[str, Field]) -> Iterator[tuple[str, Any, str]]:
    for variable, key in ALIASES.items():
        if environ.get(variable):
            yield key, _parsed(known[key], environ[variable], variable), variable
    variables = {field.variable: field for field in known.values()}
    prefixes = tuple({f"OUTRIDER_{field.section}_".upper() for field in known.values()})
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
    section = {part.name: part.type for part in msgspec.structs.fields(Settings)}[field.section]
    try:
        struct = msgspec.convert({field.name: value}, section)
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
