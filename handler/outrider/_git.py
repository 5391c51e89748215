"""The git repository of a folder, under the names of properties that Azure ML and MLflow gave it. Asks `git`, where there is one."""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Iterable

_TIMEOUT_S = 5


def properties(folder: str) -> dict[str, str]:
    """`azureml.git.*` and `mlflow.source.git.*`; empty where the folder is in no repository."""
    commit = _git(folder, ["rev-parse", "HEAD"])
    if not commit:
        return {}
    address = _without_secret(_git(folder, ["config", "--get", "remote.origin.url"]))
    branch = _git(folder, ["rev-parse", "--abbrev-ref", "HEAD"])
    found = {
        "azureml.git.repository_uri": address,
        "azureml.git.branch": branch,
        "azureml.git.commit": commit,
        "azureml.git.dirty": str(bool(_git(folder, ["status", "--porcelain", "--untracked-files=no", "--", "."]))),
        "mlflow.source.git.repoURL": address,
        "mlflow.source.git.branch": branch,
        "mlflow.source.git.commit": commit,
    }
    return {key: value for key, value in found.items() if value}


def _without_secret(address: str) -> str:
    """An address may hold a password or a token before its @."""
    scheme, found, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if found and "@" in rest.partition("/")[0] else address


def _git(folder: str, arguments: Iterable[str]) -> str:
    import subprocess

    try:
        asked = ["git", "-C", folder, *arguments]
        found = subprocess.run(asked, capture_output=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.decode("utf-8", "replace").strip() if found.returncode == 0 else ""
