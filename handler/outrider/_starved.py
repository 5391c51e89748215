"""
What stands in for the API when its modules cannot be read, because the script has used up its descriptors: nothing is raised for that.

Calls are refused, and said once on stderr; each of them tries the real thing first. Imported with the package, so it imports nothing.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable

EXHAUSTED = (24, 23)  #: EMFILE, ENFILE: the same on Linux and macOS
_said: list[bool] = []


def stand_in(name: str, load: Callable[[str], Any]) -> Callable[..., Any]:
    """For the function `name` of the API; `load` imports the real one, or raises OSError."""

    def late(*args: Any, **kwargs: Any) -> Any:
        try:
            real = load(name)
        except OSError:
            _complain()
            return LateRun(load, args, kwargs) if name == "start_run" else None
        return real(*args, **kwargs)

    return late


class LateRun:
    """A run that could not be started yet: it is with the first call that finds a descriptor."""

    def __init__(self, load: Callable[[str], Any], args: Any, kwargs: Any) -> None:
        self._load, self._args, self._kwargs = load, args, kwargs
        self._run: Any = None
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        """The real run's, once there is one."""
        if name.startswith("_"):
            raise AttributeError(name)
        if self._run is None:
            try:
                self._run = self._load("start_run")(*self._args, **self._kwargs)
            except OSError:
                return self._refuse
        return getattr(self._run, name)

    def __enter__(self) -> LateRun:  # noqa: PYI034 -- typing.Self is not for 3.8
        return self

    def __exit__(self, *raised: object) -> None:
        if self._run is not None:
            self._run.__exit__(*raised)

    def _refuse(self, *_args: Any, **_kwargs: Any) -> None:
        self.refused += 1


def _complain() -> None:
    if not _said:
        _said.append(True)
        try:
            sys.stderr.write(
                "outrider: too many open files: nothing can be logged. Your script goes on; what it logs is left out until this is over. "
                "Close files, or raise the limit (ulimit -n).\n"
            )
        except Exception:  # noqa: BLE001 -- stderr may be closed, None, or an object of the script that raises
            return
