"""Which way a metric is better: `core/goals.py`, under the name that pages know it by."""

from __future__ import annotations

from outrider_agent.core.goals import best

__all__ = ["best"]
