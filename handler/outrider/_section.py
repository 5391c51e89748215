"""The base of configurations: attributes that are there may be set, a misspelled one is an error and not silently without effect."""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any


class Section:
    """Takes its attributes in `__init__`, after that those it has. What does not begin with `_` is part of the configuration."""

    _complete = False

    def __init__(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_complete", True)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._complete and not hasattr(self, name):
            import difflib

            close = difflib.get_close_matches(name, self.as_dict(), 1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(self.as_dict())}"
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{hint}")
        object.__setattr__(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """What is configured, by name; sections within it as dicts."""
        found = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {name: value.as_dict() if isinstance(value, Section) else value for name, value in found.items()}

    def update(self, values: dict[str, Any]) -> None:
        """Sets what `as_dict` gave. Names that are not there any more are passed over."""
        for name, value in values.items():
            present = getattr(self, name, None)
            if isinstance(present, Section) and isinstance(value, dict):
                present.update(value)
            elif hasattr(self, name):
                setattr(self, name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.as_dict().items())})"
