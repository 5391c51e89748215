"""`outrider status`: what is collected, how far each sink is behind, what is wrong. The agent tells, else the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from outrider import control
from outrider_agent.cli import format as fmt
from outrider_agent.cli import fresh, output, pending

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  outrider status
  outrider status --json | jq .agent.pid
  outrider status --json | jq '[.streams[].pending.store] | add'

Without an agent the spool on disk is compared with what the store has.
"""
SHOWN = 20


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md has the shape)")
    parser.set_defaults(handler=status)


def status(args: argparse.Namespace) -> int:
    """Shows it."""
    home = fresh.home(args)
    document = describe(home, ask=not args.no_agent)
    if args.json:
        output.as_json(document)
    else:
        _print(document)
    return 0


def describe(home: str, *, ask: bool = True) -> dict[str, Any]:
    """The agent's own account, or one made from the disk."""
    if ask and control.agent_info(home) is not None:
        try:
            code, answer = control.request(home, "GET", "/status", timeout=5.0)
        except control.ControlError as error:
            return without_agent(home, f"the agent does not answer ({error}); what is below was read from the disk")
        if code == 200 and isinstance(answer, dict):
            answer["wrong"] = [*answer.get("wrong", []), *unwritable(home)]
            return answer | {"agent": _dated(answer.get("agent") or {})}
        return without_agent(home, f"the agent answered {code}; what is below was read from the disk")
    return without_agent(home)


def unwritable(home: str) -> list[str]:
    """Can this user's scripts not write here? Then their records are refused, and nothing in the home can say how many."""
    folders = [folder for folder in (home, os.path.join(home, "spool")) if os.path.isdir(folder)]  # noqa: PTH112, PTH118
    for folder in folders:
        if not os.access(folder, os.W_OK | os.X_OK) or os.statvfs(folder).f_flag & os.ST_RDONLY:
            return [f"{folder} cannot be written: what scripts log is refused, not kept; make it writable, or set another OUTRIDER_HOME"]
    return []


def _dated(agent: dict[str, Any]) -> dict[str, Any]:
    """The agent tells time as the spool does; `--json` spells it as everywhere."""
    started = agent.get("started")
    return {**agent, "started": fmt.iso(started) if isinstance(started, int) else started}


def without_agent(home: str, wrong: str | None = None) -> dict[str, Any]:
    """The same document where no agent is there to tell."""
    streams = fresh.on_disk(home)
    behind = sum(one.pending_bytes for one in streams)
    spool_ = pending.statistics(home)
    sentences = [wrong] if wrong else []
    if behind and not wrong:
        sentences.append(f"no agent runs: {fmt.size(behind)} wait in the spool; start one with `outrider agent`")
    if spool_["full"]:
        sentences.append("the spool is full: scripts go on, but their records are refused; free some disk space")
    if spool_["refused"]:
        sentences.append(f"{fmt.plural(spool_['refused'], 'record')} were refused; `outrider show RUN` says where and why")
    odd = pending.irregular(home)[:SHOWN]
    sentences += [f"{path} is no regular file; it is passed over, all other files are read: move it away" for path in odd]
    sentences += unwritable(home)
    info = control.agent_info(home) or {}
    return {
        "agent": _dated({key: info.get(key) for key in ("pid", "version", "started")} | {"home": home, "uptime_s": None}),
        "sinks": [
            {
                "name": "store",
                "state": "stopped",
                "error": None,
                "records": None,
                "records_per_transaction": None,
                "pending_bytes": behind,
                "last_commit_age_s": None,
            }
        ],
        "streams": [one.document() for one in streams],
        "collectors": [],
        "spool": spool_,
        "portal": {"url": None, "error": None},
        "probes": {"url": None, "error": None},
        "wrong": sentences,
    }


def _print(document: dict[str, Any]) -> None:
    agent = document["agent"]
    if agent.get("pid") is None:
        output.say(f"agent      {output.styled('not running', 'yellow')}, home {agent.get('home')}")
    else:
        up = agent.get("uptime_s")
        lasted = f", up {fmt.duration(up)}" if up is not None else ""
        output.say(f"agent      pid {agent['pid']}, version {agent.get('version')}{lasted}, home {agent.get('home')}")
    if url := (document.get("portal") or {}).get("url"):
        output.say(f"portal     {url} (`outrider ui` prints the address that opens it)")
    if (answered := (document.get("probes") or {}).get("url")) and answered != url:
        output.say(f"probes     {answered}healthz, {answered}metrics")
    _print_spool(document["spool"])
    for collector in document["collectors"]:
        output.say(f"collects   {_described(collector)}")
    _print_sinks(document["sinks"])
    _print_streams(document["streams"])
    output.say()
    for sentence in document["wrong"]:
        output.say(output.styled(f"wrong: {fmt.one_line(sentence)}", "red"))
    if not document["wrong"]:
        output.say(output.styled("nothing is wrong", "green"))


def _print_spool(spool_: dict[str, Any]) -> None:
    cap = f" of {fmt.size(spool_['cap'])}" if spool_.get("cap") else ""
    text = f"spool      {fmt.size(spool_.get('bytes'))}{cap}"
    if spool_.get("refused"):
        text += output.styled(f", {fmt.plural(spool_['refused'], 'record')} refused", "red")
    if spool_.get("full"):
        text += output.styled(", FULL", "bold red")
    output.say(text)


def _described(collector: object) -> str:
    """A collector in one line, whatever it tells of itself."""
    if not isinstance(collector, dict):
        return fmt.value(collector)
    rest = {key: value for key, value in collector.items() if key not in ("name", "state", "error") and value}  # zeros say nothing
    parts = [str(collector.get("name", "?")), str(collector.get("state", ""))]
    if "watch" in rest:  # how it comes to know of changes
        parts.append(f"by {fmt.value(rest.pop('watch'))}")
    parts += [f"{key.replace('_', ' ')} {_figure(key, value)}" for key, value in rest.items()]
    text = fmt.one_line(", ".join(part for part in parts if part))
    error = collector.get("error")
    return text + (output.styled(f": {fmt.one_line(str(error))}", "red") if error else "")


def _figure(key: str, value: object) -> str:
    return fmt.size(value) if key.endswith("bytes") and isinstance(value, int) else fmt.value(value)


def _print_sinks(sinks: list[dict[str, Any]]) -> None:
    output.say()
    columns = [output.Column("SINK"), output.Column("STATE"), output.Column("BEHIND", right=True), output.Column("RECORDS", right=True)]
    columns += [output.Column("A TRANSACTION", right=True), output.Column("LAST COMMIT", right=True)]
    output.table(columns, [_sink_row(sink) for sink in sinks])
    for sink in sinks:
        if sink.get("error"):
            output.say(output.styled(f"{sink['name']}: {fmt.one_line(str(sink['error']))}", "red"))


def _sink_row(sink: dict[str, Any]) -> output.Row:
    behind, age, batch, records = (sink.get(key) for key in ("pending_bytes", "last_commit_age_s", "records_per_transaction", "records"))
    style = "red" if sink.get("error") else "green" if not behind else "yellow"
    return [
        str(sink.get("name")),
        output.Cell(str(sink.get("state")), style),
        output.Cell(fmt.size(behind) if behind else "nothing", "yellow" if behind else ""),
        "-" if records is None else fmt.number(records),
        "-" if batch is None else f"{batch:,.0f}",
        "-" if age is None else f"{fmt.duration(age)} ago",
    ]


def _print_streams(streams: list[dict[str, Any]]) -> None:
    """The streams that live or are behind; the others are done and only counted."""
    active = [one for one in streams if one.get("alive") or any(one.get("pending", {}).values())]
    output.say()
    if not active:
        output.say("no run writes at the moment, and nothing is on its way")
        return
    active.sort(key=lambda one: -_behind(one))
    if len(active) > SHOWN:
        _print_runs(active)
        return
    columns = [output.Column("RUN"), output.Column("STREAM"), output.Column("WRITER"), output.Column("BEHIND", fold=True)]
    output.table(columns, [_stream_row(one) for one in active])


def _print_runs(active: list[dict[str, Any]]) -> None:
    """On a host with many runs a line is a run, the furthest behind first; `--json` has every stream."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for one in active:
        runs.setdefault(one["run"], []).append(one)
    columns = [output.Column("RUN"), output.Column("STREAMS", right=True), output.Column("ALIVE", right=True)]
    ordered = sorted(runs.items(), key=lambda item: -sum(map(_behind, item[1])))
    output.table([*columns, output.Column("BEHIND", right=True)], [[run, *_summed(streams)] for run, streams in ordered[:SHOWN]])
    if len(ordered) > SHOWN:
        rest = [one for _, streams in ordered[SHOWN:] for one in streams]
        streams, alive, behind = _summed(rest)
        output.say(f"… and {len(ordered) - SHOWN} more runs: {streams} streams, {alive} alive, {behind} behind")


def _summed(streams: list[dict[str, Any]]) -> list[str]:
    behind = sum(map(_behind, streams))
    return [f"{len(streams):,}", f"{sum(bool(one.get('alive')) for one in streams):,}", fmt.size(behind) if behind else "nothing"]


def _behind(stream: dict[str, Any]) -> int:
    """By the sink that is the furthest behind: what two of them wait for is one amount on disk."""
    return max(stream.get("pending", {}).values(), default=0)


def _stream_row(stream: dict[str, Any]) -> output.Row:
    behind = {name: amount for name, amount in stream.get("pending", {}).items() if amount}
    text = ", ".join(f"{name} {fmt.size(amount)}" for name, amount in behind.items())
    alive = output.Cell("alive", "green") if stream.get("alive") else output.Cell("ended", "dim")
    return [stream["run"], stream["writer"], alive, output.Cell(text or "nothing", "yellow" if behind else "")]
