"""
The tree of the agent's settings: every key with its default, its limits and a sentence. Every key says its unit. Read by `settings`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Meta = msgspec.Meta
Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "text", "keys", "json"]


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
    address: Annotated[
        str,
        Meta(
            description="The address it listens on. 0.0.0.0 is for a container, whose port is published on the host's loopback; "
            "every request needs the key there as well."
        ),
    ] = "127.0.0.1"
    token_file: Annotated[
        str,
        Meta(description="The file that holds its key, 32 to 128 of A-Z a-z 0-9 - _; empty: portal.token in the home, made when missing."),
    ] = ""


class Probes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A port for /healthz and /metrics alone, where the agent has no portal: a sidecar's (docs/operations.md)."""

    address: Annotated[
        str, Meta(description="The address on which they are answered, without a key; 0.0.0.0: a pod's own. Empty: on none.")
    ] = ""
    port: Annotated[int, Meta(ge=0, le=65535, description="The port there. 0: any; `outrider status` says which.")] = 7435


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The agent's own log, agent.log in the home."""

    level: Annotated[Level, Meta(description="The least severe messages kept: debug, info, warning or error.")] = "info"
    format: Annotated[
        Format,
        Meta(
            description="Its form on stderr (--foreground): text, keys (one line of key=value), json; "
            "auto: keys where stderr is the journal, else text. agent.log is JSON."
        ),
    ] = "auto"
    max_bytes: Annotated[int, Meta(ge=1 << 16, description="Bytes, then the log becomes agent.log.1 and begins anew.")] = 10_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of them."""

    agent: Agent = Agent()
    spool: Spool = Spool()
    ship: Ship = Ship()
    outputs: Outputs = Outputs()
    containers: Containers = Containers()
    store: Store = Store()
    sinks: Sinks = Sinks()
    server: Server = Server()
    portal: Portal = Portal()
    probes: Probes = Probes()
    log: Log = Log()
