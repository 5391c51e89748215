"""
Reading what is known of runs: from the agent, else from the spool or the store's file (`_local`). Never a part of it: HistoryUnavailable.

A run's *document* is a dict: `run` its id, `experiment`, `number`, `name`, `description`, `type`, `status`, `phase`, `reason`, `error`
{type, message, traceback}, `exit_code`, `started`, `ended` (ns), `parent`, `command`, `cwd`, `host`, `user`, `python`, `outputs`,
`snapshot`, `inputs`, `tags`, `properties`, `params`.
"""

from __future__ import annotations

from outrider import spool
from outrider._errors import RunNotFound

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

    Document = dict[str, Any]

#: How long the agent may take to commit what is there, seconds; the answer itself may take longer.
_DEADLINE_S = 5.0
_ANSWER_S = 60.0
#: One that does not even say that it is there (stopped, or starved) is not waited for again so soon, seconds.
_SILENCE_S = 30.0
_HEARD_S = 1.0


def run(home: str | None, run_id: str) -> Document:
    """The run's document, with everything that was written of it until now. Raises RunNotFound, HistoryUnavailable."""
    if home is None:
        raise RunNotFound(f"Outrider is turned off (OUTRIDER_DISABLED), so the run {run_id!r} cannot be looked up.")
    answer = ask(home, what="runs", run=run_id)
    if answer is None:
        from outrider import _local

        return _told(_local.run(home, run_id))
    return _told(answer["runs"][0])


def runs(home: str | None, *, experiment: str | None = None, parent: str | None = None, recursive: bool = False) -> list[Document]:
    """The documents of an experiment's runs, or of a run's children (with `recursive` theirs too), or of all; the newest first."""
    if home is None:
        return []
    answer = ask(home, what="runs", experiment=experiment, parent=parent, recursive=recursive)
    if answer is not None:
        return [_told(one) for one in answer["runs"]]
    from outrider import _local

    every = [_told(one) for one in _local.runs(home)]
    if parent is not None:
        below = _below(every, parent, recursive=recursive)
        every = [one for one in every if one["run"] in below]
    return [one for one in every if experiment is None or one["experiment"] == experiment]


def _told(document: Document) -> Document:
    """A run's snapshot is among its properties too; which one it is may change once, and then that one is."""
    if document.get("snapshot"):
        document["properties"] = {**(document.get("properties") or {}), "ContentSnapshotId": document["snapshot"]}
    return document


def metrics(home: str | None, run_id: str, *, recursive: bool = False) -> dict[str, Document]:
    """The payload (see `_metrics`) of the run, and with `recursive` of every run below it, by run id."""
    if home is None:
        return {run_id: {"series": [], "rows": [], "figures": []}}
    answer = ask(home, what="metrics", run=run_id, recursive=recursive, packed=True)
    if answer is not None:
        found: dict[str, Document] = answer["runs"]
        return found
    ids = [run_id, *(one["run"] for one in runs(home, parent=run_id, recursive=True))] if recursive else [run_id]
    from outrider import _local

    return _local.metrics(home, ids)


def files(home: str | None, run_id: str) -> dict[str, Document]:
    """
    The run's files in their last versions: `{path: {"sha": sha256 of its blob, "size": bytes, "time": ns}}`. What lies in its output
    folders and no agent has captured yet has a `local` path instead of `sha`; the console is `user_logs/std_log.txt`, with neither.
    """
    from outrider import _local, _spooled

    if home is None:
        return {}
    answer = ask(home, what="files", run=run_id)
    told = answer or _local.files(home, run_id)
    found: dict[str, Document] = {one["path"]: one for one in told["files"]}
    document = told["run"]
    if (answer is None or document["ended"] is None) and document["host"] in (None, spool.hostname()):
        for path, local, changed in _spooled.left_behind(document):
            if path not in found or found[path]["time"] < changed:
                found[path] = {"local": local}
    if told["console"] > 0:
        found.setdefault(CONSOLE, {})
    return found


#: The console's name among a run's files, and the one that older scripts ask for.
CONSOLE, OLD_CONSOLE = "user_logs/std_log.txt", "azureml-logs/70_driver_log.txt"


def console(home: str | None, run_id: str, start: int = 0) -> bytes:
    """What the run's command wrote (both streams, in the order they were read), from byte `start` on."""
    import base64

    if home is None:
        return b""
    found = b""
    while True:
        answer = ask(home, what="console", run=run_id, start=start + len(found))
        if answer is None:
            from outrider import _local

            return _local.console(home, run_id, start)
        found += base64.b64decode(answer["data"])
        if start + len(found) >= answer["total"] or not answer["data"]:
            return found


def tail(home: str | None, run_id: str, count: int) -> list[str]:
    """The run's last lines, at most `count`: of its console, or where it has none its log records, as `LEVEL logger: message`."""
    import base64

    from outrider import _tail

    if home is None:
        return []
    answer = ask(home, what="tail", run=run_id, count=count)
    if answer is not None:
        return _tail.lines(base64.b64decode(answer["console"]), answer["logs"], count)
    from outrider import _local

    return _tail.lines(*_local.tail(home, run_id, count), count)


def ask(home: str, **question: Any) -> Document | None:
    """
    The agent's answer to POST /history; None when there is no agent, or it does not answer in time: then the spool has it all.

    Raises RunNotFound.
    """
    from outrider import control

    agent = control.agent_info(home)
    if agent is None or not _answers(home, agent.get("pid")):
        return None
    body = {**{key: value for key, value in question.items() if value is not None}, "timeout": _DEADLINE_S}
    try:
        status, answer = control.request(home, "POST", "/history", body, timeout=_ANSWER_S)
    except control.ControlError:
        return None
    if status == 404 and isinstance(answer, dict) and "/history" not in str(answer.get("error")):
        asked = question.get("run") or question.get("parent")
        raise RunNotFound(f"There is no run {asked!r} in {home}. `outrider runs` lists those there are.")
    return answer if status == 200 and isinstance(answer, dict) else None


def _answers(home: str, pid: Any) -> bool:
    """
    Does that agent answer at all? Asked where it has not answered within the last second: one that was stopped holds its socket open, and
    nobody should wait a minute for what the store and the spool say as well.
    """
    from time import monotonic

    from outrider import control

    known, until, heard = _agents.get(home, (None, 0.0, False))
    if known == pid and monotonic() < until:
        return heard
    try:
        control.request(home, "GET", "/health", timeout=_DEADLINE_S)
    except control.ControlError:
        _agents[home] = (pid, monotonic() + _SILENCE_S, False)
        return False
    _agents[home] = (pid, monotonic() + _HEARD_S, True)
    return True


#: Of each home's agent: its pid, until when it need not be asked again, and whether it answered.
_agents: dict[str, tuple[Any, float, bool]] = {}


def flush(run_id: str, writer: Any, timeout: float) -> bool:
    """Asks the agent to commit up to this process's position; True when it has."""
    from outrider import control

    home = getattr(writer, "home", None)
    if home is None:
        return True
    body = {"run": run_id, "timeout": timeout, "upto": {writer.name: list(writer.position())} if writer.name else {}}
    try:
        status, answer = control.request(home, "POST", "/flush", body, timeout=timeout + 1.0)
    except control.ControlError:
        return False
    return status == 200 and isinstance(answer, dict) and bool(answer.get("done"))


def _below(documents: list[Document], parent: str, *, recursive: bool) -> set[str]:
    """The ids of a run's children, or of all below it."""
    children: dict[str, list[str]] = {}
    for one in documents:
        children.setdefault(one["parent"] or "", []).append(one["run"])
    found: set[str] = set()
    waiting = list(children.get(parent, []))
    while waiting:
        run_id = waiting.pop()
        if run_id not in found and run_id != parent:
            found.add(run_id)
            waiting += children.get(run_id, []) if recursive else []
    return found
