"""A home with an agent, without one, or with one that comes in between: what scripts are answered must not differ."""

from __future__ import annotations

import contextlib
import os

from waiting import until

from outrider import control, spool

MODES = ["with an agent", "without an agent", "with an agent that comes later", "with an agent that has ended"]


class Mode:
    """The home of a test. `between` is called after something was written and before it is read."""

    def __init__(self, home, name):
        self.home, self.name = str(home), name
        self.has_agent = False
        if name == MODES[0]:
            self.start()

    def start(self):
        assert control.start_agent(self.home, wait=60.0)
        self.has_agent = True

    def between(self):
        if self.name in MODES[2:] and not self.has_agent:
            self.start()
        if self.name == MODES[3]:
            self.stop()

    def stop(self):
        if self.has_agent:
            with contextlib.suppress(control.ControlError):
                control.request(self.home, "POST", "/stop")
            until(lambda: not spool.is_locked(os.path.join(self.home, "agent.lock")), message="the agent did not end")
            self.has_agent = False
